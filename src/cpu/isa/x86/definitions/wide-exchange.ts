/** CMPXCHG8B and CMPXCHG16B (SDM 2A). Kernels' allocators run the latter for each object (fork row of the bench). */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';

const vectorGeneralProtection = 13;
const [rax, rcx, rdx, rbx] = [0, 1, 2, 3];

function setZeroFlag(e: WasmEmitter, x: X86Target, isEqual: Val): void {
  const { sign, carry } = x.flags();
  x.setFlags({ zero: e.op('i64.extend_i32_u', e.op('i32.eqz', isEqual)), sign, carry });
}

/** The registers keep their upper halves when the comparison holds. */
function exchange8(e: WasmEmitter, x: X86Target, linear: Val): void {
  const pair = (low: number, high: number): Val => {
    const upper = e.op('i64.shl', e.op('i64.extend_i32_u', x.register(32, high)), e.i64(32n));
    return e.op('i64.or', upper, e.op('i64.extend_i32_u', x.register(32, low)));
  };
  const memory = x.writable(64, linear, 'read-write');
  const old = memory.read();
  const isEqual = e.op('i64.eq', old, pair(rax, rdx));
  memory.write(e.select(isEqual, pair(rbx, rcx), old));
  const take = (number: number, found: Val): void => {
    const kept = x.register(64, number);
    x.setRegister(64, number, e.select(isEqual, kept, found));
  };
  take(rax, e.op('i64.and', old, e.i64(0xffffffffn)));
  take(rdx, e.op('i64.shr_u', old, e.i64(32n)));
  setZeroFlag(e, x, isEqual);
}

/** The operand must be aligned to 16 bytes. */
function exchange16(e: WasmEmitter, x: X86Target, linear: Val): void {
  e.when(e.op('i32.and', e.op('i32.wrap_i64', linear), e.i32(15)), () => x.raise(vectorGeneralProtection, 0));
  const memory = x.writable('v128', linear, 'read-write');
  const old = memory.read();
  const low = e.lane('i64x2.extract_lane', 0, old);
  const high = e.lane('i64x2.extract_lane', 1, old);
  const isEqual = e.op('i32.and', e.op('i64.eq', low, x.register(64, rax)), e.op('i64.eq', high, x.register(64, rdx)));
  const given = e.lane('i64x2.replace_lane', 1, e.op('i64x2.splat', x.register(64, rbx)), x.register(64, rcx));
  memory.write(e.select(isEqual, given, old));
  // When the comparison holds these are the registers' own values.
  x.setRegister(64, rax, low);
  x.setRegister(64, rdx, high);
  setZeroFlag(e, x, isEqual);
}

const exchange: Body = (e, x, w, linear) =>
  w === 64 ? exchange16(e, x, linear as Val) : exchange8(e, x, linear as Val);

export const wideExchange: readonly Row[] = [
  row('0F C7 /1', 'cmpxchg8b', 'Nc+', exchange, { lock: true, wideFeature: 'cx16' }),
];
