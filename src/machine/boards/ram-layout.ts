import { type BackedRamRange, gpa } from '../memory/index.ts';

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;

/** The VGA window is not RAM. */
export const vgaWindow = { start: 0xa0000, end: 0xc0000 } as const;
/** From here to 4 GiB there are devices. */
const deviceHoleStart = 3 * gib;
const deviceHoleEnd = 4 * gib;
const pageBytes = 4096;

/**
 * The RAM ranges of a PC with this much memory. Below 3 GiB the backing store's offsets are the addresses, so
 * the part of it behind the VGA window is never used. Throws RangeError for sizes that no PC has.
 */
export function ramRangesFor(sizeBytes: number): BackedRamRange[] {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < mib || sizeBytes % pageBytes !== 0) {
    throw new RangeError(`Cannot lay out ${sizeBytes} bytes of RAM: not a whole number of pages from 1 MiB up`);
  }
  const lowEnd = Math.min(sizeBytes, deviceHoleStart);
  const ranges: BackedRamRange[] = [
    { start: gpa(0), sizeBytes: vgaWindow.start, offset: 0 },
    { start: gpa(vgaWindow.end), sizeBytes: lowEnd - vgaWindow.end, offset: vgaWindow.end },
  ];
  if (sizeBytes > lowEnd) ranges.push({ start: gpa(deviceHoleEnd), sizeBytes: sizeBytes - lowEnd, offset: lowEnd });
  return ranges;
}
