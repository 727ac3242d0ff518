/** Elements of SSE's floating-point vectors: single and double precision (SDM 1, 4.2.2). */
import { precision } from '../x87/index.ts';

export interface Format {
  readonly bits: 32 | 64;
  readonly precision: number;
  /** Between the 80-bit format's bias and this one's. */
  readonly bias: number;
  /** The exponent of infinities. */
  readonly top: number;
}
export const single: Format = { bits: 32, precision: precision.single, bias: 16256, top: 0xff };
export const double: Format = { bits: 64, precision: precision.double, bias: 15360, top: 0x7ff };
export const formatOf = (bits: number): Format => (bits === 64 ? double : single);

/** What an operand is, as far as an operation asks. */
export const kind = { number: 0, denormal: 1, quietNan: 2, signalingNan: 3 } as const;
export const isNan = (k: number): boolean => k >= kind.quietNan;

export const topBit = 0x80000000 | 0;

/** A pair of words, of which single precision uses the low one. */
export type Words = readonly [low: number, high: number];
const topWord = ({ bits }: Format, [low, high]: Words): number => (bits === 64 ? high : low);
export const isNegative = (format: Format, words: Words): boolean => topWord(format, words) < 0;
export const isZero = (format: Format, words: Words): boolean =>
  topWord(format, words) << 1 === 0 && (format.bits === 32 || words[0] === 0);
export const isInfinite = (format: Format, words: Words): boolean =>
  (topWord(format, words) & 0x7fffffff) === (format.bits === 64 ? 0x7ff00000 : 0x7f800000) &&
  (format.bits === 32 || words[0] === 0);
