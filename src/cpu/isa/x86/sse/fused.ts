/** Exact sums of a product and a number: what FMA rounds once (SDM 1, 14.5). */

/** A finite number: a significand and the weight of its last bit. */
export interface Finite {
  readonly isNegative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

const shapes = { 32: { fraction: 23, bias: 127 }, 64: { fraction: 52, bias: 1023 } } as const;

/** An element's words as a finite number. */
export function finiteOf(bits: 32 | 64, low: number, high: number): Finite {
  const { fraction, bias } = shapes[bits];
  const whole = bits === 64 ? (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0) : BigInt(low >>> 0);
  const field = Number((whole >> BigInt(fraction)) & BigInt(2 * bias + 1));
  const stored = whole & ((1n << BigInt(fraction)) - 1n);
  const significand = field === 0 ? stored : stored | (1n << BigInt(fraction));
  return { isNegative: whole >> BigInt(bits - 1) !== 0n, significand, exponent: Math.max(field, 1) - bias - fraction };
}

/** `a` * `b` + `c`; a sum of zero is positive, whatever its sign should be. */
export function fusedSum(a: Finite, b: Finite, c: Finite): Finite {
  const product = a.significand * b.significand * (a.isNegative !== b.isNegative ? -1n : 1n);
  const addend = c.significand * (c.isNegative ? -1n : 1n);
  const weight = a.exponent + b.exponent;
  const exponent = Math.min(weight, c.exponent);
  const sum = (product << BigInt(weight - exponent)) + (addend << BigInt(c.exponent - exponent));
  return { isNegative: sum < 0n, significand: sum < 0n ? -sum : sum, exponent };
}

/** A number as a significand of 64 bits with its top bit set, what is behind it, and the weight of its first bit. */
export interface Normalized {
  readonly hi: number;
  readonly lo: number;
  readonly rest: 0 | 1;
  readonly exponent: number;
}

export function normalized({ significand, exponent }: Finite): Normalized {
  const length = significand.toString(2).length;
  const excess = length - 64;
  const top = excess >= 0 ? significand >> BigInt(excess) : significand << BigInt(-excess);
  const hasRest = excess > 0 && top << BigInt(excess) !== significand;
  return {
    hi: Number(BigInt.asIntN(32, top >> 32n)),
    lo: Number(BigInt.asIntN(32, top)),
    rest: hasRest ? 1 : 0,
    exponent: exponent + length - 1,
  };
}
