import { Random } from './witness/random.ts';

/** Bytes with the calls, jumps and repetitions of x86 code, for filters and decompressors. */
export function x86LikeBytes(sizeBytes: number): Uint8Array {
  const random = new Random(86);
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  while (at + 5 <= sizeBytes) {
    const kind = random.below(6);
    if (kind === 0) {
      bytes[at] = random.pick([0xe8, 0xe9]);
      view.setInt32(at + 1, random.between(-at, sizeBytes - at), true);
      at += 5;
    } else if (kind === 1) {
      bytes[at++] = random.pick([0xe8, 0xe9, 0x00, 0xff]);
    } else if (kind === 2 && at > 64) {
      const length = Math.min(random.between(2, 40), sizeBytes - at);
      const from = at - random.between(1, 64);
      bytes.copyWithin(at, from, from + length);
      at += length;
    } else {
      bytes[at++] = random.pick([0x48, 0x89, 0x8b, 0x0f, 0x55, 0xc3, random.below(256)]);
    }
  }
  return bytes;
}
