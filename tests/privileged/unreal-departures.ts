/** Departures of QEMU about limits in real mode. */
import type { Departure } from './departures.ts';

export const unrealDepartures: readonly Departure[] = [
  {
    program: 'unreal-32',
    case: 'limits in real mode: 64 KiB, 4 GiB, others; a big stack; 32-bit code',
    section: 'SDM 3A, 5.3 and 10.9.1',
    reason: 'offsets are checked against the limits of segments, which real mode keeps',
    lines: [
      [2, '600d0000', 'f00d0000'],
      [3, '600d0000', 'f00d0000'],
      [4, '600d0000', 'f00c0000'],
      [5, '600d0000', 'f00d0000'],
      [6, '600d0000', 'f00d0000'],
      [10, '600d0000', 'f00c0000'],
      [17, '600d5678', 'f00d0000'],
      [28, '600d0000', 'f00d0000'],
      [29, '600d0000', 'f00d0000'],
      [30, '600d0000', 'f00d0000'],
    ],
  },
];
