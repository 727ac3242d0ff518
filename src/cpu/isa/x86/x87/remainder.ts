/** FPREM and FPREM1: exact remainders, in steps of at most 63 quotient bits (SDM 2, FPREM). */
import { binaryNan, isNumber, kind, kindOf, normalizeOperand } from './classify.ts';
import { cell, copyCell, exception, type Float80Unit, invalid, normalizeAndPack, precision, setCell } from './unit.ts';

export interface Remainder {
  /** C2: more steps are needed. */
  readonly isPartial: boolean;
  /** The low three bits of the quotient; undefined where there is none, and C0 and C3 are left alone. */
  readonly quotient: number | undefined;
}

const none: Remainder = { isPartial: false, quotient: undefined };
const zero: Remainder = { isPartial: false, quotient: 0 };

/** R = remainder of A / B; the quotient is truncated, or rounded to nearest for FPREM1. */
export function remainder(u: Float80Unit, toNearest: boolean): Remainder {
  const ka = kindOf(u, cell.a);
  const kb = kindOf(u, cell.b);
  if (!isNumber(ka) || !isNumber(kb)) {
    binaryNan(u, ka, kb);
    return none;
  }
  if (ka === kind.infinity || kb === kind.zero) {
    invalid(u);
    return none;
  }
  if (ka === kind.denormal || kb === kind.denormal) u.raised |= exception.DE;
  if (ka === kind.zero) {
    copyCell(u, cell.a, cell.r);
    return zero;
  }
  const sign = u.words[cell.a + 2]! & 0x8000;
  const aExponent = normalizeOperand(u, cell.a);
  if (kb === kind.infinity) {
    pack(u, sign, aExponent, significand(u, cell.a));
    return zero;
  }
  return reduce(u, sign, aExponent, normalizeOperand(u, cell.b), toNearest);
}

const significand = (u: Float80Unit, at: number): bigint =>
  (BigInt(u.words[at + 1]! >>> 0) << 32n) | BigInt(u.words[at]! >>> 0);

/** Writes a result that is exact in 64 bits. */
function pack(u: Float80Unit, sign: number, exponent: number, value: bigint): void {
  if (value === 0n) setCell(u, cell.r, sign, 0, 0);
  else {
    const hi = Number(value >> 32n) | 0;
    normalizeAndPack(u, sign, exponent, hi, Number(value & 0xffffffffn) | 0, 0, precision.extended);
  }
}

function reduce(u: Float80Unit, sign: number, aExponent: number, bExponent: number, toNearest: boolean): Remainder {
  const a = significand(u, cell.a);
  const b = significand(u, cell.b);
  const distance = aExponent - bExponent;
  if (distance >= 64) {
    // As many bits as leave a multiple of 32, the choice of Intel's processors among those that SDM 2 allows.
    const step = 32 + (distance & 31);
    pack(u, sign, aExponent - step, (a << BigInt(step)) % b);
    return { isPartial: true, quotient: 0 };
  }
  if (distance < (toNearest ? -1 : 0)) {
    pack(u, sign, aExponent, a);
    return zero;
  }
  // The unit is the last place of the smaller operand.
  const dividend = distance >= 0 ? a << BigInt(distance) : a;
  const divisor = distance >= 0 ? b : b << 1n;
  const exponent = Math.min(aExponent, bExponent);
  let quotient = dividend / divisor;
  let rest = dividend % divisor;
  let restSign = sign;
  if (toNearest && (rest * 2n > divisor || (rest * 2n === divisor && (quotient & 1n) === 1n))) {
    rest = divisor - rest;
    quotient++;
    restSign ^= 0x8000;
  }
  pack(u, rest === 0n ? sign : restSign, exponent, rest);
  return { isPartial: false, quotient: Number(quotient & 7n) };
}
