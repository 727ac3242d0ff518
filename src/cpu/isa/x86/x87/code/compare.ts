/**
 * FCOM, FUCOM and FICOM in all their forms, FTST: (register number or operand, opcode, rip) -> whether it faulted.
 * FCOMI: (register number, opcode, rip) -> the outcome (see `order` in ../compare.ts), or -1: it faulted.
 */
import type { Val, WasmEmitter } from '../../../index.ts';
import { returnValues, type SharedFunction, type SharedFunctions } from '../../shared-function.ts';
import { placeOperand } from './arithmetic.ts';
import { floatFormats, integerFormats, type MemoryFormat } from './operand.ts';
import {
  all,
  C0,
  C1,
  C2,
  C3,
  done,
  exponentOf,
  isPlain,
  leaveTo,
  type NumberParts,
  noteInstruction,
  UnitState,
} from './registers.ts';

interface Comparison {
  readonly isEqual: Val;
  /** And not equal. */
  readonly isLess: Val;
}

/** Normal numbers and zeros. */
function compare(e: WasmEmitter, a: NumberParts, b: NumberParts): Comparison {
  const aExponent = exponentOf(e, a.signExponent);
  const bExponent = exponentOf(e, b.signExponent);
  const isSameExponent = e.op('i32.eq', aExponent, bExponent);
  const isSmaller = e.select(
    isSameExponent,
    e.op('i64.lt_u', a.significand, b.significand),
    e.op('i32.lt_u', aExponent, bExponent),
  );
  const isSameMagnitude = e.op('i32.and', isSameExponent, e.op('i64.eq', a.significand, b.significand));
  const differs = e.op('i32.shr_u', e.op('i32.xor', a.signExponent, b.signExponent), e.i32(15));
  const isNegative = e.op('i32.shr_u', a.signExponent, e.i32(15));
  const areZero = e.op('i64.eqz', e.op('i64.or', a.significand, b.significand));
  const isEqual = e.op('i32.and', isSameMagnitude, e.op('i32.or', e.op('i32.eqz', differs), areZero));
  const isBelow = e.select(differs, isNegative, e.op('i32.xor', isSmaller, isNegative));
  return { isEqual, isLess: e.op('i32.and', isBelow, e.op('i32.eqz', isEqual)) };
}

/** The condition codes, with so many registers popped. */
function answer(e: WasmEmitter, unit: UnitState, { isEqual, isLess }: Comparison, pops: number): void {
  const codes = e.op('i32.or', e.select(isEqual, e.i32(C3), e.i32(0)), e.select(isLess, e.i32(C0), e.i32(0)));
  unit.setStatus(e.op('i32.or', unit.statusAfter(C0 | C1 | C2 | C3, pops), codes));
  pop(e, unit, pops);
}

function pop(e: WasmEmitter, unit: UnitState, count: number): void {
  if (count === 0) return;
  let tags = unit.tags;
  for (let i = 0; i < count; i++) tags = unit.tagsWithout(unit.physical(e.i32(i)), tags);
  unit.setTags(tags);
}

const withRegister = (helper: string, pops: number): SharedFunction => ({
  params: ['i32', 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [i, opcode, rip] = params as [Val, Val, Val];
    const unit = new UnitState(e);
    const top = unit.physical(e.i32(0));
    const other = unit.physical(i);
    const [a, b] = [unit.read(top), unit.read(other)];
    const isCommon = all(e, unit.isQuiet(), unit.areOccupied(top, other), isPlain(e, a), isPlain(e, b));
    e.when(
      isCommon,
      () => {
        answer(e, unit, compare(e, a, b), pops);
        done(e, rip);
      },
      undefined,
      true,
    );
    return [leaveTo(e, scope, helper, rip, i, opcode)[1]];
  },
});

const withMemory = (helper: string, { type, widen }: MemoryFormat, pops: number): SharedFunction => ({
  params: [type, 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [value, opcode, rip] = params as [Val, Val, Val];
    const unit = new UnitState(e);
    const top = unit.physical(e.i32(0));
    const a = unit.read(top);
    const b = widen(e, value);
    const isCommon = all(e, unit.isQuiet(), unit.isOccupied(top), isPlain(e, a), b.isPlain);
    e.when(
      isCommon,
      () => {
        answer(e, unit, compare(e, a, b), pops);
        done(e, rip);
      },
      undefined,
      true,
    );
    placeOperand(e, value);
    return [leaveTo(e, scope, helper, rip, e.i32(0), opcode)[1]];
  },
});

const ftst: SharedFunction = {
  params: ['i32', 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [i, opcode, rip] = params as [Val, Val, Val];
    const unit = new UnitState(e);
    const top = unit.physical(e.i32(0));
    const a = unit.read(top);
    e.when(all(e, unit.isQuiet(), unit.isOccupied(top), isPlain(e, a)), () => {
      answer(e, unit, compare(e, a, { significand: e.i64(0n), signExponent: e.i32(0) }), 0);
      done(e, rip);
    });
    return [leaveTo(e, scope, 'ftst', rip, i, opcode)[1]];
  },
};

const toFlags = (helper: string, pops: number): SharedFunction => ({
  params: ['i32', 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [i, opcode, rip] = params as [Val, Val, Val];
    const unit = new UnitState(e);
    const top = unit.physical(e.i32(0));
    const other = unit.physical(i);
    const [a, b] = [unit.read(top), unit.read(other)];
    const isCommon = all(e, unit.isQuiet(), unit.areOccupied(top, other), isPlain(e, a), isPlain(e, b));
    e.when(
      isCommon,
      () => {
        const { isEqual, isLess } = compare(e, a, b);
        if (pops > 0) unit.setStatus(unit.statusAfter(0, pops));
        pop(e, unit, pops);
        noteInstruction(e, rip);
        // `order`: 1 is less, 2 is equal.
        returnValues(e, e.op('i32.or', isLess, e.op('i32.shl', isEqual, e.i32(1))));
      },
      undefined,
      true,
    );
    const [outcome, faulted] = leaveTo(e, scope, helper, rip, i, opcode);
    return [e.select(faulted, e.i32(-1), outcome)];
  },
});

export const compareFunctions: SharedFunctions = {
  ...Object.fromEntries(
    ['fcom', 'fucom'].flatMap((name) => [
      [name, withRegister(name, 0)],
      [`${name}p`, withRegister(`${name}p`, 1)],
      [`${name}pp`, withRegister(`${name}pp`, 2)],
      [`${name}i`, toFlags(`${name}i`, 0)],
      [`${name}ip`, toFlags(`${name}ip`, 1)],
    ]),
  ),
  ...Object.fromEntries(
    [0, 1].flatMap((pops) => {
      const [float, integer] = pops === 0 ? ['fcom', 'ficom'] : ['fcomp', 'ficomp'];
      return [
        [`${float}M32`, withMemory(`${float}M32`, floatFormats.M32, pops)],
        [`${float}M64`, withMemory(`${float}M64`, floatFormats.M64, pops)],
        [`${integer}M32`, withMemory(`${integer}M32`, integerFormats.M32, pops)],
        [`${integer}M16`, withMemory(`${integer}M16`, integerFormats.M16, pops)],
      ];
    }),
  ),
  ftst,
};
