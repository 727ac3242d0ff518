/** Conversions between 80-bit values and the memory formats (SDM 1, 4.2, 8.1.2), and rounding to integers. */
import { isNumber, kind, kindOf, unaryNan } from './classify.ts';
import {
  cell,
  copyCell,
  exception,
  type Float80Unit,
  isTiny,
  precision,
  roundingDecision,
  setCell,
  setIndefinite,
  shiftRightSticky,
} from './unit.ts';

/** What loading a narrower value met; the caller decides which exceptions follow. */
export const loaded = { plain: 0, denormal: 1, signalingNan: 2 } as const;

/** Widens the double (hi, lo) into a cell. Signalling NaNs stay signalling. */
export function fromDouble(u: Float80Unit, at: number, hi: number, lo: number): number {
  const sign = (hi >>> 16) & 0x8000;
  const exponent = (hi >>> 20) & 0x7ff;
  const top = ((hi & 0xfffff) << 11) | (lo >>> 21);
  if (exponent !== 0 && exponent !== 0x7ff) {
    setCell(u, at, sign | (exponent + 15360), 0x80000000 | top, lo << 11);
    return loaded.plain;
  }
  return fromUnusual(u, at, sign, exponent !== 0, top, lo << 11, 15361);
}

/** Widens the single `bits` into a cell. */
export function fromSingle(u: Float80Unit, at: number, bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const top = (bits & 0x7fffff) << 8;
  if (exponent !== 0 && exponent !== 0xff) {
    setCell(u, at, sign | (exponent + 16256), 0x80000000 | top, 0);
    return loaded.plain;
  }
  return fromUnusual(u, at, sign, exponent !== 0, top, 0, 16257);
}

/** Infinities, NaNs, zeroes and denormals; `smallest` is the exponent of the format's smallest normal value. */
function fromUnusual(
  u: Float80Unit,
  at: number,
  sign: number,
  isSpecial: boolean,
  top: number,
  lo: number,
  smallest: number,
): number {
  if (isSpecial) {
    setCell(u, at, sign | 0x7fff, 0x80000000 | top, lo);
    return (top | lo) !== 0 && (top & 0x40000000) === 0 ? loaded.signalingNan : loaded.plain;
  }
  if ((top | lo) === 0) {
    setCell(u, at, sign, 0, 0);
    return loaded.plain;
  }
  setInteger(u, at, sign, top, lo, smallest);
  return loaded.denormal;
}

/** Sets a cell to a non-zero significand that is not normalised; `exponent` is that of its top bit. */
function setInteger(u: Float80Unit, at: number, sign: number, hi: number, lo: number, exponent: number): void {
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
  setCell(u, at, sign | (exponent - shift - n), hi, lo);
}

/** Converts a signed 32-bit (or sign-extended 16-bit) integer into a cell. */
export function fromInt32(u: Float80Unit, at: number, value: number): void {
  if (value === 0) {
    setCell(u, at, 0, 0, 0);
    return;
  }
  const magnitude = value < 0 ? -value | 0 : value;
  const n = Math.clz32(magnitude);
  setCell(u, at, (value < 0 ? 0x8000 : 0) | (16414 - n), magnitude << n, 0);
}

/** Converts a signed 64-bit integer into a cell. */
export function fromInt64(u: Float80Unit, at: number, hi: number, lo: number): void {
  if ((hi | lo) === 0) setCell(u, at, 0, 0, 0);
  else if (hi >= 0) setInteger(u, at, 0, hi, lo, 16446);
  else setInteger(u, at, 0x8000, (~hi + (lo === 0 ? 1 : 0)) | 0, -lo | 0, 16446);
}

/** Puts A into R, as a load or an operation that leaves numbers alone does; a signalling NaN becomes quiet. */
export function quieten(u: Float80Unit): void {
  copyCell(u, cell.a, cell.r);
  u.raised |= exception.IE;
  u.words[cell.r + 1]! |= 0x40000000;
}

interface Narrow {
  readonly bits: number;
  /** Difference of the biases. */
  readonly bias: number;
  /** The exponent of infinities. */
  readonly top: number;
}
const double: Narrow = { bits: precision.double, bias: 15360, top: 0x7ff };
const single: Narrow = { bits: precision.single, bias: 16256, top: 0xff };

