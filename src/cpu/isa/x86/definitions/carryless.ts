/** PCLMULQDQ (SDM 2B). */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, requires } from '../row.ts';
import type { SharedFunction, SharedFunctions } from '../shared-function.ts';
import type { Body } from '../target.ts';
import { shuffleLanes, splat32, sseRow } from './sse-row.ts';

const parts = [0, 1, 2, 3];
/** Every fourth bit from `part` on. */
const everyFourth = (e: WasmEmitter, part: number): Val => splat32(e, 0x11111111 << part);

/**
 * Products without carries of the 32-bit lanes 0 and 1, in 64 bits each. With only every fourth bit set, at most eight ones
 * meet in a place of an ordinary product, so that what they carry does not reach the next place of the same kind.
 */
function carrylessProducts(e: WasmEmitter, a: Val, b: Val): Val {
  const split = (v: Val): Val[] => parts.map((part) => e.op('v128.and', v, everyFourth(e, part)));
  const [inA, inB] = [split(a), split(b)];
  const sums = parts.map((part) => {
    const products = parts.map((i) => e.op('i64x2.extmul_low_i32x4_u', inA[i] as Val, inB[(part - i) & 3] as Val));
    const sum = products.reduce((all, product) => e.op('v128.xor', all, product));
    return e.op('v128.and', sum, everyFourth(e, part));
  });
  return sums.reduce((all, sum) => e.op('v128.or', all, sum));
}

const carrylessProduct: SharedFunction = {
  params: ['i64', 'i64'],
  results: ['v128'],
  emit: (e, _scope, a, b) => {
    const [wideA, wideB] = [e.op('i64x2.splat', a as Val), e.op('i64x2.splat', b as Val)];
    const outer = carrylessProducts(e, wideA, wideB);
    const inner = carrylessProducts(e, wideA, shuffleLanes(e, 4, wideB, wideB, [1, 0, 3, 2]));
    const half = (lane: number): Val => e.lane('i64x2.extract_lane', lane, inner);
    const middle = e.op('i64.xor', half(0), half(1));
    const low = e.op('i64.shl', middle, e.i64(32n));
    const high = e.op('i64.shr_u', middle, e.i64(32n));
    return [e.op('v128.xor', outer, e.lane('i64x2.replace_lane', 1, e.op('i64x2.splat', low), high))];
  },
};

export const carrylessFunctions: SharedFunctions = { carrylessProduct };

/** Bits 0 and 4 of the immediate choose the halves. */
const multiply: Body = (e, x, _w, a, b, immediate) => {
  const half = (vector: Val, bit: number): Val => {
    const [low, high] = [e.lane('i64x2.extract_lane', 0, vector), e.lane('i64x2.extract_lane', 1, vector)];
    return e.select(e.op('i32.and', immediate as Val, e.i32(bit)), high, low);
  };
  return x.shared('carrylessProduct', half(a as Val, 1), half(b as Val, 16));
};

export const carryless: readonly Row[] = requires('pclmulqdq', [
  sseRow('66 0F 3A 44', 'pclmulqdq', 'Vx+,Wx,Ib', multiply),
]);
