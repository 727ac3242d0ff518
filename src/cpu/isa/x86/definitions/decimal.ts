/** Decimal arithmetic in AL and AX (SDM 2A, AAA, AAD, AAM, AAS, DAA, DAS). Undefined flags follow the result, OF is clear. */
import type { Val, WasmEmitter } from '../../index.ts';
import { carryFlag, carryFrom } from '../arithmetic-flags.ts';
import { type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';

const vectorDivideError = 0;

/** AF as an i32 of 0 or 1. */
const adjustFlag = (e: WasmEmitter, x: X86Target): Val =>
  e.op('i32.and', e.op('i32.shr_u', e.op('i32.wrap_i64', x.flags().carry), e.i32(3)), e.i32(1));
const carry32 = (e: WasmEmitter, x: X86Target): Val => e.op('i32.wrap_i64', carryFlag(e, x.flags()));
const lowByte = (e: WasmEmitter, value: Val): Val => e.op('i32.and', value, e.i32(0xff));

/** SF, ZF, PF by a byte; `carry` and `adjust` are i32s of 0 or 1. */
function setFlags(e: WasmEmitter, x: X86Target, result: Val, carry: Val, adjust: Val): void {
  const wide = e.signExtend(8, 64, result);
  const af = e.op('i64.shl', e.op('i64.extend_i32_u', adjust), e.i64(3n));
  const cf = carryFrom(e, e.op('i64.extend_i32_u', carry), e.i64(0n));
  x.setFlags({ zero: wide, sign: wide, carry: e.op('i64.or', cf, af) });
}

/** Whether the low digit is out of range, or AF says so. */
const needsAdjusting = (e: WasmEmitter, x: X86Target, al: Val): Val =>
  e.op('i32.or', e.op('i32.gt_u', e.op('i32.and', al, e.i32(15)), e.i32(9)), adjustFlag(e, x));

/** DAA adds, DAS subtracts. */
const adjustPacked =
  (operation: 'i32.add' | 'i32.sub'): Body =>
  (e, x) => {
    const al = x.register(8, 0);
    const oldCarry = carry32(e, x);
    const adjust = needsAdjusting(e, x, al);
    const high = e.op('i32.or', e.op('i32.gt_u', al, e.i32(0x99)), oldCarry);
    const once = e.op(operation, al, e.op('i32.mul', adjust, e.i32(6)));
    const result = lowByte(e, e.op(operation, once, e.op('i32.mul', high, e.i32(0x60))));
    // A borrow of the first step stays (DAS); a carry always comes with the second (DAA).
    const borrowed = e.op('i32.ne', lowByte(e, once), once);
    const carry = operation === 'i32.sub' ? e.op('i32.or', high, borrowed) : high;
    x.setRegister(8, 0, result);
    setFlags(e, x, result, carry, adjust);
  };

/** AAA adds 0x106 to AX; AAS subtracts it. */
const adjustUnpacked =
  (operation: 'i32.add' | 'i32.sub'): Body =>
  (e, x) => {
    const ax = x.register(16, 0);
    const adjust = needsAdjusting(e, x, ax);
    const moved = e.op(operation, ax, e.op('i32.mul', adjust, e.i32(0x106)));
    const result = e.op('i32.and', moved, e.i32(0xff0f));
    x.setRegister(16, 0, result);
    setFlags(e, x, lowByte(e, result), adjust, adjust);
  };

const afterMultiply: Body = (e, x, _w, base) => {
  e.when(e.op('i32.eqz', base), () => x.raise(vectorDivideError));
  const al = x.register(8, 0);
  const remainder = e.op('i32.rem_u', al, base);
  const quotient = e.op('i32.div_u', al, base);
  x.setRegister(16, 0, e.op('i32.or', e.op('i32.shl', quotient, e.i32(8)), remainder));
  setFlags(e, x, remainder, e.i32(0), e.i32(0));
};

const beforeDivide: Body = (e, x, _w, base) => {
  const ax = x.register(16, 0);
  const high = e.op('i32.mul', e.op('i32.shr_u', ax, e.i32(8)), base);
  const result = lowByte(e, e.op('i32.add', ax, high));
  x.setRegister(16, 0, result);
  setFlags(e, x, result, e.i32(0), e.i32(0));
};

const legacy = { only: 'legacy', width: 8 } as const;

export const decimal: readonly Row[] = [
  row('27', 'daa', '', adjustPacked('i32.add'), legacy),
  row('2F', 'das', '', adjustPacked('i32.sub'), legacy),
  row('37', 'aaa', '', adjustUnpacked('i32.add'), legacy),
  row('3F', 'aas', '', adjustUnpacked('i32.sub'), legacy),
  row('D4', 'aam', 'Ib', afterMultiply, legacy),
  row('D5', 'aad', 'Ib', beforeDivide, legacy),
];
