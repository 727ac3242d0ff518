/** Insertion and extraction of lanes of SSE4.1 (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, requires } from '../row.ts';
import type { Body } from '../target.ts';
import { combine, sseRow, type VectorOperation, vectorBytes } from './sse-row.ts';

type LaneBytes = 1 | 2 | 4 | 8;
const shapes = { 1: 'i8x16', 2: 'i16x8', 4: 'i32x4', 8: 'i64x2' } as const;

const laneNumber = (e: WasmEmitter, laneBytes: LaneBytes, immediate: Val): Val =>
  e.op('i32.and', immediate, e.i32(16 / laneBytes - 1));

/** A vector with ones where the lane of this number is, an i32. */
function laneMask(e: WasmEmitter, laneBytes: LaneBytes, lane: Val): Val {
  const numbers = Array.from({ length: 16 }, (_, byte) => Math.floor(byte / laneBytes));
  return e.op('i8x16.eq', e.op('i8x16.splat', lane), e.v128(numbers));
}

function insert(e: WasmEmitter, laneBytes: LaneBytes, vector: Val, value: Val, lane: Val): Val {
  const shape = shapes[laneBytes];
  const known = e.known(lane);
  if (known !== undefined) return e.lane(`${shape}.replace_lane`, known, vector, value);
  return e.op('v128.bitselect', e.op(`${shape}.splat`, value), vector, laneMask(e, laneBytes, lane));
}

function extract(e: WasmEmitter, laneBytes: LaneBytes, vector: Val, lane: Val): Val {
  const name = `${shapes[laneBytes]}.extract_lane${laneBytes < 4 ? '_u' : ''}`;
  const known = e.known(lane);
  if (known !== undefined) return e.lane(name, known, vector);
  const first = e.op('i32.mul', lane, e.i32(laneBytes));
  const bytes = Array.from({ length: 16 }, (_, byte) => byte % laneBytes);
  const selector = e.op('i8x16.add', e.op('i8x16.splat', first), e.v128(bytes));
  return e.lane(name, 0, e.op('i8x16.swizzle', vector, selector));
}

const inserting =
  (laneBytes: LaneBytes): VectorOperation =>
  (e, vector, value, immediate) =>
    insert(e, laneBytes, vector, value, laneNumber(e, laneBytes, immediate));

const extracting =
  (laneBytes: LaneBytes): VectorOperation =>
  (e, vector, immediate) =>
    extract(e, laneBytes, vector, laneNumber(e, laneBytes, immediate));

/** PINSRD and PINSRQ, PEXTRD and PEXTRQ: REX.W chooses. */
const bySize =
  (operation: (laneBytes: LaneBytes) => VectorOperation): Body =>
  (e, _x, w, ...operands) =>
    operation(w === 64 ? 8 : 4)(e, ...operands);

/** INSERTPS: bits 4-5 choose the lane that is replaced, bits 0-3 lanes that become zero. */
function insertFloat(e: WasmEmitter, vector: Val, value: Val, immediate: Val): Val {
  const lane = e.op('i32.and', e.op('i32.shr_u', immediate, e.i32(4)), e.i32(3));
  const bits = e.v128(vectorBytes(4, [1, 2, 4, 8]));
  const cleared = e.op('i32x4.eq', e.op('v128.and', e.op('i32x4.splat', immediate), bits), bits);
  return e.op('v128.andnot', insert(e, 4, vector, value, lane), cleared);
}

/** From a register, bits 6-7 choose the lane that is taken. */
const insertFromRegister: VectorOperation = (e, vector, source, immediate) => {
  const taken = e.op('i32.and', e.op('i32.shr_u', immediate, e.i32(6)), e.i32(3));
  return insertFloat(e, vector, extract(e, 4, source, taken), immediate);
};

export const sse41Lanes: readonly Row[] = requires('sse41', [
  sseRow('66 0F 3A 14', 'pextrb', 'Rd=,Vx,Ib', combine(extracting(1))),
  sseRow('66 0F 3A 14', 'pextrb', 'Mb=,Vx,Ib', combine(extracting(1))),
  sseRow('66 0F 3A 15', 'pextrw', 'Rd=,Vx,Ib', combine(extracting(2))),
  sseRow('66 0F 3A 15', 'pextrw', 'Mw=,Vx,Ib', combine(extracting(2))),
  sseRow('66 0F 3A 16', 'pextrd', 'Ey=,Vx,Ib', bySize(extracting)),
  sseRow('66 0F 3A 17', 'extractps', 'Ed=,Vx,Ib', combine(extracting(4))),
  sseRow('66 0F 3A 20', 'pinsrb', 'Vx+,Rd,Ib', combine(inserting(1))),
  sseRow('66 0F 3A 20', 'pinsrb', 'Vx+,Mb,Ib', combine(inserting(1))),
  sseRow('66 0F 3A 21', 'insertps', 'Vx+,Ux,Ib', combine(insertFromRegister)),
  sseRow('66 0F 3A 21', 'insertps', 'Vx+,Md,Ib', combine(insertFloat)),
  sseRow('66 0F 3A 22', 'pinsrd', 'Vx+,Ey,Ib', bySize(inserting)),
]);
