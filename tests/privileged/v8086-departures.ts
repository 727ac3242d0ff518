/** Departures of QEMU in virtual-8086 mode. */
import type { Departure } from './departures.ts';

export const v8086Departures: readonly Departure[] = [
  {
    program: 'v8086-32',
    case: 'iret by IOPL',
    section: 'SDM 2A, IRET',
    reason: 'the return address is checked against the limit of the code segment',
    lines: [
      [
        4,
        '#GP(0x0) at 1003:00010000 flags 00033002 stack 2000:00001000 ax 11112222',
        '#GP(0x0) at 1003:+f flags 00033002 stack 2000:00000ff4 ax 11112222',
      ],
    ],
  },
  {
    program: 'v8086-32',
    case: 'segments: base is selector times 16, the limit 64 KiB',
    section: 'SDM 3A, 5.3; SDM 2A, JMP',
    reason: 'offsets are checked against the limit of 64 KiB',
    lines: [
      [
        3,
        '#GP(0x0) at 1003:+3 flags 00033002 stack 2000:00001000 ax 11110000',
        '#GP(0x0) at 1003:+0 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        5,
        '#GP(0x0) at 1003:+4 flags 00033002 stack 2000:00001000 ax 00000000',
        '#GP(0x0) at 1003:+0 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        6,
        '#GP(0x0) at 1003:+3 flags 00033002 stack 2000:00001000 ax 11112222',
        '#GP(0x0) at 1003:+0 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        7,
        '#GP(0x0) at 1003:+4 flags 00033002 stack 2000:00001000 ax 11110000',
        '#GP(0x0) at 1003:+0 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        8,
        '#GP(0x0) at 1003:+c flags 00033002 stack 2000:00001000 ax 11112222',
        '#GP(0x0) at 1003:+9 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        9,
        '#GP(0x0) at 1003:+d flags 00033002 stack 2000:00001000 ax 11112222',
        '#GP(0x0) at 1003:+9 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        10,
        '#GP(0x0) at 1003:+d flags 00033002 stack 2000:00001000 ax 11112200',
        '#SS(0x0) at 1003:+9 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        11,
        '#GP(0x0) at 1003:+d flags 00033002 stack 2000:00001000 ax 11112200',
        '#SS(0x0) at 1003:+9 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        12,
        '#GP(0x0) at 1003:+c flags 00033002 stack 2000:00001000 ax 11110000',
        '#SS(0x0) at 1003:+9 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        13,
        '#GP(0x0) at 1003:00010000 flags 00033002 stack 2000:00001000 ax 11112222',
        '#GP(0x0) at 1003:+9 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
    ],
  },
  {
    program: 'v8086-32',
    case: 'the stack wraps at 64 KiB; a slot across its end is #SS',
    section: 'SDM 3A, 5.3',
    reason: 'offsets are checked against the limit of 64 KiB',
    lines: [
      [
        1,
        '#GP(0x0) at 1003:+11 flags 00033002 stack 2000:0000ffff ax 11111234',
        '#SS(0x0) at 1003:+10 flags 00033002 stack 2000:00000001 ax 11111234',
      ],
      [
        2,
        '#GP(0x0) at 1003:+5 flags 00033002 stack 2000:0000fffe ax 11112222',
        '#SS(0x0) at 1003:+3 flags 00033002 stack 2000:00000002 ax 11112222',
      ],
    ],
  },
  {
    program: 'v8086-32',
    case: 'far jumps, calls and returns',
    section: 'SDM 2A, JMP; SDM 2B, RET',
    reason: 'the target is checked against the limit of the code segment',
    lines: [
      [
        2,
        '#GP(0x0) at 1003:00010000 flags 00033002 stack 2000:00001000 ax 11111003',
        '#GP(0x0) at 1003:+10 flags 00033002 stack 2000:00001000 ax 11111003',
      ],
      [
        3,
        '#GP(0x0) at 1003:00010000 flags 00033002 stack 2000:00001000 ax 11112222',
        '#GP(0x0) at 1003:+c flags 00033002 stack 2000:00000ff8 ax 11112222',
      ],
    ],
  },
  {
    program: 'v8086-32',
    case: 'handlers that are not at level 0: #GP',
    section: 'SDM 3B, 21.3.1.1',
    reason: 'out of virtual-8086 mode the handler is at level 0',
    lines: [
      [
        0,
        '#GP(0x10) at 0059:0015000f flags 00013002 stack 0061:001dffdc ax 00000000',
        '#GP(0x58) at 1003:+0 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
      [
        1,
        '#GP(0x10) at 0059:0015000f flags 00013002 stack 0061:001dffdc ax 00000000',
        '#GP(0x58) at 1003:+0 flags 00033002 stack 2000:00001000 ax 11112222',
      ],
    ],
  },
  {
    program: 'v8086-32',
    case: 'bad stacks of level 0',
    section: 'SDM 2A, INT n/INTO/INT3/INT1',
    reason: 'the stack of level 0 must have room for nine slots: #SS with its selector',
    lines: [[13, 'ffffffff', ['00000078', '00023002', '00001000', '00001003']]],
  },
  {
    program: 'v8086-32',
    case: 'a pending interrupt comes when IF is set',
    section: 'SDM 3A, 6.8.3',
    reason: 'MOV to SS holds interrupts back whatever was in front of it',
    lines: [
      [
        2,
        'int 0x22 at 1003:+5 flags 00023202 stack 2000:00001000 ax 11112000',
        'int 0x22 at 1003:+6 flags 00023202 stack 2000:00001000 ax 11112001',
      ],
    ],
  },
  {
    program: 'v8086-32',
    case: 'iret to virtual-8086 mode: not from level 3',
    section: 'SDM 2A, IRET',
    reason: 'only IRET at level 0 sets VM',
    lines: [
      [
        0,
        '#GP(0x0) at 001b:+14 flags 00033002 stack 0023:001c0000 ax 11112000',
        [
          'int 0x30 at 001b:+18 flags 00003002 stack 0023:001bfff8 ax 00003002',
          'int 0x30 at 001b:+22 flags 00003202 stack 0023:001bfff8 ax 00003202',
          'int 0x31 at 001b:+24 flags 00003202 stack 0023:001bfff8 ax 00003202',
        ],
      ],
    ],
  },
  {
    program: 'v8086-32',
    case: 'a task in virtual-8086 mode with IP beyond 64 KiB; with an LDT that is none',
    section: 'SDM 3A, 8.3',
    reason: 'a fault in the new task is at its first instruction',
    lines: [
      [
        0,
        '#GP(0x0) at 1003:000107ff flags 00037ed7 stack 2000:00001000 ax 00000000',
        '#GP(0x0) at 1003:00010000 flags 00037ed7 stack 2000:00001000 ax 00000000',
      ],
      [
        1,
        '#TS(0x10) at 1003:+838 flags 00037ed7 stack 2000:00001000 ax 00000000',
        '#TS(0x10) at 1003:+34a flags 00037ed7 stack 2000:00001000 ax 00000000',
      ],
    ],
  },
];
