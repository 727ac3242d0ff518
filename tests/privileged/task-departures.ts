/** Departures of QEMU about hardware task switches. */
import type { Departure } from './departures.ts';

export const taskDepartures: readonly Departure[] = [
  {
    program: 'tasks-32',
    case: 'jump to a task and back',
    section: 'SDM 3A, 8.3',
    reason: "the old task's EFLAGS are those in front of the jump, CF set",
    lines: [
      [11, '00000046', '00000047'],
      [18, '00000046', '00000047'],
    ],
  },
  {
    program: 'tasks-32',
    case: 'bad targets of gates: null, not a task, busy, absent',
    section: 'SDM 2A, CALL (TASK-GATE)',
    reason: 'a gate whose TSS selector names the LDT is #GP',
    lines: [
      [
        4,
        '#TS(0x54) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000002',
        '#GP(0x54) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000002',
      ],
    ],
  },
  {
    program: 'tasks-32',
    case: 'EIP of a new task beyond its code segment',
    section: 'SDM 3A, 8.3',
    reason: 'a fault in the new task is at its first instruction',
    lines: [
      [
        0,
        '#GP(0x0) at 0078:+eec flags 00010002 stack 0010:001d0000 ax aaaa0001',
        '#GP(0x0) at 0078:+100 flags 00010002 stack 0010:001d0000 ax aaaa0001',
      ],
    ],
  },
  {
    program: 'tasks-32',
    case: 'local breakpoints end with a task',
    section: "Intel386 DX Programmer's Reference, 12.2.2",
    reason: 'a task switch clears LE too',
    lines: [[8, '00000700', '00000600']],
  },
  {
    program: 'tasks-32',
    case: 'the debug trap flag of a TSS',
    section: 'SDM 3B, 18.3.1.4',
    reason: "a debug trap comes before the task's first instruction",
    lines: [
      [0, 'no fault', '#DB at 0008:+1b0 flags 00004002 stack 0010:001d0000 ax aaaa0001'],
      [1, 'ffff0ff0', 'ffff8ff0'],
    ],
  },
];
