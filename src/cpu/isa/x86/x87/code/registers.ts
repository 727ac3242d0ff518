/** The x87 state as the functions of the common cases see it. */
import type { WasmType } from '../../../../wasm/index.ts';
import { asVal, type Val, Value, type WasmEmitter } from '../../../index.ts';
import { layout } from '../../layout.ts';
import { returnValues, type SharedScope } from '../../shared-function.ts';

export const topBit: bigint = 1n << 63n;
export const signBit = 0x8000;
export const exponentMask = 0x7fff;
/** Bits of the status word. */
export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const C3 = 0x4000;
export const inexact = 0x20;
const topField = 0x3800;
const oneTop = 0x800;
/** A status bit in `words`. */
const inWords = (bits: number): number => bits << 16;
const summary = inWords(0x80);
const precisionMask = 0x20;
const roundingField = 0xc00;

/** A value that is changed on the way. */
export class Variable {
  readonly #e: WasmEmitter;
  readonly #type: WasmType;
  readonly #local: number;

  constructor(e: WasmEmitter, type: WasmType, initial?: Val) {
    this.#e = e;
    this.#type = type;
    this.#local = e.body.local(type);
    if (initial) this.set(initial);
  }

  set(value: Val): void {
    this.#e.push(value);
    this.#e.body.set(this.#local);
  }

