/**
 * The S-box of AES as look-ups in tables of 16 bytes, computed from its definition (FIPS 197, 4.2 and 5.1.1).
 *
 * GF(256) is seen as pairs over GF(16): `i + j w` with `w*w = a*w + 1`. With `D = i*i + a*i*j + j*j` and `k = i + j`,
 * 1/(1/i + a/k) + j = D / (k + a*i), and the same with i and j exchanged; the inverse of the pair is linear in the
 * inverses of those two. So an inversion takes look-ups of nibbles and additions. Infinity is 0x80: a look-up
 * of what has that bit gives zero.
 */

const infinity = 0x80;

function multiply(a: number, b: number, polynomial: number, bits: number): number {
  let product = 0;
  for (let i = 0; i < bits; i++) if ((b >> i) & 1) product ^= a << i;
  for (let i = 2 * bits - 2; i >= bits; i--) if ((product >> i) & 1) product ^= polynomial << (i - bits);
  return product;
}

const nibbles = Array.from({ length: 16 }, (_, i) => i);
const times = (a: number, b: number): number => multiply(a, b, 0b10011, 4);
const inverse = (a: number): number => nibbles.find((b) => times(a, b) === 1) ?? 0;

/** Such that `t*t + a*t + 1` has no root. */
const a = nibbles.find((n) => n > 0 && nibbles.every((t) => (times(t, t) ^ times(n, t) ^ 1) !== 0)) ?? 0;

/** A pair as a byte: i in the upper nibble. */
const pair = (i: number, j: number): number => (i << 4) | j;

function multiplyPairs(p: number, q: number): number {
  const [i, j, m, n] = [p >> 4, p & 15, q >> 4, q & 15];
  const ww = times(j, n);
  return pair(times(i, m) ^ ww, times(i, n) ^ times(j, m) ^ times(a, ww));
}

/** What a byte is when each of its bits is one of `images`. */
const linear = (images: readonly number[], byte: number): number =>
  images.reduce((sum, image, bit) => ((byte >> bit) & 1 ? sum ^ image : sum), 0);

function powersOf(pairs: number): number[] {
  const powers = [pair(1, 0)];
  while (powers.length < 9) powers.push(multiplyPairs(powers.at(-1) ?? 0, pairs));
  return powers;
}

/** Images of the bits of AES's bytes: powers of a root of its polynomial, x^8 + x^4 + x^3 + x + 1. */
const root = Array.from({ length: 256 }, (_, i) => i).find((candidate) => {
  const powers = powersOf(candidate);
  return candidate > 1 && [0, 1, 3, 4, 8].reduce((sum, power) => sum ^ (powers[power] ?? 0), 0) === 0;
});
const toPair = powersOf(root ?? 0).slice(0, 8);
const fromPair = Array.from({ length: 256 }, (_, i) => i).reduce<number[]>((found, byte) => {
  found[linear(toPair, byte)] = byte;
  return found;
}, []);

const rotate = (byte: number, count: number): number => ((byte << count) | (byte >> (8 - count))) & 0xff;
/** The linear part of the S-box's second step, and its inverse; 0x63 is added in both directions. */
const affine = (byte: number): number => [1, 2, 3, 4].reduce((sum, count) => sum ^ rotate(byte, count), byte);
const inverseAffine = (byte: number): number => rotate(byte, 1) ^ rotate(byte, 3) ^ rotate(byte, 6);

export interface SubstitutionTables {
  /** Added before everything, and after it. */
  readonly before: number;
  readonly after: number;
  /** Of the lower and the upper nibble of a byte: i in the upper nibble, k in the lower one. */
  readonly input: readonly [readonly number[], readonly number[]];
  /** Of the two quotients. */
  readonly output: readonly [readonly number[], readonly number[]];
}

/** 1/n, and a/n. */
export const inverses: readonly number[] = nibbles.map((n) => (n === 0 ? infinity : inverse(n)));
export const scaledInverses: readonly number[] = nibbles.map((n) => (n === 0 ? infinity : times(a, inverse(n))));

const toIndices = (byte: number): number => {
  const both = linear(toPair, byte);
  return (both & 0xf0) | ((both >> 4) ^ (both & 15));
};

/** The inverse pair's part that comes from one of the two quotients, `first` or not. */
function outputOf(quotient: number, isFirst: boolean): number {
  const scale = inverse(times(a, a));
  const value = times(inverse(quotient), scale);
  const other = times(1 ^ a, value);
  const [i, j] = isFirst ? [other, value] : [value, other];
  return fromPair[pair(i ^ times(a, j), j)] ?? 0;
}

const tables = (before: number, after: number, first: (byte: number) => number, last: (byte: number) => number) => ({
  before,
  after,
  input: [nibbles.map((n) => toIndices(first(n))), nibbles.map((n) => toIndices(first(n << 4)))] as const,
  output: [nibbles.map((n) => last(outputOf(n, true))), nibbles.map((n) => last(outputOf(n, false)))] as const,
});
const same = (byte: number): number => byte;

export const substitution: SubstitutionTables = tables(0, 0x63, same, affine);
export const inverseSubstitution: SubstitutionTables = tables(0x63, 0, inverseAffine, same);
