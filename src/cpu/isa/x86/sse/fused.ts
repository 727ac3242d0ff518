/** Exact sums of a product and a number: what FMA rounds once (SDM 1, 14.5). */
import { exception } from '../mxcsr.ts';
import { cell } from '../x87/index.ts';
import { type Format, isInfinite, isNan, isNegative, isZero, kind, topBit, type Words } from './element.ts';
import type { SseUnit } from './unit.ts';

const { IE, DE } = exception;

/** A finite number: a significand and the weight of its last bit. */
interface Finite {
  readonly isNegative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

const shapes = { 32: { fraction: 23, bias: 127 }, 64: { fraction: 52, bias: 1023 } } as const;

/** An element's words as a finite number. */
function finiteOf(bits: 32 | 64, low: number, high: number): Finite {
  const { fraction, bias } = shapes[bits];
  const whole = bits === 64 ? (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0) : BigInt(low >>> 0);
  const field = Number((whole >> BigInt(fraction)) & BigInt(2 * bias + 1));
  const stored = whole & ((1n << BigInt(fraction)) - 1n);
  const significand = field === 0 ? stored : stored | (1n << BigInt(fraction));
  return { isNegative: whole >> BigInt(bits - 1) !== 0n, significand, exponent: Math.max(field, 1) - bias - fraction };
}

/** `a` * `b` + `c`; a sum of zero is positive, whatever its sign should be. */
function fusedSum(a: Finite, b: Finite, c: Finite): Finite {
  const product = a.significand * b.significand * (a.isNegative !== b.isNegative ? -1n : 1n);
  const addend = c.significand * (c.isNegative ? -1n : 1n);
  const weight = a.exponent + b.exponent;
  const exponent = Math.min(weight, c.exponent);
  const sum = (product << BigInt(weight - exponent)) + (addend << BigInt(c.exponent - exponent));
  return { isNegative: sum < 0n, significand: sum < 0n ? -sum : sum, exponent };
}

/** A number as a significand of 64 bits with its top bit set, what is behind it, and the weight of its first bit. */
interface Normalized {
  readonly hi: number;
  readonly lo: number;
  readonly rest: 0 | 1;
  readonly exponent: number;
}

function normalized({ significand, exponent }: Finite): Normalized {
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

/**
 * `a` * `b` + `c`. The first NaN in this order is the result. `negates`: the sign of the product, and of the addend.
 */
export function fused(
  unit: SseUnit,
  format: Format,
  a: Words,
  b: Words,
  c: Words,
  negates: { product: boolean; addend: boolean },
): void {
  const kc = unit.take(format, cell.a, c[0], c[1]);
  const addend: Words = [unit.aLow, unit.aHigh];
  const ka = unit.take(format, cell.a, a[0], a[1]);
  const kb = unit.take(format, cell.b, b[0], b[1]);
  const factors: readonly [Words, Words] = [
    [unit.aLow, unit.aHigh],
    [unit.bLow, unit.bHigh],
  ];
  const isNegated = ([low, high]: Words, negate: boolean): Words => {
    const flip = negate ? topBit : 0;
    return format.bits === 64 ? [low, high ^ flip] : [low ^ flip, high];
  };
  const isEmpty = (words: Words): boolean => isZero(format, words);
  const isProductInvalid =
    (isInfinite(format, factors[0]) && isEmpty(factors[1])) || (isEmpty(factors[0]) && isInfinite(format, factors[1]));
  if (isNan(ka) || isNan(kb) || isNan(kc)) {
    if ([ka, kb, kc].includes(kind.signalingNan)) unit.raised |= IE;
    const found = isNan(ka) ? factors[0] : isNan(kb) ? factors[1] : addend;
    unit.setQuiet(format, ...found);
    return;
  }
  const p = isNegated(factors[0], negates.product);
  const r = isNegated(addend, negates.addend);
  const isProductInfinite = isInfinite(format, p) || isInfinite(format, factors[1]);
  const isProductNegative = isNegative(format, p) !== isNegative(format, factors[1]);
  const cancels = isProductInfinite && isInfinite(format, r) && isProductNegative !== isNegative(format, r);
  if (isProductInvalid || cancels) {
    unit.raised |= IE;
    unit.setDefault(format);
    return;
  }
  if ([ka, kb, kc].includes(kind.denormal)) unit.raised |= DE;
  if (isProductInfinite) unit.pack(format, isProductNegative ? 0x8000 : 0, format.top, 0, 0);
  else if (isInfinite(format, r)) unit.set(...r);
  else fuse(unit, format, p, factors[1], r);
}

function fuse(unit: SseUnit, format: Format, a: Words, b: Words, c: Words): void {
  const [p, q, r] = [a, b, c].map((words) => finiteOf(format.bits, ...words)) as [Finite, Finite, Finite];
  const sum = fusedSum(p, q, r);
  const isProductNegative = p.isNegative !== q.isNegative;
  if (sum.significand === 0n) {
    const isDown = unit.rounding === 1;
    const isMinus = isProductNegative === r.isNegative ? r.isNegative : isDown;
    unit.pack(format, isMinus ? 0x8000 : 0, 0, 0, 0);
    return;
  }
  const { hi, lo, rest, exponent } = normalized(sum);
  unit.roundAndPack(format, sum.isNegative ? 0x8000 : 0, exponent + (format.top >> 1), hi, lo, rest);
}
