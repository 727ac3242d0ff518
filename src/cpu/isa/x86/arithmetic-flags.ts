/** How arithmetic describes its flags in the three lazy words of flags.ts. */
import type { Val, WasmEmitter, Width } from '../index.ts';
import type { FlagOrigin, FlagVals } from './target.ts';

/** `vector` holds the carry (borrow) out of each bit, zero-extended from the width. */
function carryWord(e: WasmEmitter, width: Width, vector: Val): Val {
  if (width === 64) return vector;
  const wide = e.zeroExtend(width, 64, vector);
  const top = e.op('i64.shl', wide, e.i64(BigInt(64 - width)));
  return e.op('i64.or', top, e.op('i64.and', wide, e.i64(8n)));
}

export function addFlags(e: WasmEmitter, width: Width, a: Val, b: Val, result: Val): FlagVals {
  const generate = e.and(width, a, b);
  const propagate = e.and(width, e.or(width, a, b), e.not(width, result));
  const wide = e.signExtend(width, 64, result);
  return { zero: wide, sign: wide, carry: carryWord(e, width, e.or(width, generate, propagate)) };
}

export function subFlags(e: WasmEmitter, width: Width, a: Val, b: Val, result: Val): FlagVals {
  const notA = e.not(width, a);
  const generate = e.and(width, notA, b);
  const propagate = e.and(width, e.or(width, notA, b), result);
  const wide = e.signExtend(width, 64, result);
  const carry = carryWord(e, width, e.or(width, generate, propagate));
  return { zero: wide, sign: wide, carry, origin: { kind: 'difference', width, a, b } };
}

export function logicFlags(e: WasmEmitter, width: Width, result: Val): FlagVals {
  const wide = e.signExtend(width, 64, result);
  return { zero: wide, sign: wide, carry: e.i64(0n), origin: { kind: 'logic', width, result } };
}

/** A carry word with these flags; `cf` and `of` are i64s of 0 or 1, AF is clear. */
export function carryFrom(e: WasmEmitter, cf: Val, of: Val): Val {
  const second = e.op('i64.shl', e.op('i64.xor', cf, of), e.i64(62n));
  return e.op('i64.or', e.op('i64.shl', cf, e.i64(63n)), second);
}

/** The carry word with CF replaced (`cf`: i64, 0 or 1), OF and AF kept. */
export function withCarryFlag(e: WasmEmitter, carry: Val, cf: Val): Val {
  const differs = e.op('i64.xor', e.op('i64.shr_u', carry, e.i64(63n)), cf);
  return e.op('i64.xor', carry, e.op('i64.shl', e.op('i64.mul', differs, e.i64(3n)), e.i64(62n)));
}

/** CF as an i64 of 0 or 1. */
export const carryFlag = (e: WasmEmitter, flags: FlagVals): Val => e.op('i64.shr_u', flags.carry, e.i64(63n));

/** OF in the sign bit. */
const overflowSign = (e: WasmEmitter, flags: FlagVals): Val =>
  e.op('i64.xor', flags.carry, e.op('i64.shl', flags.carry, e.i64(1n)));

const isNegative = (e: WasmEmitter, value: Val): Val => e.op('i64.lt_s', value, e.i64(0n));

const parityFlag = (e: WasmEmitter, flags: FlagVals): Val => {
  const ones = e.op('i64.popcnt', e.op('i64.and', flags.sign, e.i64(0xffn)));
  return e.op('i32.eqz', e.op('i32.and', e.op('i32.wrap_i64', ones), e.i32(1)));
};

/** The eight conditions of Jcc, SETcc and CMOVcc in encoding order, without the negating low bit (SDM 1, appendix B). */
const conditions: readonly ((e: WasmEmitter, flags: FlagVals) => Val)[] = [
  (e, f) => isNegative(e, overflowSign(e, f)),
  (e, f) => isNegative(e, f.carry),
  (e, f) => e.op('i64.eqz', f.zero),
  (e, f) => e.op('i32.or', isNegative(e, f.carry), e.op('i64.eqz', f.zero)),
  (e, f) => isNegative(e, f.sign),
  parityFlag,
  (e, f) => isNegative(e, e.op('i64.xor', f.sign, overflowSign(e, f))),
  (e, f) => e.op('i32.or', isNegative(e, e.op('i64.xor', f.sign, overflowSign(e, f))), e.op('i64.eqz', f.zero)),
];

/** A condition of a comparison tested on its operands; undefined when that is no shorter. */
function testOrigin(e: WasmEmitter, origin: FlagOrigin, condition: number): Val | undefined {
  const { width } = origin;
  const wasm = width === 64 ? 'i64' : 'i32';
  if (origin.kind === 'logic') {
    if (condition === 2 || condition === 3) return e.isZero(width, origin.result);
    const isSign = condition === 4 || condition === 6;
    return isSign ? e.op(`${wasm}.lt_s`, e.signed(width, origin.result), e.constant(width, 0)) : undefined;
  }
  const { a, b } = origin;
  switch (condition) {
    case 1:
      return e.op(`${wasm}.lt_u`, a, b);
    case 2:
      return e.op(`${wasm}.eq`, a, b);
    case 3:
      return e.op(`${wasm}.le_u`, a, b);
    case 6:
      return e.op(`${wasm}.lt_s`, e.signed(width, a), e.signed(width, b));
    case 7:
      return e.op(`${wasm}.le_s`, e.signed(width, a), e.signed(width, b));
    default:
      return undefined;
  }
}

/** An i32, not zero when the condition with this 4-bit code holds. */
export function conditionHolds(e: WasmEmitter, flags: FlagVals, code: number): Val {
  const base = conditions[code >> 1];
  if (!base) throw new RangeError(`Cannot test condition ${code}: codes are 0 to 15`);
  const holds = (flags.origin && testOrigin(e, flags.origin, code >> 1)) ?? base(e, flags);
  return code & 1 ? e.op('i32.eqz', holds) : holds;
}

/** CF, PF, AF, ZF, SF, OF as EFLAGS bits in an i32. */
export function packFlags(e: WasmEmitter, flags: FlagVals): Val {
  const bits: [Val, number][] = [
    [isNegative(e, flags.carry), 0],
    [parityFlag(e, flags), 2],
    [e.op('i64.eqz', flags.zero), 6],
    [isNegative(e, flags.sign), 7],
    [isNegative(e, overflowSign(e, flags)), 11],
  ];
  const af = e.op('i32.shl', e.op('i32.and', e.op('i32.wrap_i64', flags.carry), e.i32(8)), e.i32(1));
  return bits.reduce((all, [bit, at]) => e.op('i32.or', all, e.op('i32.shl', bit, e.i32(at))), af as Val);
}

/** The words that mean these EFLAGS bits (an i32). */
export function unpackFlags(e: WasmEmitter, eflags: Val): FlagVals {
  const bit = (at: number): Val =>
    e.op('i64.extend_i32_u', e.op('i32.and', e.op('i32.shr_u', eflags, e.i32(at)), e.i32(1)));
  const sign = e.op('i64.or', e.op('i64.shl', bit(7), e.i64(63n)), e.op('i64.xor', bit(2), e.i64(1n)));
  const carry = e.op('i64.or', carryFrom(e, bit(0), bit(11)), e.op('i64.shl', bit(4), e.i64(3n)));
  return { zero: e.op('i64.xor', bit(6), e.i64(1n)), sign, carry };
}
