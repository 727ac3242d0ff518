/** Departures of QEMU about floating-point exceptions. */
import type { Departure } from './departures.ts';

export const numericDepartures: readonly Departure[] = [
  {
    program: 'numeric-32',
    case: 'CR0.NE: #MF in front of the next waiting instruction',
    section: 'SDM 1, 8.7.1 and 8.5.3',
    reason: '#MF comes at every waiting instruction, and FDIVP by zero does not pop',
    lines: [[0, 'no fault', '#MF at 0008:+f flags 00010002 stack 0010:001f0000 ax 00000031']],
  },
  {
    program: 'numeric-32',
    case: 'what waits, and what does not',
    section: 'SDM 1, 8.7.1, 8.5.3 and 8.1.3.3; SDM 2A, FSTENV/FNSTENV',
    reason: '#MF comes at every waiting instruction; FDIVP by zero does not pop; ES follows from the masks',
    lines: [
      [1, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [3, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [4, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [5, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [6, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [7, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [8, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [9, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [10, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [11, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b084'],
      [13, '0000b884', '0000b084'],
      [15, '0000b884', '0000b084'],
      [17, '0000b884', '0000b084'],
      [19, '00003800', '00003000'],
      [23, '0000b884', '00003004'],
      [24, '#MF at 0008:+0 flags 00010046 stack 0010:001f0000 ax 0000b884', 'no fault'],
      [
        26,
        '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b884',
        '#MF at 0008:+0 flags 00010046 stack 0010:001f0000 ax 00003004',
      ],
      [
        30,
        '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000b884',
        '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00003004',
      ],
    ],
  },
  {
    program: 'numeric-32',
    case: 'an exception that is unmasked later',
    section: 'SDM 1, 8.1.3.3',
    reason: 'ES follows from the masks',
    lines: [[1, 'no fault', '#MF at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00003004']],
  },
  {
    program: 'numeric-32',
    case: '#MF at level 3',
    section: 'SDM 1, 8.5.3',
    reason: 'FDIVP by zero does not pop',
    lines: [
      [
        0,
        '#MF at 001b:+0 flags 00010002 stack 0023:001c0000 ax 0000b884',
        '#MF at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00003004',
      ],
    ],
  },
  {
    program: 'numeric-32',
    case: 'wait, x87, MMX and SSE by MP, EM and TS',
    section: 'SDM 3A, 2.5',
    reason: 'MMX and SSE are undefined with CR0.EM, whatever CR0.TS is',
    lines: [
      [
        69,
        '#NM at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000003d',
        '#UD at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000003d',
      ],
      [
        70,
        '#NM at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000003d',
        '#UD at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000003d',
      ],
      [
        80,
        '#NM at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000003f',
        '#UD at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000003f',
      ],
      [
        81,
        '#NM at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000003f',
        '#UD at 0008:+0 flags 00010002 stack 0010:001f0000 ax 0000003f',
      ],
    ],
  },
];