/** Rounds A to a double: its low word in Q's first, its high word in Q's second. See `narrow`. */
export function toDouble(u: Float80Unit): boolean {
  const w = u.words;
  const signExponent = w[cell.a + 2]!;
  const exponent = (signExponent & 0x7fff) - 15360;
  const hi = w[cell.a + 1]!;
  const lo = w[cell.a]!;
  if (hi < 0 && exponent > 0 && exponent < 0x7ff && (lo & 0x7ff) === 0) {
    w[cell.q] = (hi << 21) | (lo >>> 11);
    w[cell.q + 1] = ((signExponent & 0x8000) << 16) | (exponent << 20) | ((hi >>> 11) & 0xfffff);
    return true;
  }
  const isStored = narrow(u, double);
  const rHi = w[cell.q + 1]!;
  const rLo = w[cell.q]!;
  const rSignExponent = w[cell.q + 2]!;
  w[cell.q] = (rHi << 21) | (rLo >>> 11);
  w[cell.q + 1] = ((rSignExponent & 0x8000) << 16) | ((rSignExponent & 0x7ff) << 20) | ((rHi >>> 11) & 0xfffff);
  return isStored;
}

/** Rounds A to a single, into Q's first word. */
export function toSingle(u: Float80Unit): boolean {
  const w = u.words;
  const isStored = narrow(u, single);
  const signExponent = w[cell.q + 2]!;
  w[cell.q] = ((signExponent & 0x8000) << 16) | ((signExponent & 0xff) << 23) | ((w[cell.q + 1]! >>> 8) & 0x7fffff);
  return isStored;
}

/**
 * Rounds A to a narrower format, with the exponent biased for it and the significand still at the top of Q. False
 * when an unmasked exception keeps it from being stored (SDM 1, 8.5.4 and 8.5.5: for memory operands).
 */
function narrow(u: Float80Unit, format: Narrow): boolean {
  const w = u.words;
  const sign = w[cell.a + 2]! & 0x8000;
  const hi = w[cell.a + 1]!;
  const lo = w[cell.a]!;
  const k = kindOf(u, cell.a);
  if (k === kind.zero) {
    setCell(u, cell.q, sign, 0, 0);
    return true;
  }
  if (k > kind.normal) {
    if (k === kind.unsupported) {
      u.raised |= exception.IE;
      setIndefinite(u, cell.q);
    } else {
      if (k === kind.signalingNan) u.raised |= exception.IE;
      setCell(u, cell.q, sign | format.top, k === kind.infinity ? hi : hi | 0x40000000, lo);
    }
    return (u.raised & ~u.control & exception.IE) === 0;
  }
  const exponent = (w[cell.a + 2]! & 0x7fff || 1) - format.bias;
  if (exponent <= 0) return narrowSubnormal(u, format, sign, exponent, hi, lo);
  return narrowNormal(u, format, sign, exponent, hi, lo, 0);
}

function narrowSubnormal(
  u: Float80Unit,
  format: Narrow,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
): boolean {
  const tiny = isTiny(u.control, sign, exponent, hi, lo, 0, format.bits);
  if (tiny && (u.control & exception.UE) === 0) {
    u.raised |= exception.UE;
    return false;
  }
  const w = u.words;
  shiftRightSticky(u, hi, lo, 0, 1 - exponent);
  narrowNormal(u, format, sign, 1, w[cell.scratch + 1]!, w[cell.scratch]!, w[cell.scratch + 2]!);
  if (w[cell.q + 1]! >= 0) w[cell.q + 2] = sign;
  if (tiny && (u.raised & exception.PE) !== 0) u.raised |= exception.UE;
  return true;
}

function narrowNormal(
  u: Float80Unit,
  format: Narrow,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  ext: number,
): boolean {
  const decision = roundingDecision(u.control, sign, hi, lo, ext, format.bits);
  const isDouble = format.bits === precision.double;
  if (decision & 2) {
    const sum = isDouble ? (lo >>> 0) + 0x800 : 0x100000000;
    const top = (hi >>> 0) + (isDouble ? (sum > 0xffffffff ? 1 : 0) : 0x100);
    lo = sum | 0;
    hi = top | 0;
    if (top > 0xffffffff) {
      hi = 0x80000000 | 0;
      exponent++;
    }
  }
  if (exponent >= format.top) return narrowOverflow(u, format, sign);
  if (decision !== 0) {
    u.raised |= exception.PE;
    u.roundedUp = decision >> 1;
  }
  setCell(u, cell.q, sign | exponent, hi, lo);
  return true;
}

