/**
 * Registers that a case does not care about, from a seed. Recorded vectors keep the seed instead of the values: what
 * these functions give must never change.
 */

const edges = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff] as const;
const doubles = [0, -0, 1, -1, 0.5, 2, 1e10, -1e-10, 4294967296, 2147483647.5, -2147483648, 2 ** 63] as const;
const strangeDoubles = [Infinity, -Infinity, NaN, 5e-324, 2 ** -1022, -(2 ** -1022), 1.7976931348623157e308] as const;

export const seedCount = 0x10000;

/** A xorshift generator. */
function wordsOf(seed: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b9) ^ 0x2545f491) | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

function registerValue(next: () => number): bigint {
  const kind = next() >>> 28;
  const low = BigInt(next());
  if (kind < 6) return (BigInt(next()) << 32n) | low;
  if (kind < 8) return low;
  const edge = BigInt(at(edges, Number(low >> 8n)));
  if (kind < 12) return edge;
  const shifted = edge << BigInt(next() >>> 26);
  return BigInt.asUintN(64, kind < 14 ? shifted : -shifted);
}

/** Sixteen general registers. */
export function fillerRegisters(seed: number): bigint[] {
  const next = wordsOf(seed);
  return Array.from({ length: 16 }, () => registerValue(next));
}

const fxsave = { control: 0, tag: 4, mxcsr: 24, mxcsrMask: 28, st: 32, xmm: 160, bytes: 512 } as const;

/** XMM and MMX registers as an FXSAVE image; exceptions are masked, rounding is to nearest. */
export function fillerVectors(seed: number): Uint8Array {
  const next = wordsOf(seed);
  const image = new Uint8Array(fxsave.bytes);
  const view = new DataView(image.buffer);
  view.setUint16(fxsave.control, 0x37f, true);
  image[fxsave.tag] = 0xff;
  view.setUint32(fxsave.mxcsr, 0x1f80, true);
  view.setUint32(fxsave.mxcsrMask, 0xffff, true);
  for (let i = 0; i < 16; i++) fillVector(next, new DataView(image.buffer, fxsave.xmm + 16 * i, 16));
  for (let i = 0; i < 8; i++) {
    view.setBigUint64(fxsave.st + 16 * i, registerValue(next), true);
    view.setUint16(fxsave.st + 16 * i + 8, 0xffff, true);
  }
  return image;
}

function fillVector(next: () => number, view: DataView): void {
  const kind = next() >>> 29;
  for (let i = 0; i < 4; i++) {
    const word = next();
    if (kind < 2) view.setUint32(4 * i, word, true);
    else if (kind < 4) view.setFloat32(4 * i, floatOf(word), true);
    else if (kind < 6) view.setUint32(4 * i, at(edges, word >>> 8), true);
    else if (i % 2 === 0) view.setFloat64(4 * i, floatOf(word), true);
  }
}

function floatOf(word: number): number {
  const kind = word & 7;
  if (kind < 2) return at(strangeDoubles, word >>> 8);
  if (kind < 4) return at(doubles, word >>> 8);
  return ((word >>> 8) - 0x800000) / (kind < 6 ? 64 : 4096);
}
