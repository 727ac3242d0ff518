/** Division and square root, correctly rounded (SDM 1, 8.3.3). */
import { bothNormal } from './arithmetic.ts';
import { binaryNan, isNumber, kind, kindOf, normalizeOperand, unaryNan } from './classify.ts';
import { multiplyHigh } from './multiply-high.ts';
import { cell, exception, type Float80Unit, invalid, precisionOf, roundAndPack, setCell } from './unit.ts';

const { a, b, r } = cell;
const infinityHi = 0x80000000 | 0;
const word = 4294967296;

/** R = A / B. */
export function divide(u: Float80Unit): void {
  const w = u.words;
  const sign = (w[a + 2]! ^ w[b + 2]!) & 0x8000;
  let aExponent = w[a + 2]! & 0x7fff;
  let bExponent = w[b + 2]! & 0x7fff;
  if (!bothNormal(aExponent, bExponent, w[a + 1]!, w[b + 1]!)) {
    if (divideSpecial(u, sign)) return;
    aExponent = normalizeOperand(u, a);
    bExponent = normalizeOperand(u, b);
  }
  const bLo = w[b]!;
  const bHi = w[b + 1]!;
  let exponent = aExponent - bExponent + 16383;
  let remainderHi = w[a + 1]!;
  let remainderLo = w[a]!;
  if (isBelow(remainderHi, remainderLo, bHi, bLo)) {
    exponent--;
    remainderHi = (remainderHi << 1) | (remainderLo >>> 31);
    remainderLo <<= 1;
  }
  // The quotient's first bit is one; what is left is below the divisor.
  const borrow = remainderLo >>> 0 < bLo >>> 0 ? 1 : 0;
  remainderLo = (remainderLo - bLo) | 0;
  remainderHi = (remainderHi - bHi - borrow) | 0;
  w[cell.scratch] = remainderLo;
  w[cell.scratch + 1] = remainderHi;
  const first = divideDigit(u, bHi, bLo);
  const second = divideDigit(u, bHi, bLo);
  const third = (w[cell.scratch]! | w[cell.scratch + 1]!) !== 0 ? 1 : 0;
  // One bit, then 64: the last of them is the first of the extra word.
  const hi = infinityHi | (first >>> 1);
  const lo = (first << 31) | (second >>> 1);
  roundAndPack(u, sign, exponent, hi, lo, (second << 31) | third, precisionOf(u.control));
}

const isBelow = (xHi: number, xLo: number, yHi: number, yLo: number): boolean =>
  xHi === yHi ? xLo >>> 0 < yLo >>> 0 : xHi >>> 0 < yHi >>> 0;

/**
 * The next 32 bits of remainder / divisor. The remainder (scratch cell, two words) is below the divisor, whose top bit
 * is set; it is replaced by what is left.
 */
function divideDigit(u: Float80Unit, dHi: number, dLo: number): number {
  const w = u.words;
  const rHi = w[cell.scratch + 1]!;
  const rLo = w[cell.scratch]!;
  const remainder = (rHi >>> 0) * 4294967296 + (rLo >>> 0);
  const divisor = (dHi >>> 0) * 4294967296 + (dLo >>> 0);
  // At most one off, for the operands are right to 53 bits and the quotient has 32.
  let digit = Math.min(Math.floor((remainder / divisor) * 4294967296), 4294967295);
  // remainder * 2^32 - digit * divisor, whose true value lies within one divisor of [0, divisor).
  const productLo = Math.imul(digit, dLo);
  const middle = (multiplyHigh(digit, dLo) >>> 0) + (Math.imul(digit, dHi) >>> 0);
  let lo = -productLo | 0;
  const borrow = productLo !== 0 ? 1 : 0;
  const next = (rLo >>> 0) - (middle % 4294967296) - borrow;
  let hi = next | 0;
  let top = ((rHi - multiplyHigh(digit, dHi) - (middle > 4294967295 ? 1 : 0)) | 0) - (next < 0 ? 1 : 0);
  if (top < 0) {
    digit--;
    const sum = (lo >>> 0) + (dLo >>> 0);
    lo = sum | 0;
    hi = (hi + dHi + (sum > 4294967295 ? 1 : 0)) | 0;
    top = 0;
  } else if (top > 0 || !isBelow(hi, lo, dHi, dLo)) {
    digit++;
    const take = lo >>> 0 < dLo >>> 0 ? 1 : 0;
    lo = (lo - dLo) | 0;
    hi = (hi - dHi - take) | 0;
  }
  w[cell.scratch] = lo;
  w[cell.scratch + 1] = hi;
  return digit | 0;
}

