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

/** Carries out of each bit of a sum. */
function sumCarries(e: WasmEmitter, width: Width, a: Val, b: Val, result: Val): Val {
  const propagate = e.and(width, e.or(width, a, b), e.not(width, result));
  return carryWord(e, width, e.or(width, e.and(width, a, b), propagate));
}

/** Borrows into each bit of a difference. */
function differenceBorrows(e: WasmEmitter, width: Width, a: Val, b: Val, result: Val): Val {
  const notA = e.not(width, a);
  const propagate = e.and(width, e.or(width, notA, b), result);
  return carryWord(e, width, e.or(width, e.and(width, notA, b), propagate));
}

/** The flags of `a` + `b` + a carry that is in the result already. */
export function addFlags(e: WasmEmitter, width: Width, a: Val, b: Val, result: Val): FlagVals {
  const wide = e.signExtend(width, 64, result);
  return { zero: wide, sign: wide, carry: sumCarries(e, width, a, b, result) };
}

/** The flags of `a` - `b` - a borrow that is in the result already. */
export function subFlags(e: WasmEmitter, width: Width, a: Val, b: Val, result: Val): FlagVals {
  const wide = e.signExtend(width, 64, result);
  return { zero: wide, sign: wide, carry: differenceBorrows(e, width, a, b, result) };
}

/** Flags that are known by where they came from: what nobody asks for is never computed. */
export function flagsOf(e: WasmEmitter, origin: FlagOrigin): FlagVals {
  return new LazyFlags(e, origin);
}

class LazyFlags implements FlagVals {
  readonly origin: FlagOrigin;
  readonly #e: WasmEmitter;

  constructor(e: WasmEmitter, origin: FlagOrigin) {
    this.#e = e;
    this.origin = origin;
  }

  get zero(): Val {
    return this.#e.signExtend(this.origin.width, 64, resultOf(this.#e, this.origin));
  }

  get sign(): Val {
    return this.zero;
  }

  get carry(): Val {
    return carryOf(this.#e, this.origin);
  }
}

function resultOf(e: WasmEmitter, origin: FlagOrigin): Val {
  switch (origin.kind) {
    case 'sum':
      return e.add(origin.width, origin.a, origin.b);
    case 'difference':
      return e.sub(origin.width, origin.a, origin.b);
    default:
      return origin.result;
  }
}

function carryOf(e: WasmEmitter, origin: FlagOrigin): Val {
  const { width } = origin;
  switch (origin.kind) {
    case 'logic':
      return e.i64(0n);
    case 'sum':
      return sumCarries(e, width, origin.a, origin.b, resultOf(e, origin));
    case 'difference':
      return differenceBorrows(e, width, origin.a, origin.b, resultOf(e, origin));
    default: {
      const one = e.constant(width, 1);
      const isUp = origin.kind === 'increment';
      const before = isUp ? e.sub(width, origin.result, one) : e.add(width, origin.result, one);
      const carries = (isUp ? sumCarries : differenceBorrows)(e, width, before, one, origin.result);
      return withCarryFlag(e, carries, origin.carry);
    }
  }
}

/** All three words, each computed once. */
export function flagWords(flags: FlagVals): FlagVals {
  const { zero } = flags;
  return { zero, sign: flags.origin ? zero : flags.sign, carry: flags.carry };
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

/** The carry word with OF replaced (`of`: i64, 0 or 1), CF and AF kept. */
export function withOverflowFlag(e: WasmEmitter, carry: Val, of: Val): Val {
  const second = e.op('i64.shl', e.op('i64.xor', e.op('i64.shr_u', carry, e.i64(63n)), of), e.i64(62n));
  return e.op('i64.or', e.op('i64.and', carry, e.i64(~(1n << 62n))), second);
}

/** OF as an i64 of 0 or 1. */
export const overflowFlag = (e: WasmEmitter, flags: FlagVals): Val =>
  e.op('i64.shr_u', overflowSign(e, flags), e.i64(63n));

/** CF as an i64 of 0 or 1. */
export function carryFlag(e: WasmEmitter, flags: FlagVals): Val {
  const tested = flags.origin && testOrigin(e, flags.origin, 1);
  return tested ? e.op('i64.extend_i32_u', tested) : e.op('i64.shr_u', flags.carry, e.i64(63n));
}

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

/** A condition tested on what the flags came from; undefined when that is no shorter. Numbers are those of `conditions`. */
function testOrigin(e: WasmEmitter, origin: FlagOrigin, condition: number): Val | undefined {
  const { width } = origin;
  const wasm = width === 64 ? 'i64' : 'i32';
  if (condition === 2) {
    return origin.kind === 'difference' ? e.equal(width, origin.a, origin.b) : e.isZero(width, resultOf(e, origin));
  }
  const signed = (value: Val): Val => e.signed(width, value);
  if (condition === 4) return e.op(`${wasm}.lt_s`, signed(resultOf(e, origin)), e.constant(width, 0));
  switch (origin.kind) {
    case 'logic':
      return testLogic(e, origin.result, width, condition);
    case 'sum':
      return condition === 1 ? e.lessUnsigned(width, resultOf(e, origin), origin.a) : undefined;
    case 'difference': {
      const test = { 1: 'lt_u', 3: 'le_u', 6: 'lt_s', 7: 'le_s' }[condition];
      if (test === undefined) return undefined;
      const [a, b] = condition >= 6 ? [signed(origin.a), signed(origin.b)] : [origin.a, origin.b];
      return e.op(`${wasm}.${test}`, a, b);
    }
    default:
      return condition === 1 ? e.op('i32.wrap_i64', origin.carry) : undefined;
  }
}

/** CF and OF are clear: below and overflow never hold, less means negative. */
function testLogic(e: WasmEmitter, result: Val, width: Width, condition: number): Val | undefined {
  const wasm = width === 64 ? 'i64' : 'i32';
  if (condition <= 1) return e.i32(0);
  if (condition === 3) return e.isZero(width, result);
  if (condition === 5) return undefined;
  return e.op(`${wasm}.${condition === 6 ? 'lt_s' : 'le_s'}`, e.signed(width, result), e.constant(width, 0));
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