function narrowOverflow(u: Float80Unit, format: Narrow, sign: number): boolean {
  u.raised |= exception.OE;
  if ((u.control & exception.OE) === 0) return false;
  u.raised |= exception.PE;
  // All bits set in the extra word round as the overflow does.
  const toInfinity = (roundingDecision(u.control, sign, -1, -1, -1, precision.extended) & 2) !== 0;
  u.roundedUp = toInfinity ? 1 : 0;
  if (toInfinity) setCell(u, cell.q, sign | format.top, 0, 0);
  else setCell(u, cell.q, sign | (format.top - 1), -1, -1);
  return true;
}

/** Largest biased exponent whose values always fit 63 bits. */
const int64Exponent = 16383 + 62;

/**
 * Rounds A to an integer of `width` bits, into Q's first two words. Out of range, an infinity or a NaN is invalid and
 * gives the "integer indefinite". False when nothing is to be stored.
 */
export function toInteger(u: Float80Unit, width: number): boolean {
  const w = u.words;
  const k = kindOf(u, cell.a);
  const exponent = w[cell.a + 2]! & 0x7fff;
  const isNegative = (w[cell.a + 2]! & 0x8000) !== 0;
  if (k > kind.normal || exponent > int64Exponent + 1) return integerIndefinite(u, width);
  const decision = roundMagnitude(u, exponent);
  let hi = w[cell.q + 1]!;
  let lo = w[cell.q]!;
  if (!fitsInteger(hi, lo, isNegative, width)) return integerIndefinite(u, width);
  if (isNegative) {
    hi = (~hi + (lo === 0 ? 1 : 0)) | 0;
    lo = -lo | 0;
  }
  setCell(u, cell.q, 0, hi, lo);
  if (decision !== 0) {
    u.raised |= exception.PE;
    u.roundedUp = decision >> 1;
  }
  return true;
}

function integerIndefinite(u: Float80Unit, width: number): boolean {
  u.raised |= exception.IE;
  setCell(u, cell.q, 0, width === 64 ? 0x80000000 | 0 : -1, width === 64 ? 0 : -1 << (width - 1));
  return (u.control & exception.IE) !== 0;
}

function fitsInteger(hi: number, lo: number, isNegative: boolean, width: number): boolean {
  if (width === 64) return hi >= 0 || (isNegative && hi === (0x80000000 | 0) && lo === 0);
  const limit = 2 ** (width - 1);
  return hi === 0 && lo >>> 0 < limit + (isNegative ? 1 : 0);
}

/**
 * Rounds |A|, below 2^64, to an integer in Q's first two words; returns the rounding decision. The magnitude must
 * not round up out of 64 bits: with an exponent of 63 it has no fraction.
 */
export function roundMagnitude(u: Float80Unit, exponent: number): number {
  const w = u.words;
  const sign = w[cell.a + 2]! & 0x8000;
  shiftRightSticky(u, w[cell.a + 1]!, w[cell.a]!, 0, 16446 - (exponent || 1));
  const decision = roundingDecision(u.control, sign, 0, w[cell.scratch]!, w[cell.scratch + 2]!, precision.extended);
  let lo = w[cell.scratch]!;
  let hi = w[cell.scratch + 1]!;
  if (decision & 2) {
    lo = (lo + 1) | 0;
    if (lo === 0) hi = (hi + 1) | 0;
  }
  w[cell.q] = lo;
  w[cell.q + 1] = hi;
  return decision;
}

/** R = A rounded to an integer (FRNDINT). */
export function roundToIntegral(u: Float80Unit): void {
  const w = u.words;
  const k = kindOf(u, cell.a);
  if (!isNumber(k)) {
    unaryNan(u, k);
    return;
  }
  const signExponent = w[cell.a + 2]!;
  const exponent = signExponent & 0x7fff;
  if (k === kind.zero || exponent >= 16446) {
    copyCell(u, cell.a, cell.r);
    return;
  }
  if (k === kind.denormal) u.raised |= exception.DE;
  const decision = roundMagnitude(u, exponent);
  const hi = w[cell.q + 1]!;
  const lo = w[cell.q]!;
  const sign = signExponent & 0x8000;
  if ((hi | lo) === 0) setCell(u, cell.r, sign, 0, 0);
  else setInteger(u, cell.r, sign, hi, lo, 16446);
  if (decision !== 0) {
    u.raised |= exception.PE;
    u.roundedUp = decision >> 1;
  }
}
