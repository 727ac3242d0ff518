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

/** FXSAVE's image, and behind it the upper halves of YMM registers. */
export const vectorImage = { high: 512, bytes: 512 + 256 } as const;

const fxsave = { control: 0, tag: 4, mxcsr: 24, mxcsrMask: 28, st: 32, xmm: 160 } as const;

/** XMM and MMX registers as an FXSAVE image, and upper halves; exceptions are masked, rounding is to nearest. */
export function fillerVectors(seed: number): Uint8Array {
  const next = wordsOf(seed);
  const image = new Uint8Array(vectorImage.bytes);
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
  const nextHigh = wordsOf(seed ^ 0x4196);
  for (let i = 0; i < 16; i++) fillVector(nextHigh, new DataView(image.buffer, vectorImage.high + 16 * i, 16));
  return image;
}

/** The same with unusual floats in XMM registers, and any MXCSR. */
export function floatingVectors(seed: number): Uint8Array {
  const image = fillerVectors(seed);
  const next = wordsOf(seed ^ 0x5eed);
  const view = new DataView(image.buffer);
  view.setUint32(fxsave.mxcsr, mxcsrOf(next()), true);
  for (let i = 0; i < 16; i++) unusualFloats(next, new DataView(image.buffer, fxsave.xmm + 16 * i, 16));
  for (let i = 0; i < 16; i++) unusualFloats(next, new DataView(image.buffer, vectorImage.high + 16 * i, 16));
  return image;
}

/** A control and status word: often with everything masked, at times with nothing but rounding to nearest. */
export function mxcsrOf(word: number): number {
  const flags = word & 0x3f;
  const masks = ((word >>> 6) & 7) === 0 ? (word >>> 9) & 0x1f80 : 0x1f80;
  const others = ((word >>> 22) & 3) === 0 ? 0 : (word >>> 16) & 0xe040;
  return flags | masks | others;
}

/** Fills a vector with floats of one precision whose exponents and fractions are edges more often than not. */
export function unusualFloats(next: () => number, view: DataView): void {
  const isDouble = next() >>> 31 === 1;
  for (let i = 0; i < 16; i += isDouble ? 8 : 4) {
    if (isDouble) view.setBigUint64(i, unusualFloat(next, 11, 52), true);
    else view.setUint32(i, Number(unusualFloat(next, 8, 23)), true);
  }
}

function unusualFloat(next: () => number, exponentBits: number, fractionBits: number): bigint {
  const kinds = next();
  const top = (1 << exponentBits) - 1;
  const bias = top >> 1;
  const exponents = [
    0,
    0,
    1,
    2,
    fractionBits,
    bias - fractionBits,
    bias - 1,
    bias,
    bias + 1,
    bias + 31,
    bias + 63,
  ] as const;
  const more = [
    bias + fractionBits,
    bias + (bias >> 1),
    bias >> 1,
    top - 1,
    top,
    top,
    next() % top,
    bias - 4 + (next() & 7),
  ] as const;
  const exponent = at([...exponents, ...more], kinds >>> 24);
  const all = (1n << BigInt(fractionBits)) - 1n;
  const random = ((BigInt(next()) << 32n) | BigInt(next())) & all;
  const bit = 1n << BigInt(next() % fractionBits);
  const fractions = [0n, 0n, 1n, all, all - 1n, bit, bit - 1n, all ^ bit, random, random, random & (bit - 1n)] as const;
  const fraction = at(
    [...fractions, random & ~(bit - 1n), (1n << BigInt(fractionBits - 1)) | 1n],
    (kinds >>> 12) & 0xfff,
  );
  return (
    (BigInt(kinds & 1) << BigInt(exponentBits + fractionBits)) | (BigInt(exponent) << BigInt(fractionBits)) | fraction
  );
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
