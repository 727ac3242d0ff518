/** F2XM1, FYL2X, FYL2XP1. */
import { binaryNan, isNumber, kind, kindOf, normalizeOperand, unaryNan } from './classify.ts';
import {
  bitLength,
  exponentialMinusOne,
  leaveInexact,
  ln2,
  log2OfRatio,
  packInexact,
  significandOf,
} from './fixed-point.ts';
import { cell, copyCell, exception, type Float80Unit, invalid, setCell } from './unit.ts';

const infinityHi = 0x80000000 | 0;
const workBits = 256;

/** R = 2^A - 1 for -1 <= A <= 1; outside, A as it is. */
export function exponential(u: Float80Unit): void {
  const w = u.words;
  const k = kindOf(u, cell.a);
  if (!isNumber(k)) {
    unaryNan(u, k);
    return;
  }
  const sign = w[cell.a + 2]! & 0x8000;
  if (k === kind.zero || (k === kind.infinity && sign === 0)) {
    copyCell(u, cell.a, cell.r);
    return;
  }
  if (k === kind.infinity) {
    setCell(u, cell.r, 0xbfff, infinityHi, 0);
    return;
  }
  const exponent = normalizeOperand(u, cell.a) - 16383;
  if (exponent >= 0) {
    leaveInexact(u);
    if (sign !== 0 && exponent === 0 && w[cell.a + 1] === infinityHi && w[cell.a] === 0) w[cell.r + 2] = 0xbffe;
    return;
  }
  exponentialOfFraction(u, sign, exponent);
}

function exponentialOfFraction(u: Float80Unit, sign: number, exponent: number): void {
  const significand = significandOf(u, cell.a);
  if (exponent < -100) {
    packInexact(u, sign, significand * ln2(192), 192 + 63 - exponent);
    return;
  }
  const x = (significand * ln2(workBits + 64)) >> BigInt(63 + 64 - exponent);
  const value = exponentialMinusOne(sign !== 0 ? -x : x, workBits);
  packInexact(u, sign, value < 0n ? -value : value, workBits);
}

/** A positive number as (mantissa / 2^63) * 2^exponent with a mantissa of any length. */
function log2Of(mantissa: bigint, scale: number): { value: bigint; bits: number } {
  const length = bitLength(mantissa);
  let exponent = length - 1 - scale;
  // Between 1/sqrt 2 and sqrt 2.
  const isHigh = mantissa * mantissa >= 1n << BigInt(2 * length - 1);
  if (isHigh) exponent++;
  const one = 1n << BigInt(isHigh ? length : length - 1);
  const rest = mantissa - one;
  const small = rest === 0n ? 0 : Math.max(0, length - bitLength(rest < 0n ? -rest : rest));
  const bits = workBits + Math.min(small, 128);
  return { value: (BigInt(exponent) << BigInt(bits)) + log2OfRatio(mantissa, one, bits), bits };
}

/** R = B * log2(A). */
export function logarithm(u: Float80Unit): void {
  const w = u.words;
  const kx = kindOf(u, cell.a);
  const ky = kindOf(u, cell.b);
  if (!isNumber(kx) || !isNumber(ky)) {
    binaryNan(u, kx, ky);
    return;
  }
  const ySign = w[cell.b + 2]! & 0x8000;
  const isNegative = (w[cell.a + 2]! & 0x8000) !== 0;
  if (kx === kind.zero) {
    logarithmOfZero(u, ky, ySign);
    return;
  }
  if (isNegative) {
    invalid(u);
    return;
  }
  const isOne = w[cell.a + 2] === 0x3fff && w[cell.a + 1] === infinityHi && w[cell.a] === 0;
  if ((kx === kind.infinity && ky === kind.zero) || (isOne && ky === kind.infinity)) {
    invalid(u);
    return;
  }
  if (kx === kind.denormal || ky === kind.denormal) u.raised |= exception.DE;
  const sign = w[cell.a + 2]! < 0x3fff ? ySign ^ 0x8000 : ySign;
  if (kx === kind.infinity || ky === kind.infinity) setCell(u, cell.r, sign | 0x7fff, infinityHi, 0);
  else if (isOne || ky === kind.zero) setCell(u, cell.r, sign, 0, 0);
  else {
    const exponent = normalizeOperand(u, cell.a) - 16383;
    const { value, bits } = log2Of(significandOf(u, cell.a), 63 - exponent);
    packProduct(u, ySign, value, bits);
  }
}

function logarithmOfZero(u: Float80Unit, ky: number, ySign: number): void {
  if (ky === kind.zero) {
    invalid(u);
    return;
  }
  if (ky !== kind.infinity) u.raised |= exception.ZE;
  setCell(u, cell.r, (ySign ^ 0x8000) | 0x7fff, infinityHi, 0);
}

/** R = B * value / 2^bits. */
function packProduct(u: Float80Unit, ySign: number, value: bigint, bits: number): void {
  const exponent = normalizeOperand(u, cell.b) - 16383;
  const product = (value < 0n ? -value : value) * significandOf(u, cell.b);
  packInexact(u, value < 0n ? ySign ^ 0x8000 : ySign, product, bits + 63 - exponent);
}

/** R = B * log2(A + 1). */
export function logarithmOfSuccessor(u: Float80Unit): void {
  const w = u.words;
  const kx = kindOf(u, cell.a);
  const ky = kindOf(u, cell.b);
  if (!isNumber(kx) || !isNumber(ky)) {
    binaryNan(u, kx, ky);
    return;
  }
  const xSign = w[cell.a + 2]! & 0x8000;
  const ySign = w[cell.b + 2]! & 0x8000;
  const isInvalid =
    (kx === kind.infinity && (xSign !== 0 || ky === kind.zero)) || (kx === kind.zero && ky === kind.infinity);
  if (isInvalid) {
    invalid(u);
    return;
  }
  if (kx === kind.denormal || ky === kind.denormal) u.raised |= exception.DE;
  const sign = xSign ^ ySign;
  if (kx === kind.infinity || ky === kind.infinity) setCell(u, cell.r, sign | 0x7fff, infinityHi, 0);
  else if (kx === kind.zero || ky === kind.zero) setCell(u, cell.r, sign, 0, 0);
  else successor(u, xSign, ySign);
}

function successor(u: Float80Unit, xSign: number, ySign: number): void {
  const exponent = normalizeOperand(u, cell.a) - 16383;
  const significand = significandOf(u, cell.a);
  if (xSign !== 0 && exponent >= 0) {
    leaveInexact(u);
    return;
  }
  const x = xSign !== 0 ? -significand : significand;
  if (exponent > 200) {
    const { value, bits } = log2Of(significand, 63 - exponent);
    packProduct(u, ySign, value, bits);
  } else if (exponent < -130) {
    // log2(1 + x) = x / ln 2, but for less than a bit of the result.
    packProduct(u, ySign, (x << 320n) / ln2(192), 128 + 63 - exponent);
  } else {
    const scale = 63 - exponent;
    const unit = scale >= 0 ? 1n << BigInt(scale) : 1n;
    const sum = scale >= 0 ? unit + x : (x << BigInt(-scale)) + 1n;
    const { value, bits } = log2Of(sum, Math.max(scale, 0));
    packProduct(u, ySign, value, bits);
  }
}
