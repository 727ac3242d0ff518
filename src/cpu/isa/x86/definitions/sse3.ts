/** SSE3 (SDM 2, instruction pages named by mnemonic). FISTTP is in x87.ts. */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, requires } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { combine, move, shuffleLanes, sseRow, type VectorOperation, vectorBytes } from './sse-row.ts';

export type PackedFloats = 'f32x4' | 'f64x2';

/** Sums, differences and products of packed floats, as ADDPS, SUBPS and MULPS and their kin compute them. */
export const packedArithmetic = (
  e: WasmEmitter,
  _x: X86Target,
  type: PackedFloats,
  name: 'add' | 'sub' | 'mul',
  a: Val,
  b: Val,
): Val => e.op(`${type}.${name}`, a, b);

export const laneBytes = { f32x4: 4, f64x2: 8 } as const;

/** Even lanes of both operands with the odd ones beside them: those of `a` below those of `b`. */
export function neighbours(e: WasmEmitter, type: PackedFloats, a: Val, b: Val): [even: Val, odd: Val] {
  const bytes = laneBytes[type];
  const even = Array.from({ length: 16 / bytes }, (_, i) => 2 * i);
  const odd = even.map((lane) => lane + 1);
  return [shuffleLanes(e, bytes, a, b, even), shuffleLanes(e, bytes, a, b, odd)];
}

const horizontal =
  (type: PackedFloats, name: 'add' | 'sub'): Body =>
  (e, x, _w, a, b) =>
    packedArithmetic(e, x, type, name, ...neighbours(e, type, a as Val, b as Val));

/** ADDSUBPS and ADDSUBPD: odd lanes are added, and even ones with their sign changed, unless that is a NaN's. */
const alternate =
  (type: PackedFloats): Body =>
  (e, x, _w, a, b) => {
    const top = 0x80000000 | 0;
    const evenSigns = e.v128(vectorBytes(4, type === 'f32x4' ? [top, 0, top, 0] : [0, top, 0, 0]));
    const isNumber = e.op(`${type}.eq`, b as Val, b as Val);
    const signed = e.op('v128.xor', b as Val, e.op('v128.and', evenSigns, isNumber));
    return packedArithmetic(e, x, type, 'add', a as Val, signed);
  };

const duplicateLanes =
  (lanes: readonly number[]): VectorOperation =>
  (e, v) =>
    shuffleLanes(e, 4, v, v, lanes);

export const sse3: readonly Row[] = requires('sse3', [
  sseRow('66 0F 7C', 'haddpd', 'Vx+,Wx', horizontal('f64x2', 'add')),
  sseRow('F2 0F 7C', 'haddps', 'Vx+,Wx', horizontal('f32x4', 'add')),
  sseRow('66 0F 7D', 'hsubpd', 'Vx+,Wx', horizontal('f64x2', 'sub')),
  sseRow('F2 0F 7D', 'hsubps', 'Vx+,Wx', horizontal('f32x4', 'sub')),
  sseRow('66 0F D0', 'addsubpd', 'Vx+,Wx', alternate('f64x2')),
  sseRow('F2 0F D0', 'addsubps', 'Vx+,Wx', alternate('f32x4')),
  sseRow('F3 0F 12', 'movsldup', 'Vx=,Wx', combine(duplicateLanes([0, 0, 2, 2]))),
  sseRow('F3 0F 16', 'movshdup', 'Vx=,Wx', combine(duplicateLanes([1, 1, 3, 3]))),
  sseRow('F2 0F 12', 'movddup', 'Vx=,Ux', combine(duplicateLanes([0, 1, 0, 1]))),
  sseRow(
    'F2 0F 12',
    'movddup',
    'Vx=,Mq',
    combine((e, v) => e.op('i64x2.splat', v)),
  ),
  sseRow('F2 0F F0', 'lddqu', 'Vx=,Mu', move),
]);
