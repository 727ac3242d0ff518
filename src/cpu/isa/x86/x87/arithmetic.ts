/** Addition and multiplication, correctly rounded (SDM 1, 8.3.3). Division and root: divide.ts. */
import { binaryNan, isNumber, kind, kindOf, normalizeOperand } from './classify.ts';
import { multiplyHigh } from './multiply-high.ts';
import {
  cell,
  exception,
  type Float80Unit,
  invalid,
  normalizeAndPack,
  precisionOf,
  roundAndPack,
  rounding,
  roundingOf,
  setCell,
  shiftRightSticky,
} from './unit.ts';

const { a, b, r } = cell;
const infinityHi = 0x80000000 | 0;

/** Whether neither operand needs special care. */
export const bothNormal = (aExponent: number, bExponent: number, aHi: number, bHi: number): boolean =>
  (aHi & bHi) < 0 && ((aExponent - 1) | (bExponent - 1)) >= 0 && aExponent !== 0x7fff && bExponent !== 0x7fff;

/** R = A + B, or A - B when `flipB` is 0x8000. */
export function add(u: Float80Unit, flipB: number): void {
  const w = u.words;
  const bSign = (w[b + 2]! ^ flipB) & 0x8000;
  const aSign = w[a + 2]! & 0x8000;
  if (!bothNormal(w[a + 2]! & 0x7fff, w[b + 2]! & 0x7fff, w[a + 1]!, w[b + 1]!)) {
    if (addSpecial(u, aSign, bSign)) return;
  }
  if (aSign === bSign) addMagnitudes(u, aSign);
  else subtractMagnitudes(u, aSign);
}

/** Settles sums of values that are not all normal or denormal; false when the general way is to be taken. */
function addSpecial(u: Float80Unit, aSign: number, bSign: number): boolean {
  const ka = kindOf(u, a);
  const kb = kindOf(u, b);
  if (!isNumber(ka) || !isNumber(kb)) {
    binaryNan(u, ka, kb);
    return true;
  }
  if (ka === kind.infinity && kb === kind.infinity && aSign !== bSign) {
    invalid(u);
    return true;
  }
  if (ka === kind.denormal || kb === kind.denormal) u.raised |= exception.DE;
  if (ka === kind.infinity || kb === kind.infinity) {
    setCell(u, r, (ka === kind.infinity ? aSign : bSign) | 0x7fff, infinityHi, 0);
    return true;
  }
  if (ka === kind.zero && kb === kind.zero && aSign === bSign) {
    setCell(u, r, aSign, 0, 0);
    return true;
  }
  return false;
}

function addMagnitudes(u: Float80Unit, sign: number): void {
  const w = u.words;
  const aExponent = w[a + 2]! & 0x7fff || 1;
  const bExponent = w[b + 2]! & 0x7fff || 1;
  const big = aExponent >= bExponent ? a : b;
  const small = a + b - big;
  const exponent = aExponent >= bExponent ? aExponent : bExponent;
  const distance = exponent - (aExponent >= bExponent ? bExponent : aExponent);
  let hi = w[small + 1]!;
  let lo = w[small]!;
  let ext = 0;
  if (distance !== 0) {
    shiftRightSticky(u, hi, lo, 0, distance);
    lo = w[cell.scratch]!;
    hi = w[cell.scratch + 1]!;
    ext = w[cell.scratch + 2]!;
  }
  lo = (lo + w[big]!) | 0;
  const carry = lo >>> 0 < w[big]! >>> 0 ? 1 : 0;
  const top = (hi >>> 0) + (w[big + 1]! >>> 0) + carry;
  hi = top | 0;
  const bits = precisionOf(u.control);
  if (top > 0xffffffff) {
    ext = (ext >>> 1) | (ext & 1) | (lo << 31);
    lo = (lo >>> 1) | (hi << 31);
    hi = (hi >>> 1) | infinityHi;
    roundAndPack(u, sign, exponent + 1, hi, lo, ext, bits);
  } else if (hi < 0) roundAndPack(u, sign, exponent, hi, lo, ext, bits);
  else if ((hi | lo | ext) === 0) setCell(u, r, sign, 0, 0);
  else normalizeAndPack(u, sign, exponent, hi, lo, ext, bits);
}

