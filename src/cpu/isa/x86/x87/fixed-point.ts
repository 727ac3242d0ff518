/**
 * Fixed-point arithmetic on bigints for the transcendental instructions, which are rare enough for it: a number is
 * `value / 2^bits`. All of it works with many guard bits, so that results are right to well under one unit of the
 * 64-bit significand.
 */
import { cell, exception, type Float80Unit, precision, roundAndPack, setCell } from './unit.ts';

const constantBits = 512;
const cache = new Map<string, bigint>();

/** A constant to `bits` bits, computed once. */
function constant(name: string, bits: number, compute: () => bigint): bigint {
  let value = cache.get(name);
  if (value === undefined) {
    value = compute();
    cache.set(name, value);
  }
  return value >> BigInt(constantBits - bits);
}

/** atanh(1/n) or, with `alternates`, atan(1/n). */
function inverseSeries(n: bigint, bits: number, alternates: boolean): bigint {
  let power = (1n << BigInt(bits)) / n;
  let sum = power;
  const square = alternates ? -(n * n) : n * n;
  for (let k = 3n; power !== 0n; k += 2n) {
    power /= square;
    sum += power / k;
  }
  return sum;
}

const guard = 16;
const withGuard = (compute: (bits: number) => bigint): bigint => compute(constantBits + guard) >> BigInt(guard);

export const pi = (bits: number): bigint =>
  constant('pi', bits, () => withGuard((b) => 16n * inverseSeries(5n, b, true) - 4n * inverseSeries(239n, b, true)));
export const ln2 = (bits: number): bigint =>
  constant('ln2', bits, () => withGuard((b) => 2n * inverseSeries(3n, b, false)));
const log2OfE = (bits: number): bigint =>
  constant('log2e', bits, () => (1n << BigInt(2 * constantBits)) / ln2(constantBits));

export const bitLength = (value: bigint): number =>
  value === 0n ? 0 : value.toString(16).length * 4 - leadingZeroes(value);

function leadingZeroes(value: bigint): number {
  const digits = value.toString(16);
  return Math.clz32(Number.parseInt(digits[0]!, 16)) - 28;
}

/** sin and cos of |x| < 1. */
export function sineCosine(x: bigint, bits: number): { sine: bigint; cosine: bigint } {
  const shift = BigInt(bits);
  const square = (x * x) >> shift;
  return {
    sine: x + alternating(x, square, shift, 2n),
    cosine: (1n << shift) + alternating(1n << shift, square, shift, 1n),
  };
}

/** The terms after `first` of a series in x^2 with factorials: first * -x^2 / (k (k+1)), and so on by twos. */
function alternating(first: bigint, square: bigint, shift: bigint, start: bigint): bigint {
  let sum = 0n;
  let term = first;
  for (let k = start; term !== 0n; k += 2n) {
    term = -(((term * square) >> shift) / (k * (k + 1n)));
    // A shift rounds towards minus infinity: -1 would never vanish.
    if (term === 1n || term === -1n) break;
    sum += term;
  }
  return sum;
}

/** e^x - 1 for |x| < 1. */
export function exponentialMinusOne(x: bigint, bits: number): bigint {
  const halvings = 8n;
  const shift = BigInt(bits) + halvings * 2n;
  const y = (x << (halvings * 2n)) >> halvings;
  let sum = 0n;
  let term = y;
  for (let k = 2n; term !== 0n && term !== -1n; k++) {
    sum += term;
    term = ((term * y) >> shift) / k;
  }
  for (let i = 0n; i < halvings; i++) sum = 2n * sum + ((sum * sum) >> shift);
  return sum >> (halvings * 2n);
}

/** log2 of the positive number (numerator / denominator), both near each other. */
export function log2OfRatio(numerator: bigint, denominator: bigint, bits: number): bigint {
  const shift = BigInt(bits);
  const z = ((numerator - denominator) << shift) / (numerator + denominator);
  const square = (z * z) >> shift;
  let sum = 0n;
  let power = z;
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    sum += power / k;
    power = (power * square) >> shift;
  }
  return (2n * sum * log2OfE(bits)) >> shift;
}

/** atan of 0 <= x <= 1. */
export function arctangent(x: bigint, bits: number): bigint {
  const shift = BigInt(bits);
  const sixteenths = (x + (1n << (shift - 5n))) >> (shift - 4n);
  if (sixteenths === 0n) return arctangentSeries(x, shift);
  const near = sixteenths << (shift - 4n);
  const rest = ((x - near) << shift) / ((1n << shift) + ((x * near) >> shift));
  return arctangentOfSixteenths(sixteenths, bits) + arctangentSeries(rest, shift);
}

function arctangentSeries(x: bigint, shift: bigint): bigint {
  const square = (x * x) >> shift;
  let sum = 0n;
  let power = x;
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    sum += (k & 2n) === 0n ? power / k : -power / k;
    power = (power * square) >> shift;
  }
  return sum;
}

/** Euler's series, which converges everywhere; computed once for each of the 16. */
function arctangentOfSixteenths(sixteenths: bigint, bits: number): bigint {
  return constant(`atan${sixteenths}`, bits, () =>
    withGuard((b) => {
      const base = sixteenths * sixteenths + 256n;
      let term = ((16n * sixteenths) << BigInt(b)) / base;
      let sum = 0n;
      for (let n = 1n; term !== 0n; n++) {
        sum += term;
        term = (term * 2n * n * sixteenths * sixteenths) / ((2n * n + 1n) * base);
      }
      return sum;
    }),
  );
}

/** Rounds the positive `value / 2^bits`, known to be inexact, into R. */
export function packInexact(u: Float80Unit, sign: number, value: bigint, bits: number): void {
  const length = bitLength(value);
  const top = length >= 96 ? value >> BigInt(length - 96) : value << BigInt(96 - length);
  const hi = Number(top >> 64n) | 0;
  const lo = Number((top >> 32n) & 0xffffffffn) | 0;
  const ext = Number(top & 0xffffffffn) | 1;
  roundAndPack(u, sign, 16383 + length - 1 - bits, hi, lo, ext, precision.extended);
}

/** R = A, called inexact: what the hardware gives outside an instruction's range. */
export function leaveInexact(u: Float80Unit): void {
  const w = u.words;
  setCell(u, cell.r, w[cell.a + 2]!, w[cell.a + 1]!, w[cell.a]!);
  u.raised |= exception.PE;
}

/** The significand of a cell. */
export const significandOf = (u: Float80Unit, at: number): bigint =>
  (BigInt(u.words[at + 1]! >>> 0) << 32n) | BigInt(u.words[at]! >>> 0);