  get now(): Val {
    return asVal(Value.local(this.#type, this.#local));
  }
}

/** A number in registers: the significand, an i64, and sign and exponent as the register has them, an i32. */
export interface NumberParts {
  readonly significand: Val;
  readonly signExponent: Val;
}

/** The x87 state at the beginning of an instruction. */
export class UnitState {
  readonly #e: WasmEmitter;
  /** Control word in the lower half, status word in the upper. */
  readonly words: Val;
  readonly status: Val;
  readonly #top: Val;
  readonly #tags: Val;

  constructor(e: WasmEmitter) {
    this.#e = e;
    // Two loads: the processor forwards no store of half a word to a load of the whole.
    const control = e.loadMemory('i32.load16_u', e.i32(0), layout.x87Control);
    this.status = e.loadMemory('i32.load16_u', e.i32(0), layout.x87Status);
    this.words = e.op('i32.or', control, e.op('i32.shl', this.status, e.i32(16)));
    this.#top = e.op('i32.shr_u', this.status, e.i32(11));
    this.#tags = e.loadMemory('i32.load16_u', e.i32(0), layout.x87Tag);
  }

  /** The physical register that ST(i) is. */
  physical(i: Val): Val {
    return this.#e.op('i32.and', this.#e.op('i32.add', this.#top, i), this.#e.i32(7));
  }

  /** An i32, 1 or 0. */
  isOccupied(physical: Val): Val {
    return this.#e.op('i32.and', this.#e.op('i32.shr_u', this.#tags, physical), this.#e.i32(1));
  }

  areOccupied(one: Val, other: Val): Val {
    const both = this.#e.op('i32.and', this.#e.op('i32.shr_u', this.#tags, one), this.isOccupied(other));
    return both;
  }

  /** No exception waits to be reported. */
  isQuiet(): Val {
    return this.#e.op('i32.eqz', this.#e.op('i32.and', this.words, this.#e.i32(summary)));
  }

  read(physical: Val): NumberParts {
    const e = this.#e;
    const at = e.op('i32.shl', physical, e.i32(4));
    return {
      significand: e.loadMemory('i64.load', at, layout.x87),
      signExponent: e.loadMemory('i32.load16_u', at, layout.x87 + 8),
    };
  }

  write(physical: Val, { significand, signExponent }: NumberParts): void {
    const e = this.#e;
    const at = e.op('i32.shl', physical, e.i32(4));
    e.storeMemory('i64.store', at, layout.x87, significand);
    e.storeMemory('i32.store', at, layout.x87 + 8, signExponent);
  }

  /** The tags with this register occupied. */
  tagsWith(physical: Val): Val {
    return this.#e.op('i32.or', this.#tags, this.#e.op('i32.shl', this.#e.i32(1), physical));
  }

  tagsWithout(physical: Val, tags: Val = this.#tags): Val {
    const e = this.#e;
    return e.op('i32.and', tags, e.op('i32.xor', e.op('i32.shl', e.i32(1), physical), e.i32(-1)));
  }

  get tags(): Val {
    return this.#tags;
  }

  setTags(tags: Val): void {
    this.#e.storeMemory('i32.store16', this.#e.i32(0), layout.x87Tag, tags);
  }

  setStatus(status: Val): void {
    this.#e.storeMemory('i32.store16', this.#e.i32(0), layout.x87Status, status);
  }

  /** The status word without `cleared`, with TOP moved by so many registers. */
  statusAfter(cleared: number, moves: number): Val {
    const e = this.#e;
    const { status } = this;
    if (moves === 0) return e.op('i32.and', status, e.i32(~cleared));
    const moved = e.op('i32.and', e.op('i32.add', status, e.i32((moves & 7) * oneTop)), e.i32(topField));
    return e.op('i32.or', e.op('i32.and', status, e.i32(~(cleared | topField))), moved);
  }
}

/** Whether results round to nearest with inexact ones masked, and nothing waits to be reported. */
export function roundsPlainly(e: WasmEmitter, words: Val): Val {
  const mode = e.op('i32.and', words, e.i32(summary | roundingField | precisionMask));
  return e.op('i32.eq', mode, e.i32(precisionMask));
}

export function all(e: WasmEmitter, first: Val, ...others: readonly Val[]): Val {
  return others.reduce((a, b) => e.op('i32.and', a, b), first);
}

/** The address that the last instruction is known by. */
export function noteInstruction(e: WasmEmitter, rip: Val): void {
  e.storeMemory('i64.store', e.i32(0), layout.x87InstructionPointer, rip);
}

/** Ends the function for an instruction that is done. */
export function done(e: WasmEmitter, rip: Val): void {
  noteInstruction(e, rip);
  returnValues(e, e.i32(0));
}

/** Everything but the common case: the helper does the whole instruction. Its result, and whether it faulted (an i32). */
export function leaveTo(
  e: WasmEmitter,
  scope: SharedScope,
  name: string,
  rip: Val,
  ...args: readonly Val[]
): [Val, Val] {
  e.storeMemory('i64.store', e.i32(0), layout.rip, rip);
  const result = scope.helper(name, ...args);
  return [result, e.loadMemory('i32.load', e.i32(0), layout.faulted)];
}

/** An exponent of a normal number: neither that of zeros and denormals nor that of infinities and NaNs. */
export const isNormalExponent = (e: WasmEmitter, exponent: Val): Val =>
  e.op('i32.lt_u', e.op('i32.sub', exponent, e.i32(1)), e.i32(0x7ffe));

export const exponentOf = (e: WasmEmitter, signExponent: Val): Val =>
  e.op('i32.and', signExponent, e.i32(exponentMask));

export const signOf = (e: WasmEmitter, signExponent: Val): Val => e.op('i32.and', signExponent, e.i32(signBit));

/** Whether all the significands have their top bit set. */
export const areNormalized = (e: WasmEmitter, ...significands: readonly [Val, ...Val[]]): Val =>
  e.op(
    'i64.lt_s',
    significands.reduce((a, b) => e.op('i64.and', a, b)),
    e.i64(0n),
  );

export const isZero = (e: WasmEmitter, significand: Val, exponent: Val): Val =>
  e.op('i64.eqz', e.op('i64.or', significand, e.op('i64.extend_i32_u', exponent)));

/** Normal, or zero: an i32. */
export const isPlain = (e: WasmEmitter, { significand, signExponent }: NumberParts): Val => {
  const exponent = exponentOf(e, signExponent);
  const isNormal = e.op('i32.and', areNormalized(e, significand), isNormalExponent(e, exponent));
  return e.op('i32.or', isNormal, isZero(e, significand, exponent));
};

/** Whether a fraction rounds up to nearest: the significand's lowest bit breaks ties. */
export function roundsUp(e: WasmEmitter, significand: Val, fraction: Val): Val {
  const isEven = e.op('i64.and', e.op('i64.xor', significand, e.i64(-1n)), e.i64(1n));
  return e.op('i64.ge_u', fraction, e.op('i64.add', e.i64(topBit), isEven));
}

/** What is below the lowest bit when a significand is shifted right by 0 to 63. */
export const shiftedOut = (e: WasmEmitter, significand: Val, count: Val): Val =>
  e.op('i64.shl', e.op('i64.shl', significand, e.i64(1n)), e.op('i64.xor', count, e.i64(63n)));

/** The top bits of a fraction that come in when a significand is shifted left by 0 to 63. */
export const shiftedIn = (e: WasmEmitter, fraction: Val, count: Val): Val =>
  e.op('i64.shr_u', e.op('i64.shr_u', fraction, e.i64(1n)), e.op('i64.xor', count, e.i64(63n)));
