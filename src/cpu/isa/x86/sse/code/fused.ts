/**
 * FMA as functions of the core: an exact product and an exact sum by error-free transformations, rounded once (Boldo and
 * Melquiond, Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd). What is not plain goes
 * to the helper.
 */
import type { Val, WasmEmitter } from '../../../index.ts';
import { layout } from '../../layout.ts';
import { exception, maskOf, mxcsr } from '../../mxcsr.ts';
import { returnValues, type SharedFunction, type SharedFunctions, type SharedScope } from '../../shared-function.ts';
import { packCall } from '../operation.ts';
import { bitsOf, type FloatFormat, formats } from './format.ts';

type Pair = readonly [value: Val, error: Val];

const d = (e: WasmEmitter, name: string, a: Val, b?: Val): Val => e.op(`f64x2.${name}`, a, b);
const both = (e: WasmEmitter, bits: bigint): Val =>
  e.v128(Array.from({ length: 16 }, (_, i) => Number((bits >> BigInt(8 * (i % 8))) & 0xffn)));

/** Knuth's two-sum. */
function twoSum(e: WasmEmitter, a: Val, b: Val): Pair {
  const sum = d(e, 'add', a, b);
  const virtual = d(e, 'sub', sum, a);
  return [sum, d(e, 'add', d(e, 'sub', a, d(e, 'sub', sum, virtual)), d(e, 'sub', b, virtual))];
}

/** Veltkamp's splitting: 2^27 + 1. */
const splitter = 0x41a0000002000000n;

/** Dekker's product. */
function twoProduct(e: WasmEmitter, a: Val, b: Val): Pair {
  const split = (v: Val): Pair => {
    const scaled = d(e, 'mul', v, both(e, splitter));
    const high = d(e, 'sub', scaled, d(e, 'sub', scaled, v));
    return [high, d(e, 'sub', v, high)];
  };
  const [ah, al] = split(a);
  const [bh, bl] = split(b);
  const product = d(e, 'mul', a, b);
  const first = d(e, 'add', d(e, 'sub', d(e, 'mul', ah, bh), product), d(e, 'mul', ah, bl));
  return [product, d(e, 'add', d(e, 'add', first, d(e, 'mul', al, bh)), d(e, 'mul', al, bl))];
}

const isNotZero = (e: WasmEmitter, v: Val): Val => d(e, 'ne', v, both(e, 0n));

/** A sum and its error as the sum rounded to odd: of the two neighbours the one whose last bit is set. */
function toOdd(e: WasmEmitter, [sum, error]: Pair): Val {
  const one = both(e, 1n);
  const isEven = e.op('i64x2.eq', e.op('v128.and', sum, one), both(e, 0n));
  const isAway = e.op('i64x2.gt_s', both(e, 0n), e.op('v128.xor', sum, error));
  // One up where the error points away from zero, one down where it points there.
  const step = e.op('v128.bitselect', both(e, 0xffffffffffffffffn), one, isAway);
  const moves = e.op('v128.and', isEven, isNotZero(e, error));
  return e.op('i64x2.add', sum, e.op('v128.and', step, moves));
}

/** A result, whether it is inexact, and whether it cannot be told here: masks of 64 bits. */
interface Fused {
  readonly value: Val;
  readonly isInexact: Val;
  readonly isDoubtful: Val;
}

/** Whether the exponent field, shifted down, lies strictly between two values. */
function isBetween(e: WasmEmitter, value: Val, low: number, high: number): Val {
  const field = e.op('i64x2.shr_u', e.op('i64x2.shl', value, e.i32(1)), e.i32(53));
  const isAbove = e.op('i64x2.gt_s', field, both(e, BigInt(low)));
  return e.op('v128.and', isAbove, e.op('i64x2.gt_s', both(e, BigInt(high)), field));
}

/** Exponents that leave room for each error on the way. */
const middling = [1023 - 400, 1023 + 400] as const;

function fuseDoubles(e: WasmEmitter, a: Val, b: Val, c: Val): Fused {
  const areFit = [a, b, c]
    .map((v) => e.op('v128.or', isBetween(e, v, ...middling), d(e, 'eq', v, both(e, 0n))))
    .reduce((p, q) => e.op('v128.and', p, q));
  const [product, low] = twoProduct(e, a, b);
  const [high, rest] = twoSum(e, c, low);
  const [top, middle] = twoSum(e, product, high);
  const tail = twoSum(e, rest, middle);
  const [value, error] = twoSum(e, top, toOdd(e, tail));
  const isInexact = e.op('v128.or', isNotZero(e, error), isNotZero(e, tail[1]));
  // A zero that cancelled out is positive; where both are zeros the helper knows the sign.
  const isCancelled = e.op('v128.andnot', isNotZero(e, product), isNotZero(e, value));
  const isFine = e.op('v128.and', areFit, e.op('v128.or', isBetween(e, value, 3, 2046), isCancelled));
  return { value, isInexact, isDoubtful: e.op('v128.not', isFine) };
}

