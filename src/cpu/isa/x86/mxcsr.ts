/** MXCSR (SDM 1, 10.2.3), and what generated code compares operands with instead of looking at it. */
import { layout } from './layout.ts';

/** Sticky flags; the masks are the same bits, `maskShift` higher. */
export const exception = { IE: 1, DE: 2, ZE: 4, OE: 8, UE: 16, PE: 32 } as const;
/** Found before anything is computed (SDM 1, 4.9.2). */
export const preComputation: number = exception.IE | exception.DE | exception.ZE;

export const mxcsr = {
  flags: 0x3f,
  denormalsAreZeros: 0x40,
  maskShift: 7,
  rounding: 0x6000,
  roundingShift: 13,
  flushToZero: 0x8000,
  /** Bits that may be set. */
  valid: 0xffff,
  initial: 0x1f80,
} as const;

export const maskOf = (flag: number): number => flag << mxcsr.maskShift;

/**
 * A value x of a format is suspicious to an operation when 2|x| - 1, in the unsigned integers of its width, is not above a
 * bound. Three bounds are kept, by what the operation is to report:
 *
 * - `operand`: only what operands bring with them, so denormals;
 * - `sum`, `product`: the same for sums, and for what may be tiny and inexact; in addition every value is suspicious unless
 *   results are rounded to nearest and an inexact one changes nothing.
 *
 * Zeros are the greatest of all, so that nothing but "all" finds them.
 */
export const bounds = ['operand', 'sum', 'product'] as const;
export type Bound = (typeof bounds)[number];

const boundBytes = { f64: 8, f32: 4 } as const;
const boundAt = { f64: layout.sseBounds64, f32: layout.sseBounds32 } as const;

/** Where the bound of a format is: unsigned, or less 2^63 or 2^31, for comparisons of signed lanes. */
export const boundOffset = (element: 'f32' | 'f64', bound: Bound, kind: 'unsigned' | 'signed'): number =>
  boundAt[element] + boundBytes[element] * (bounds.indexOf(bound) + (kind === 'signed' ? bounds.length : 0));

/** Low and high word; one word for single precision. */
const none = 0;
const denormals = { high: 0x1fffff, low: 0xfffffffe | 0, single: 0xfffffe } as const;

function setBound(words: Int32Array, bound: Bound, extent: 'none' | 'denormals' | 'all'): void {
  const [low, high, single] =
    extent === 'none'
      ? [none, none, none]
      : extent === 'all'
        ? [-1, -1, -1]
        : [denormals.low, denormals.high, denormals.single];
  const top = 0x80000000 | 0;
  for (const kind of ['unsigned', 'signed'] as const) {
    const flip = kind === 'signed' ? top : 0;
    words[boundOffset('f64', bound, kind) >> 2] = low;
    words[(boundOffset('f64', bound, kind) >> 2) + 1] = high ^ flip;
    words[boundOffset('f32', bound, kind) >> 2] = single ^ flip;
  }
}

/** The only way to change MXCSR. `words`: the vCPU's linear memory. */
export function setMxcsr(words: Int32Array, value: number): void {
  words[layout.mxcsr >> 2] = value;
  const isMaskedAndSet = (flag: number): boolean => (value & (flag | maskOf(flag))) === (flag | maskOf(flag));
  const isDenormalKnown = isMaskedAndSet(exception.DE) && (value & mxcsr.denormalsAreZeros) === 0;
  const operand = isDenormalKnown ? 'none' : 'denormals';
  const isPlain = isMaskedAndSet(exception.PE) && (value & mxcsr.rounding) === 0;
  const keepsTiny = (value & (mxcsr.flushToZero | maskOf(exception.UE))) === maskOf(exception.UE);
  setBound(words, 'operand', operand);
  setBound(words, 'sum', isPlain && keepsTiny ? operand : 'all');
  setBound(words, 'product', isPlain ? operand : 'all');
}