function divideSpecial(u: Float80Unit, sign: number): boolean {
  const ka = kindOf(u, a);
  const kb = kindOf(u, b);
  if (!isNumber(ka) || !isNumber(kb)) {
    binaryNan(u, ka, kb);
    return true;
  }
  if (ka === kb && (ka === kind.infinity || ka === kind.zero)) {
    invalid(u);
    return true;
  }
  if (kb === kind.zero) {
    if (ka !== kind.infinity) u.raised |= exception.ZE;
    setCell(u, r, sign | 0x7fff, infinityHi, 0);
    return true;
  }
  if (ka === kind.denormal || kb === kind.denormal) u.raised |= exception.DE;
  if (ka === kind.infinity) setCell(u, r, sign | 0x7fff, infinityHi, 0);
  else if (ka === kind.zero || kb === kind.infinity) setCell(u, r, sign, 0, 0);
  else return false;
  return true;
}

/** R = square root of A. */
export function squareRoot(u: Float80Unit): void {
  const w = u.words;
  const ka = kindOf(u, a);
  if (!isNumber(ka)) {
    unaryNan(u, ka);
    return;
  }
  if (ka === kind.zero || (ka === kind.infinity && (w[a + 2]! & 0x8000) === 0)) {
    setCell(u, r, w[a + 2]!, w[a + 1]!, 0);
    return;
  }
  if ((w[a + 2]! & 0x8000) !== 0) {
    invalid(u);
    return;
  }
  const exponent = normalizeOperand(u, a);
  const isOdd = (exponent & 1) === 0;
  rootSignificand(u, w[a + 1]!, w[a]!, isOdd);
  const resultExponent = (exponent - (isOdd ? 16384 : 16383)) / 2 + 16383;
  roundAndPack(u, 0, resultExponent, w[cell.q + 1]!, w[cell.q]!, w[cell.q + 2]!, precisionOf(u.control));
}

/**
 * Root of a significand taken as a 128-bit number in [2^126, 2^128), into Q: 64 bits, then the rounding word. Each half
 * of the root is estimated in a double and corrected by its exact remainder (Zimmermann, Karatsuba Square Root).
 */
function rootSignificand(u: Float80Unit, hi: number, lo: number, isDoubled: boolean): void {
  // The four words of the number; the last is always zero.
  const n0 = isDoubled ? hi >>> 0 : hi >>> 1;
  const n1 = isDoubled ? lo >>> 0 : ((hi << 31) | (lo >>> 1)) >>> 0;
  const n2 = isDoubled ? 0 : (lo << 31) >>> 0;
  let first = Math.min(Math.floor(Math.sqrt(n0 * word + n1)), word - 1);
  let rest = remainderOfSquare(n0, n1, first);
  while (rest < 0) {
    first--;
    rest += 2 * first + 1;
  }
  while (rest > 2 * first) {
    rest -= 2 * first + 1;
    first++;
  }
  let second = Math.min(Math.floor((rest * word + n2) / (2 * first)), word - 1);
  // What is left: top * 2^32 + low, between zero and twice the root once the digit is right.
  const product = multiplyWords(first, second);
  let top = (rest - 2 * product.hi) * word + n2 - 2 * product.lo;
  const square = multiplyWords(second, second);
  top -= square.hi;
  let low = -square.lo;
  if (low < 0) {
    low += word;
    top--;
  }
  while (top < 0) {
    second--;
    low += 2 * second + 1;
    top += 2 * first;
    const carry = Math.floor(low / word);
    low -= carry * word;
    top += carry;
  }
  const limit = 2 * first + Math.floor((2 * second) / word);
  const limitLow = (2 * second) % word;
  if (top > limit || (top === limit && low > limitLow)) {
    second++;
    low -= limitLow + 1;
    top -= limit;
    if (low < 0) {
      low += word;
      top--;
    }
  }
  const isAboveHalf = top > first || (top === first && low > second);
  const ext = (top === 0 && low === 0 ? 0 : 1) | (isAboveHalf ? 0x80000000 : 0);
  setCell(u, cell.q, ext, first | 0, second | 0);
}

/** (n0, n1) - x^2, small because x is near the root. */
function remainderOfSquare(n0: number, n1: number, x: number): number {
  const square = multiplyWords(x, x);
  return (n0 - square.hi) * word + (n1 - square.lo);
}

const multiplyWords = (x: number, y: number): { hi: number; lo: number } => ({
  hi: multiplyHigh(x, y) >>> 0,
  lo: Math.imul(x, y) >>> 0,
});
