import { arena } from './places.ts';

export const imageCount = 64;

const edges: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0xffff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x100n,
];

function makeImage(number: number): Uint8Array {
  const image = new Uint8Array(arena.bytes);
  const view = new DataView(image.buffer);
  let state = (Math.imul(number, 0x9e3779b9) + 0x1234567) | 0;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let at = 0; at < image.length; at += 8) {
    const [low, high, kind] = [next(), next(), next()];
    if ((kind & 7) === 0) view.setBigUint64(at, edges[kind >>> 28] ?? 0n, true);
    else {
      view.setUint32(at, low, true);
      view.setUint32(at + 4, high, true);
    }
  }
  return image;
}

const images: (Uint8Array | undefined)[] = [];

/** What the arena holds before patches. The same as `make_image` in native.c; recorded vectors rely on it. */
export function arenaImage(number: number): Uint8Array {
  images[number] ??= makeImage(number);
  return images[number];
}
