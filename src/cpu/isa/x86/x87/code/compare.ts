/**
 * FCOM, FUCOM and FICOM in all their forms, FTST: (register number or operand, opcode, rip) -> whether it faulted.
 * FCOMI: (register number, opcode, rip) -> the outcome (see `order` in ../compare.ts), or -1: it faulted.
 */
import type { Val, WasmEmitter } from '../../../index.ts';
import type { SharedFunction, SharedFunctions } from '../../shared-function.ts';
import { onOperand, onRegisters, type Registers } from './common-case.ts';
import { floatFormats, integerFormats, type MemoryFormat } from './operand.ts';
import { all, C0, C1, C2, C3, exponentOf, isPlain, type NumberParts, type UnitState } from './registers.ts';

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

const withRegister = (helper: string, pops: number): SharedFunction =>
  onRegisters(helper, (e, unit, registers) => {
    const { a, b, isMet } = comparable(e, unit, registers);
    return { isMet, act: () => answer(e, unit, compare(e, a, b), pops) };
  });

/** Two registers that compare without more ado. */
function comparable(e: WasmEmitter, unit: UnitState, { top, other }: Registers) {
  const [a, b] = [unit.read(top), unit.read(other)];
  const isMet = all(e, unit.isQuiet(), unit.areOccupied(top, other), isPlain(e, a), isPlain(e, b));
  return { a, b, isMet };
}

const withMemory = (helper: string, format: MemoryFormat, pops: number): SharedFunction =>
  onOperand(helper, format, (e, unit, { top, operand }) => {
    const a = unit.read(top);
    const isMet = all(e, unit.isQuiet(), unit.isOccupied(top), isPlain(e, a), operand.isPlain);
    return { isMet, act: () => answer(e, unit, compare(e, a, operand), pops) };
  });

const ftst: SharedFunction = onRegisters('ftst', (e, unit, { top }) => {
  const a = unit.read(top);
  const zero = { significand: e.i64(0n), signExponent: e.i32(0) };
  const isMet = all(e, unit.isQuiet(), unit.isOccupied(top), isPlain(e, a));
  return { isMet, act: () => answer(e, unit, compare(e, a, zero), 0) };
});

/** `order`: 1 is less, 2 is equal. */
const toFlags = (helper: string, pops: number): SharedFunction =>
  onRegisters(
    helper,
    (e, unit, registers) => {
      const { a, b, isMet } = comparable(e, unit, registers);
      const act = (): Val => {
        const { isEqual, isLess } = compare(e, a, b);
        if (pops > 0) unit.setStatus(unit.statusAfter(0, pops));
        pop(e, unit, pops);
        return e.op('i32.or', isLess, e.op('i32.shl', isEqual, e.i32(1)));
      };
      return { isMet, act };
    },
    'outcome',
  );

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
