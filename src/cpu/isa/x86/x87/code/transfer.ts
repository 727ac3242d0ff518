/** Loads, moves between registers and changes of signs: (register number or operand, opcode, rip) -> whether it faulted. */
import type { Val, WasmEmitter } from '../../../index.ts';
import { layout } from '../../layout.ts';
import type { SharedFunction, SharedFunctions } from '../../shared-function.ts';
import { onOperand, onRegisters, placeOperand } from './common-case.ts';
import { floatFormats, integerFormats, type MemoryFormat } from './operand.ts';
import { all, C1, done, exponentMask, leaveTo, type NumberParts, signBit, UnitState } from './registers.ts';

/** Writes a register that is pushed. */
function push(e: WasmEmitter, unit: UnitState, number: NumberParts): void {
  const pushed = unit.physical(e.i32(7));
  unit.write(pushed, number);
  unit.setStatus(unit.statusAfter(C1, -1));
  unit.setTags(unit.tagsWith(pushed));
}

/** Whether nothing waits to be reported and there is room for one more register. */
function canPush(e: WasmEmitter, unit: UnitState): Val {
  return e.op('i32.and', unit.isQuiet(), e.op('i32.eqz', unit.isOccupied(unit.physical(e.i32(7)))));
}

const loading = (helper: string, format: MemoryFormat): SharedFunction =>
  onOperand(helper, format, (e, unit, { operand }) => ({
    isMet: e.op('i32.and', canPush(e, unit), operand.isPlain),
    act: () => push(e, unit, operand),
  }));

/** (significand, sign and exponent, opcode, rip). */
const fldM80: SharedFunction = {
  params: ['i64', 'i32', 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [significand, signExponent, opcode, rip] = params as [Val, Val, Val, Val];
    const unit = new UnitState(e);
    e.when(canPush(e, unit), () => {
      push(e, unit, { significand, signExponent });
      done(e, rip);
    });
    placeOperand(e, significand);
    e.storeMemory('i32.store', e.i32(0), layout.helper + 8, signExponent);
    return [leaveTo(e, scope, 'fldM80', rip, e.i32(0), opcode)[1]];
  },
};

interface RegisterForm {
  /** Whether the common case is met, besides nothing waiting to be reported. */
  readonly isCommon: (e: WasmEmitter, unit: UnitState, other: Val) => Val;
  readonly act: (e: WasmEmitter, unit: UnitState, other: Val) => void;
}

/** `other` is the physical register that ST(i) is. */
const moving = (helper: string, { isCommon, act }: RegisterForm): SharedFunction =>
  onRegisters(helper, (e, unit, { other }) => ({
    isMet: e.op('i32.and', unit.isQuiet(), isCommon(e, unit, other)),
    act: () => act(e, unit, other),
  }));

const topOf = (e: WasmEmitter, unit: UnitState): Val => unit.physical(e.i32(0));
const isTopOccupied = (e: WasmEmitter, unit: UnitState): Val => unit.isOccupied(topOf(e, unit));

const fldSti: RegisterForm = {
  isCommon: (e, unit, other) => all(e, canPush(e, unit), unit.isOccupied(other)),
  act: (e, unit, other) => push(e, unit, unit.read(other)),
};

const fxch: RegisterForm = {
  isCommon: (e, unit, other) => unit.areOccupied(topOf(e, unit), other),
  act: (e, unit, other) => {
    const top = topOf(e, unit);
    const [a, b] = [unit.read(top), unit.read(other)];
    unit.write(top, b);
    unit.write(other, a);
    unit.setStatus(unit.statusAfter(C1, 0));
  },
};

const storing = (pops: boolean): RegisterForm => ({
  isCommon: isTopOccupied,
  act: (e, unit, other) => {
    const top = topOf(e, unit);
    unit.write(other, unit.read(top));
    const tags = unit.tagsWith(other);
    unit.setTags(pops ? unit.tagsWithout(top, tags) : tags);
    unit.setStatus(unit.statusAfter(C1, pops ? 1 : 0));
  },
});

const onSign = (change: (e: WasmEmitter, signExponent: Val) => Val): RegisterForm => ({
  isCommon: isTopOccupied,
  act: (e, unit) => {
    const top = topOf(e, unit);
    const { significand, signExponent } = unit.read(top);
    unit.write(top, { significand, signExponent: change(e, signExponent) });
    unit.setStatus(unit.statusAfter(C1, 0));
  },
});

/** Constants that are the same however results are rounded. */
const constant = (exponent: number, significand: bigint): RegisterForm => ({
  isCommon: canPush,
  act: (e, unit) => push(e, unit, { significand: e.i64(significand), signExponent: e.i32(exponent) }),
});

const registerForms: Readonly<Record<string, RegisterForm>> = {
  fldSti,
  fxch,
  fstSti: storing(false),
  fstpSti: storing(true),
  fchs: onSign((e, signExponent) => e.op('i32.xor', signExponent, e.i32(signBit))),
  fabs: onSign((e, signExponent) => e.op('i32.and', signExponent, e.i32(exponentMask))),
  fld1: constant(0x3fff, 1n << 63n),
  fldz: constant(0, 0n),
};

/** FLDCW: masks that leave nothing to be reported. */
const fldcw: SharedFunction = {
  params: ['i32', 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [value, opcode, rip] = params as [Val, Val, Val];
    const { status } = new UnitState(e);
    const unmasked = e.op('i32.and', e.op('i32.xor', value, e.i32(-1)), e.i32(0x3f));
    const pending = e.op('i32.and', status, e.op('i32.or', unmasked, e.i32(0x8080)));
    e.when(e.op('i32.eqz', pending), () => {
      const control = e.op('i32.or', e.op('i32.and', value, e.i32(0x1f3f)), e.i32(0x40));
      e.storeMemory('i32.store16', e.i32(0), layout.x87Control, control);
      e.push(e.i32(0));
      e.body.return();
    });
    placeOperand(e, value);
    return [leaveTo(e, scope, 'fldcw', rip, e.i32(0), opcode)[1]];
  },
};

export const transferFunctions: SharedFunctions = {
  fldM32: loading('fldM32', floatFormats.M32),
  fldM64: loading('fldM64', floatFormats.M64),
  fldM80,
  fildM16: loading('fildM16', integerFormats.M16),
  fildM32: loading('fildM32', integerFormats.M32),
  fildM64: loading('fildM64', integerFormats.M64),
  fldcw,
  ...Object.fromEntries(Object.entries(registerForms).map(([name, form]) => [name, moving(name, form)])),
};