/** R = |A| - |B|, with the sign of A when |A| is greater, else the other. */
function subtractMagnitudes(u: Float80Unit, aSign: number): void {
  const w = u.words;
  const aExponent = w[a + 2]! & 0x7fff || 1;
  const bExponent = w[b + 2]! & 0x7fff || 1;
  let aIsBig = aExponent > bExponent;
  if (aExponent === bExponent) {
    const aHi = w[a + 1]! >>> 0;
    const bHi = w[b + 1]! >>> 0;
    if (aHi === bHi && w[a] === w[b]) {
      setCell(u, r, roundingOf(u.control) === rounding.down ? 0x8000 : 0, 0, 0);
      return;
    }
    aIsBig = aHi !== bHi ? aHi > bHi : w[a]! >>> 0 > w[b]! >>> 0;
  }
  const big = aIsBig ? a : b;
  const small = a + b - big;
  const exponent = aIsBig ? aExponent : bExponent;
  const distance = exponent - (aIsBig ? bExponent : aExponent);
  let hi = w[small + 1]!;
  let lo = w[small]!;
  let ext = 0;
  if (distance !== 0) {
    shiftRightSticky(u, hi, lo, 0, distance);
    lo = w[cell.scratch]!;
    hi = w[cell.scratch + 1]!;
    ext = w[cell.scratch + 2]!;
  }
  const borrowExt = ext !== 0 ? 1 : 0;
  ext = -ext | 0;
  const bigLo = w[big]!;
  const subtrahend = (lo >>> 0) + borrowExt;
  lo = (bigLo - subtrahend) | 0;
  const borrow = bigLo >>> 0 < subtrahend ? 1 : 0;
  hi = (w[big + 1]! - hi - borrow) | 0;
  normalizeAndPack(u, aIsBig ? aSign : aSign ^ 0x8000, exponent, hi, lo, ext, precisionOf(u.control));
}

/** R = A * B. */
export function multiply(u: Float80Unit): void {
  const w = u.words;
  const sign = (w[a + 2]! ^ w[b + 2]!) & 0x8000;
  let aExponent = w[a + 2]! & 0x7fff;
  let bExponent = w[b + 2]! & 0x7fff;
  if (!bothNormal(aExponent, bExponent, w[a + 1]!, w[b + 1]!)) {
    if (multiplySpecial(u, sign)) return;
    aExponent = normalizeOperand(u, a);
    bExponent = normalizeOperand(u, b);
  }
  const aLo = w[a]!;
  const aHi = w[a + 1]!;
  const bLo = w[b]!;
  const bHi = w[b + 1]!;
  const topLo = Math.imul(aHi, bHi);
  let hi = multiplyHigh(aHi, bHi);
  let lo = topLo;
  let ext = 0;
  let sticky = 0;
  if ((aLo | bLo) !== 0) {
    const p = Math.imul(aLo, bHi);
    const q = Math.imul(aHi, bLo);
    const low = multiplyHigh(aLo, bLo);
    sticky = Math.imul(aLo, bLo);
    const middle = (p >>> 0) + (q >>> 0) + (low >>> 0);
    ext = middle | 0;
    const sum =
      (topLo >>> 0) + (multiplyHigh(aLo, bHi) >>> 0) + (multiplyHigh(aHi, bLo) >>> 0) + Math.floor(middle / 4294967296);
    lo = sum | 0;
    hi = (hi + Math.floor(sum / 4294967296)) | 0;
  }
  let exponent = aExponent + bExponent - 16382;
  if (hi >= 0) {
    hi = (hi << 1) | (lo >>> 31);
    lo = (lo << 1) | (ext >>> 31);
    ext = (ext << 1) | (sticky >>> 31);
    sticky <<= 1;
    exponent--;
  }
  roundAndPack(u, sign, exponent, hi, lo, ext | (sticky !== 0 ? 1 : 0), precisionOf(u.control));
}

function multiplySpecial(u: Float80Unit, sign: number): boolean {
  const ka = kindOf(u, a);
  const kb = kindOf(u, b);
  if (!isNumber(ka) || !isNumber(kb)) {
    binaryNan(u, ka, kb);
    return true;
  }
  const infinite = ka === kind.infinity || kb === kind.infinity;
  const zero = ka === kind.zero || kb === kind.zero;
  if (infinite && zero) {
    invalid(u);
    return true;
  }
  if (ka === kind.denormal || kb === kind.denormal) u.raised |= exception.DE;
  if (infinite) setCell(u, r, sign | 0x7fff, infinityHi, 0);
  else if (zero) setCell(u, r, sign, 0, 0);
  return infinite || zero;
}
