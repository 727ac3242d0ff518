/** Classes of 80-bit values, and what an operation does with operands that are not numbers (SDM 1, 4.8.3, 8.2.2). */
import { cell, copyCell, exception, type Float80Unit, invalid } from './unit.ts';

export const kind = {
  zero: 0,
  denormal: 1,
  normal: 2,
  infinity: 3,
  quietNan: 4,
  signalingNan: 5,
  /** Pseudo-NaN, pseudo-infinity, unnormal: encodings that the 387 and later refuse. */
  unsupported: 6,
} as const;

/** The class of a cell. Pseudo-denormals count as denormal. */
export function kindOf(u: Float80Unit, at: number): number {
  const w = u.words;
  const lo = w[at]!;
  const hi = w[at + 1]!;
  const exponent = w[at + 2]! & 0x7fff;
  if (exponent === 0) return (hi | lo) === 0 ? kind.zero : kind.denormal;
  if (hi >= 0) return kind.unsupported;
  if (exponent !== 0x7fff) return kind.normal;
  if (((hi & 0x7fffffff) | lo) === 0) return kind.infinity;
  return (hi & 0x40000000) !== 0 ? kind.quietNan : kind.signalingNan;
}

export const isNumber = (k: number): boolean => k <= kind.infinity;

function quietInto(u: Float80Unit, from: number): void {
  copyCell(u, from, cell.r);
  u.words[cell.r + 1]! |= 0x40000000;
}

/** Whether the significand of A is above (1), equal to (0) or below (-1) that of B. */
function compareSignificands(u: Float80Unit): number {
  const w = u.words;
  const aHi = w[cell.a + 1]! >>> 0;
  const bHi = w[cell.b + 1]! >>> 0;
  if (aHi !== bHi) return aHi > bHi ? 1 : -1;
  const aLo = w[cell.a]! >>> 0;
  const bLo = w[cell.b]! >>> 0;
  return aLo === bLo ? 0 : aLo > bLo ? 1 : -1;
}

/** R for an operation on A whose class is a NaN or unsupported. */
export function unaryNan(u: Float80Unit, ka: number): void {
  if (ka === kind.unsupported) {
    invalid(u);
    return;
  }
  if (ka === kind.signalingNan) u.raised |= exception.IE;
  quietInto(u, cell.a);
}

/** R for an operation on A and B of which at least one is a NaN or unsupported (SDM 1, table 4-7). */
export function binaryNan(u: Float80Unit, ka: number, kb: number): void {
  if (ka === kind.unsupported || kb === kind.unsupported) {
    invalid(u);
    return;
  }
  if (ka === kind.signalingNan || kb === kind.signalingNan) u.raised |= exception.IE;
  if (isNumber(ka)) quietInto(u, cell.b);
  else if (isNumber(kb)) quietInto(u, cell.a);
  else if (ka !== kb) quietInto(u, ka === kind.quietNan ? cell.a : cell.b);
  else {
    const order = compareSignificands(u);
    const preferA = order !== 0 ? order > 0 : (u.words[cell.a + 2]! & 0x8000) === 0;
    quietInto(u, preferA ? cell.a : cell.b);
  }
}

/**
 * Gives a non-zero finite cell a significand with the top bit set and returns its biased exponent, which falls below
 * one for denormals. Raises DE for those.
 */
export function normalizeOperand(u: Float80Unit, at: number): number {
  const w = u.words;
  const exponent = w[at + 2]! & 0x7fff;
  if (exponent !== 0) return exponent;
  u.raised |= exception.DE;
  let hi = w[at + 1]!;
  let lo = w[at]!;
  let shift = 0;
  if (hi === 0) {
    hi = lo;
    lo = 0;
    shift = 32;
  }
  const n = Math.clz32(hi);
  if (n !== 0) {
    hi = (hi << n) | (lo >>> (32 - n));
    lo <<= n;
  }
  w[at] = lo;
  w[at + 1] = hi;
  return 1 - shift - n;
}