const lowSingles = (e: WasmEmitter, v: Val): Val => d(e, 'promote_low_f32x4', v);

/** The low two singles, widened: their product is exact. The results are doubles. */
function fuseSingles(e: WasmEmitter, ...operands: readonly [Val, Val, Val]): Fused {
  const [a, b, c] = operands.map((v) => lowSingles(e, v)) as [Val, Val, Val];
  const areFit = [a, b, c]
    .map((v) => e.op('v128.or', isBetween(e, v, 1023 - 127, 1023 + 128), d(e, 'eq', v, both(e, 0n))))
    .reduce((p, q) => e.op('v128.and', p, q));
  const product = d(e, 'mul', a, b);
  const exact = twoSum(e, product, c);
  const odd = toOdd(e, exact);
  const value = lowSingles(e, e.op('f32x4.demote_f64x2_zero', odd));
  const isInexact = e.op('v128.or', isNotZero(e, exact[1]), d(e, 'ne', value, odd));
  const isCancelled = e.op('v128.andnot', isNotZero(e, product), isNotZero(e, odd));
  const isFine = e.op('v128.and', areFit, e.op('v128.or', isBetween(e, value, 1023 - 124, 1023 + 127), isCancelled));
  return { value, isInexact, isDoubtful: e.op('v128.not', isFine) };
}

/** Whether some lane that counts is set: an i32. */
function someOf(e: WasmEmitter, masks: readonly Val[], lanes: number): Val {
  if (lanes === 1) return e.op('i32.and', e.op('i64x2.bitmask', masks[0] as Val), e.i32(1));
  return e.op(
    'v128.any_true',
    masks.reduce((p, q) => e.op('v128.or', p, q)),
  );
}

/** (a, b, c as they are; a and c with the signs that count; `signs` for the helper, RIP) -> the result, whether it faulted. */
function fused(format: FloatFormat): SharedFunction {
  const { lanes, element } = format;
  return {
    params: ['v128', 'v128', 'v128', 'v128', 'v128', 'i32', 'i64'],
    results: ['v128', 'i32'],
    emit: (e, scope, ...params) => {
      const [a, b, c, p, r, signs, rip] = params as [Val, Val, Val, Val, Val, Val, Val];
      const zero = e.i32(0);
      const status = e.loadMemory('i32.load', zero, layout.mxcsr);
      const precisionMask = maskOf(exception.PE);
      const mode = e.op('i32.and', status, e.i32(mxcsr.rounding | precisionMask));
      e.when(e.op('i32.eq', mode, e.i32(precisionMask)), () => quickly(e, scope, format, [p, b, r], status));
      for (const [operand, at] of [
        [a, 0],
        [b, 16],
        [c, 48],
      ] as const) {
        e.storeMemory('v128.store', zero, layout.helper + at, operand);
      }
      e.storeMemory('i64.store', zero, layout.rip, rip);
      scope.helper('sseOperation', e.i32(packCall('fused', { bits: bitsOf(format), lanes })), signs);
      return [e.loadMemory('v128.load', zero, layout.helper + 32), e.loadMemory('i32.load', zero, layout.faulted)];
    },
  };

  function quickly(
    e: WasmEmitter,
    scope: SharedScope,
    _format: FloatFormat,
    operands: [Val, Val, Val],
    status: Val,
  ): void {
    const parts: Fused[] = element === 'f64' ? [fuseDoubles(e, ...operands)] : [fuseSingles(e, ...operands)];
    if (lanes === 4) {
      const upper = operands.map((v) => e.shuffle(v, v, [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]));
      parts.push(fuseSingles(e, ...(upper as [Val, Val, Val])));
    }
    const isDoubtful = someOf(
      e,
      parts.map((part) => part.isDoubtful),
      lanes,
    );
    e.when(e.op('i32.eqz', isDoubtful), () => {
      const isInexact = someOf(
        e,
        parts.map((part) => part.isInexact),
        lanes,
      );
      const isNews = e.op('i32.and', isInexact, e.op('i32.eqz', e.op('i32.and', status, e.i32(exception.PE))));
      e.when(isNews, () => void scope.helper('sseInexact'));
      const narrow = (part: Fused): Val => e.op('f32x4.demote_f64x2_zero', part.value);
      const [low, high] = parts as [Fused, Fused?];
      const value = element === 'f64' ? low.value : narrow(low);
      const whole = high
        ? e.shuffle(value, narrow(high), [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
        : value;
      returnValues(e, whole, e.i32(0));
    });
  }
}

export const fusedFunctions: SharedFunctions = Object.fromEntries(
  Object.values(formats).map((format) => [`sse.fused.${format.name}`, fused(format)]),
);
