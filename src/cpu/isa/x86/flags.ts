/**
 * Lazy flags: the six arithmetic flags live in three 64-bit words, and each flag is a fixed function of them,
 * whatever instruction wrote them:
 *
 * - ZF: `flagZero` is zero
 * - SF: sign bit of `flagSign`;  PF: even parity of its low byte
 * - CF: bit 63 of `flagCarry`;  OF: bit 63 xor bit 62;  AF: bit 3
 *
 * An arithmetic instruction stores its sign-extended result in the first two and its carry (or borrow) vector,
 * shifted so that the carry out of the top bit is bit 63, in the third, with bit 3 in place.
 */
import { flag } from './layout.ts';

export interface FlagWords {
  readonly zero: bigint;
  readonly sign: bigint;
  readonly carry: bigint;
}

const evenParity = (byte: number): boolean => {
  let folded = byte ^ (byte >> 4);
  folded ^= folded >> 2;
  folded ^= folded >> 1;
  return (folded & 1) === 0;
};

/** The lazy words that mean these EFLAGS bits. */
export function wordsFromFlags(eflags: number): FlagWords {
  const parityByte = eflags & flag.PF ? 0n : 1n;
  const sign = eflags & flag.SF ? 1n << 63n : 0n;
  const cf = eflags & flag.CF ? 1n : 0n;
  const of = eflags & flag.OF ? 1n : 0n;
  const af = eflags & flag.AF ? 8n : 0n;
  return {
    zero: eflags & flag.ZF ? 0n : 1n,
    sign: BigInt.asIntN(64, sign | parityByte),
    carry: BigInt.asIntN(64, (cf << 63n) | ((cf ^ of) << 62n) | af),
  };
}

/** The EFLAGS bits that these lazy words mean. */
export function flagsFromWords({ zero, sign, carry }: FlagWords): number {
  let eflags = 0;
  if (zero === 0n) eflags |= flag.ZF;
  if (sign < 0n) eflags |= flag.SF;
  if (evenParity(Number(sign & 0xffn))) eflags |= flag.PF;
  const top = Number((carry >> 62n) & 3n);
  if (top & 2) eflags |= flag.CF;
  if (top === 1 || top === 2) eflags |= flag.OF;
  if (carry & 8n) eflags |= flag.AF;
  return eflags;
}

/** The lazy words after subtracting `b` from `a`, both unsigned of `width` bits. */
export function subtractionFlags(a: bigint, b: bigint, width: number): FlagWords {
  const result = BigInt.asUintN(width, a - b);
  const borrow = (~a & b) | ((~a | b) & result);
  const wide = BigInt.asIntN(width, result);
  return { zero: wide, sign: wide, carry: BigInt.asIntN(64, (borrow << BigInt(64 - width)) | (borrow & 8n)) };
}
