/** SSE3 (SDM 2, instruction pages named by mnemonic). FISTTP is in x87.ts. */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, requires } from '../row.ts';
import { carryTame, floatArithmetic, formats, type PackedFormat } from '../sse/index.ts';
import type { Body, X86Target } from '../target.ts';
import { combine, move, shuffleLanes, sseRow, vectorBytes } from './sse-row.ts';

/** Even lanes of both operands with the odd ones beside them: those of `a` below those of `b`. */
export function neighbours(e: WasmEmitter, x: X86Target, format: PackedFormat, a: Val, b: Val): [even: Val, odd: Val] {
  const { lanes } = format;
  const even = Array.from({ length: lanes }, (_, i) => 2 * i);
  const odd = even.map((lane) => lane + 1);
  const pairs: [Val, Val] = [shuffleLanes(e, 16 / lanes, a, b, even), shuffleLanes(e, 16 / lanes, a, b, odd)];
  carryTame(x, format.name, [a, b], pairs);
  return pairs;
}

const horizontal =
  (format: PackedFormat, name: 'add' | 'sub'): Body =>
  (e, x, _w, a, b) => {
    const operands = [a as Val, b as Val] as const;
    const result = floatArithmetic(e, x, format, name, ...neighbours(e, x, format, ...operands));
    // All of their elements were tested.
    for (const operand of operands) x.noteTame(operand, format.name);
    return result;
  };

/** ADDSUBPS and ADDSUBPD: odd lanes are added, and even ones with their sign changed, unless that is a NaN's. */
const alternate =
  (format: PackedFormat): Body =>
  (e, x, _w, a, b) => {
    const top = 0x80000000 | 0;
    const second = b as Val;
    const evenSigns = e.v128(vectorBytes(4, format.element === 'f32' ? [top, 0, top, 0] : [0, top, 0, 0]));
    const isNumber = e.op(`${format.vector}.eq`, second, second);
    const signed = e.op('v128.xor', second, e.op('v128.and', evenSigns, isNumber));
    carryTame(x, format.name, [second], [signed]);
    const result = floatArithmetic(e, x, format, 'add', a as Val, signed);
    x.noteTame(second, format.name);
    return result;
  };

const duplicateLanes =
  (lanes: readonly number[], from: 'sd' | 'ps', to: 'pd' | 'ps'): Body =>
  (e, x, _w, vector) => {
    const result = shuffleLanes(e, 4, vector as Val, vector as Val, lanes);
    if (x.isTame(vector as Val, from)) x.noteTame(result, to);
    return result;
  };

const { ps, pd } = formats;

export const sse3: readonly Row[] = requires('sse3', [
  sseRow('66 0F 7C', 'haddpd', 'Vx+,Wx', horizontal(pd, 'add')),
  sseRow('F2 0F 7C', 'haddps', 'Vx+,Wx', horizontal(ps, 'add')),
  sseRow('66 0F 7D', 'hsubpd', 'Vx+,Wx', horizontal(pd, 'sub')),
  sseRow('F2 0F 7D', 'hsubps', 'Vx+,Wx', horizontal(ps, 'sub')),
  sseRow('66 0F D0', 'addsubpd', 'Vx+,Wx', alternate(pd)),
  sseRow('F2 0F D0', 'addsubps', 'Vx+,Wx', alternate(ps)),
  sseRow('F3 0F 12', 'movsldup', 'Vx=,Wx', duplicateLanes([0, 0, 2, 2], 'ps', 'ps')),
  sseRow('F3 0F 16', 'movshdup', 'Vx=,Wx', duplicateLanes([1, 1, 3, 3], 'ps', 'ps')),
  sseRow('F2 0F 12', 'movddup', 'Vx=,Ux', duplicateLanes([0, 1, 0, 1], 'sd', 'pd')),
  sseRow(
    'F2 0F 12',
    'movddup',
    'Vx=,Mq',
    combine((e, v) => e.op('i64x2.splat', v)),
  ),
  sseRow('F2 0F F0', 'lddqu', 'Vx=,Mu', move),
]);
