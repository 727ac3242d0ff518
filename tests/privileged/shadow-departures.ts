/** Departures of QEMU about what holds interrupts and debug traps back. */
import type { Departure } from './departures.ts';

export const shadowDepartures: readonly Departure[] = [
  {
    program: 'shadows-32',
    case: 'a pending interrupt: behind the instruction behind STI',
    section: 'SDM 3A, 6.8.3',
    reason: 'MOV to SS holds interrupts back whatever was in front of it',
    lines: [
      [2, '00000002', '00000003'],
      [3, '00000000', '00000001'],
    ],
  },
  {
    program: 'shadows-32',
    case: 'a breakpoint on the operand of MOV SS and POP SS: the trap is behind the next instruction',
    section: 'SDM 3A, 6.8.3',
    reason: 'MOV and POP to SS hold debug traps back until the next instruction has run',
    lines: [
      [
        0,
        '#DB at 0008:+6 flags 00000002 stack 0010:001f0000 ax 000f0001',
        '#DB at 0008:+7 flags 00000002 stack 0010:001f0000 ax 000f0001',
      ],
      [2, 'no fault', '#DB at 0008:+a flags 00000002 stack 0010:001f0000 ax 000f0001'],
      [3, '#DB at 0008:00100168 flags 00000002 stack 0010:001effd4 ax 4e13004a', 'no fault'],
    ],
  },
  {
    program: 'shadows-32',
    case: "the same in front of INT n: the handler's first instruction is where it is",
    section: 'SDM 3A, 6.8.3',
    reason: 'MOV and POP to SS hold debug traps back until the next instruction has run',
    lines: [
      [
        0,
        '#DB at 0008:+6 flags 00000002 stack 0010:001f0000 ax 000f0001',
        '#DB at 0008:00150000 flags 00000002 stack 0010:001efff4 ax 000f0001',
      ],
    ],
  },
];
