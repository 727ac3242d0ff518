/** Departures of QEMU about task switches that fault, and call gates. */
import type { Departure } from './departures.ts';

export const switchDepartures: readonly Departure[] = [
  {
    program: 'switches-32',
    case: 'page faults of the new TSS: either page, absent, read-only',
    section: 'SDM 3A, 8.3',
    reason: 'of the old TSS what is saved is written, EIP to GS, and nothing else',
    lines: [
      [
        41,
        '#PF(0x3) cr2 00105fd0 at 0008:+752 flags 00010002 stack 0010:001d0000 ax 00000000',
        '#PF(0x3) cr2 00105ff0 at 0008:+752 flags 00010002 stack 0010:001d0000 ax 00000000',
      ],
      [
        50,
        '#PF(0x3) cr2 00106037 at 0008:+6bc flags 00014002 stack 0010:001d0000 ax 00000000',
        '#PF(0x3) cr2 00106000 at 0008:+6bc flags 00014002 stack 0010:001d0000 ax 00000000',
      ],
      [
        59,
        '#PF(0x3) cr2 00106037 at 0008:+644 flags 00010002 stack 0010:001d0000 ax 00000000',
        '#PF(0x3) cr2 00106000 at 0008:+644 flags 00010002 stack 0010:001d0000 ax 00000000',
      ],
    ],
  },
  {
    program: 'switches-32',
    case: 'page faults of the old TSS',
    section: 'SDM 3A, 8.3',
    reason: 'of the old TSS what is saved is written, EIP to GS, and nothing else',
    lines: [
      [
        0,
        '#PF(0x0) cr2 00106037 at 0008:+0 flags 00014006 stack 0010:001d0000 ax 00311418',
        '#PF(0x2) cr2 00106000 at 0008:+0 flags 00014006 stack 0010:001d0000 ax 00311418',
      ],
      [
        8,
        '#PF(0x3) cr2 00106037 at 0008:+0 flags 00014006 stack 0010:001d0000 ax 00311418',
        '#PF(0x3) cr2 00106000 at 0008:+0 flags 00014006 stack 0010:001d0000 ax 00311418',
      ],
    ],
  },
  {
    program: 'switches-32',
    case: 'stacks of level 1 that have no room for the parameters',
    section: 'SDM 2A, CALL',
    reason: 'the new stack must have room for the parameters and four slots: #SS with its selector',
    lines: [
      [
        1,
        'int 0x31 at 0071:00150061 flags 00003002 stack 00a9:ffffffff ax 00000015',
        '#SS(0xa8) at 001b:+0 flags 00013002 stack 0023:001c0000 ax 00000015',
      ],
      [
        2,
        'int 0x31 at 0071:00150061 flags 00003002 stack 00a9:fffffff4 ax 00000015',
        '#SS(0xa8) at 001b:+0 flags 00013002 stack 0023:001c0000 ax 00000015',
      ],
    ],
  },
  {
    program: 'switches-32',
    case: "parameters in an absent page of the caller's stack",
    section: 'SDM 3A, 4.6.1',
    reason: "parameters are read from the caller's stack with the caller's rights",
    lines: [
      [
        0,
        '#PF(0x0) cr2 fffffffc at 001b:+5 flags 00013002 stack 0023:fffffff8 ax 00000015',
        '#PF(0x4) cr2 fffffffc at 001b:+5 flags 00013002 stack 0023:fffffff8 ax 00000015',
      ],
    ],
  },
];
