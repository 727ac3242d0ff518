/** MMX: what its rows share, and the instructions that SSE has no twin of (SDM 1, chapter 9). */
import type { Val, WasmEmitter } from '../../index.ts';
import { layout } from '../layout.ts';
import { type Row, row } from '../row.ts';
import type { Body } from '../target.ts';
import { combine, move, type VectorOperation, vectorOptions, zeroVector } from './sse-row.ts';

const x87Status = { errorSummary: 0x80, top: 0x3800 } as const;
const allValid = 0xff;

/** Any MMX instruction but EMMS reports a pending x87 exception, sets TOP to 0 and all tags to valid (SDM 3A, 13.2). */
const enteringMmx =
  (body: Body): Body =>
  (e, x, w, ...operands) => {
    const status = x.state('u16', layout.x87Status);
    e.when(e.op('i32.and', status, e.i32(x87Status.errorSummary)), () => void x.helper('fwait'));
    const results = body(e, x, w, ...operands);
    x.setState('u16', layout.x87Status, e.op('i32.and', status, e.i32(~x87Status.top)));
    x.setState('u16', layout.x87Tag, e.i32(allValid));
    return results;
  };

/** A row that uses MMX registers. */
export const mmxRow = (opcode: string, name: string, operands: string, body: Body): Row =>
  row(opcode, name, operands, enteringMmx(body), vectorOptions('mmx', operands));

/** A row that uses MMX and XMM registers: it needs CR4.OSFXSR. */
export const mixedRow = (opcode: string, name: string, operands: string, body: Body): Row =>
  row(opcode, name, operands, enteringMmx(body), vectorOptions('sse', operands));

/** An MMX operand (an i64, or an i32 from narrow memory) in the low half of a vector; what is above is of no interest. */
export const asVector = (e: WasmEmitter, value: Val): Val =>
  e.op(e.typeOf(value) === 'i32' ? 'i32x4.splat' : 'i64x2.splat', value);

/** Half of a vector as an MMX result. */
export const asMmx = (e: WasmEmitter, vector: Val, half: 0 | 1 = 0): Val => e.lane('i64x2.extract_lane', half, vector);

/** What SSE does with whole vectors, done with the low halves. */
export const onMmx = (operation: VectorOperation, half: 0 | 1 = 0): Body =>
  combine((e, ...operands) => asMmx(e, operation(e, ...operands.map((operand) => asVector(e, operand))), half));

export const mmx: readonly Row[] = [
  mmxRow('NP 0F 6E', 'movd', 'Pq=,Ey', (e, _x, w, value) => e.zeroExtend(w, 64, value)),
  mmxRow('NP 0F 7E', 'movd', 'Ey=,Pq', (e, _x, w, value) => e.truncate(64, w, value)),
  mmxRow('NP 0F 6F', 'movq', 'Pq=,Qq', move),
  mmxRow('NP 0F 7F', 'movq', 'Qq=,Pq', move),
  mmxRow('NP 0F E7', 'movntq', 'Mq=,Pq', move),
  mixedRow('F2 0F D6', 'movdq2q', 'Pq=,Uq', move),
  mixedRow(
    'F3 0F D6',
    'movq2dq',
    'Vx=,Hq',
    combine((e, value) => e.lane('i64x2.replace_lane', 0, zeroVector(e), value)),
  ),
  row('NP 0F 77', 'emms', '', (_e, x) => void x.helper('emms'), vectorOptions('mmx', '')),
];
