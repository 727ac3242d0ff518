/** Operands in memory, widened: normal numbers, zeros and integers (SDM 1, 4.2). */
import type { WasmType } from '../../../../wasm/index.ts';
import type { Val, WasmEmitter } from '../../../index.ts';
import { type NumberParts, signBit, topBit } from './registers.ts';

/** A widened operand; `isPlain` (an i32) is zero where there is more to it. */
export interface Widened extends NumberParts {
  readonly isPlain: Val;
}

export interface MemoryFormat {
  /** How generated code loads it. */
  readonly type: WasmType;
  readonly widen: (e: WasmEmitter, value: Val) => Widened;
}

function widenDouble(e: WasmEmitter, bits: Val): Widened {
  const top = e.op('i32.wrap_i64', e.op('i64.shr_u', bits, e.i64(52n)));
  const exponent = e.op('i32.and', top, e.i32(0x7ff));
  const isNormal = e.op('i32.lt_u', e.op('i32.sub', exponent, e.i32(1)), e.i32(0x7fe));
  const isZero = e.op('i64.eqz', e.op('i64.shl', bits, e.i64(1n)));
  const sign = e.op('i32.and', e.op('i32.shl', top, e.i32(4)), e.i32(signBit));
  const shifted = e.op('i64.or', e.op('i64.shl', bits, e.i64(11n)), e.i64(topBit));
  return {
    significand: e.select(isNormal, shifted, e.i64(0n)),
    signExponent: e.op('i32.or', sign, e.select(isNormal, e.op('i32.add', exponent, e.i32(15360)), e.i32(0))),
    isPlain: e.op('i32.or', isNormal, isZero),
  };
}

function widenSingle(e: WasmEmitter, bits: Val): Widened {
  const exponent = e.op('i32.and', e.op('i32.shr_u', bits, e.i32(23)), e.i32(0xff));
  const isNormal = e.op('i32.lt_u', e.op('i32.sub', exponent, e.i32(1)), e.i32(0xfe));
  const isZero = e.op('i32.eqz', e.op('i32.shl', bits, e.i32(1)));
  const sign = e.op('i32.and', e.op('i32.shr_u', bits, e.i32(16)), e.i32(signBit));
  const shifted = e.op('i64.or', e.op('i64.shl', e.op('i64.extend_i32_u', bits), e.i64(40n)), e.i64(topBit));
  return {
    significand: e.select(isNormal, shifted, e.i64(0n)),
    signExponent: e.op('i32.or', sign, e.select(isNormal, e.op('i32.add', exponent, e.i32(16256)), e.i32(0))),
    isPlain: e.op('i32.or', isNormal, isZero),
  };
}

function widenInteger(e: WasmEmitter, value: Val): Widened {
  const isNegative = e.op('i64.lt_s', value, e.i64(0n));
  const magnitude = e.select(isNegative, e.op('i64.sub', e.i64(0n), value), value);
  const zeros = e.op('i64.clz', magnitude);
  const exponent = e.op('i32.sub', e.i32(16446), e.op('i32.wrap_i64', zeros));
  const signed = e.op('i32.or', exponent, e.op('i32.shl', isNegative, e.i32(15)));
  return {
    significand: e.op('i64.shl', magnitude, zeros),
    signExponent: e.select(e.op('i64.eqz', value), e.i32(0), signed),
    isPlain: e.i32(1),
  };
}

/** By the end of the helpers' names: M16 to M64 behind `fi`, else M32 and M64. */
export const floatFormats = {
  M32: { type: 'i32', widen: widenSingle },
  M64: { type: 'i64', widen: widenDouble },
} satisfies Record<string, MemoryFormat>;

const extended = (e: WasmEmitter, value: Val): Val => e.op('i64.extend_i32_s', value);

export const integerFormats = {
  M16: { type: 'i32', widen: (e, value) => widenInteger(e, extended(e, e.op('i32.extend16_s', value))) },
  M32: { type: 'i32', widen: (e, value) => widenInteger(e, extended(e, value)) },
  M64: { type: 'i64', widen: widenInteger },
} satisfies Record<string, MemoryFormat>;
