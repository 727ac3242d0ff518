/** Floating point of SSE4.1 (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import { layout } from '../layout.ts';
import { type Row, requires } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { sseRow } from './sse-row.ts';
import { laneBytes, neighbours, type PackedFloats, packedArithmetic } from './sse3.ts';

/** Rounding control, 0 nearest, 1 down, 2 up, 3 towards zero: bits 0-1 of the immediate, or MXCSR's when bit 2 says so. */
function roundingMode(e: WasmEmitter, x: X86Target, immediate: Val): Val {
  const own = e.op('i32.and', immediate, e.i32(3));
  const usesControl = e.op('i32.and', immediate, e.i32(4));
  const current = (): Val => e.op('i32.and', e.op('i32.shr_u', x.state('i32', layout.mxcsr), e.i32(13)), e.i32(3));
  return e.choose('i32', usesControl, current, () => own);
}

const round =
  (type: 'f32' | 'f64' | PackedFloats): Body =>
  (e, x, _w, value, immediate) => {
    const mode = roundingMode(e, x, immediate as Val);
    const result = e.typeOf(value as Val);
    const is = (number: number): Val => e.op('i32.eq', mode, e.i32(number));
    const to = (name: string) => (): Val => e.op(`${type}.${name}`, value as Val);
    const directed = (): Val =>
      e.choose(result, is(1), to('floor'), () => e.choose(result, is(2), to('ceil'), to('trunc')));
    return e.choose(result, mode, directed, to('nearest'));
  };

/** All ones in the lanes that bits of the immediate from `first` on choose. */
function lanesOf(e: WasmEmitter, type: PackedFloats, immediate: Val, first: 0 | 4): Val {
  const bits = e.v128(Array.from({ length: 16 }, (_, byte) => 1 << (first + Math.floor(byte / laneBytes[type]))));
  return e.op('i8x16.eq', e.op('v128.and', e.op('i8x16.splat', immediate), bits), bits);
}

/** DPPS and DPPD: the sum of the products that bits 4-7 choose, in the lanes that bits 0-3 choose; zero elsewhere. */
const dotProduct =
  (type: PackedFloats): Body =>
  (e, x, _w, a, b, immediate) => {
    const taken = lanesOf(e, type, immediate as Val, 4);
    const only = (v: Val): Val => e.op('v128.and', v, taken);
    const products = packedArithmetic(e, x, type, 'mul', only(a as Val), only(b as Val));
    const pairs = packedArithmetic(e, x, type, 'add', ...neighbours(e, type, products, products));
    // Of singles there are two sums by now, in both halves.
    const sum = type === 'f64x2' ? pairs : packedArithmetic(e, x, type, 'add', ...neighbours(e, type, pairs, pairs));
    return e.op('v128.and', sum, lanesOf(e, type, immediate as Val, 0));
  };

export const sse41Float: readonly Row[] = requires('sse41', [
  sseRow('66 0F 3A 08', 'roundps', 'Vx=,Wx,Ib', round('f32x4')),
  sseRow('66 0F 3A 09', 'roundpd', 'Vx=,Wx,Ib', round('f64x2')),
  sseRow('66 0F 3A 0A', 'roundss', 'Vss=,Wss,Ib', round('f32')),
  sseRow('66 0F 3A 0B', 'roundsd', 'Vsd=,Wsd,Ib', round('f64')),
  sseRow('66 0F 3A 40', 'dpps', 'Vx+,Wx,Ib', dotProduct('f32x4')),
  sseRow('66 0F 3A 41', 'dppd', 'Vx+,Wx,Ib', dotProduct('f64x2')),
]);
