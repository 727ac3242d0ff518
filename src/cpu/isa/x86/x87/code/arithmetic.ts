/** FADD, FSUB(R), FMUL and FDIV(R) in all their forms, FSQRT: (register number or operand, opcode, rip) -> whether it faulted. */
import type { Val, WasmEmitter } from '../../../index.ts';
import type { SharedFunction, SharedFunctions, SharedScope } from '../../shared-function.ts';
import { onOperand, onRegisters } from './common-case.ts';
import { floatFormats, integerFormats, type MemoryFormat } from './operand.ts';
import { all, C1, type NumberParts, signBit, type UnitState } from './registers.ts';

interface Operation {
  readonly kernel: string;
  /** Which operand changes its sign before. */
  readonly negates?: 'x' | 'y';
  /** Operands change places. */
  readonly isReversed?: boolean;
}

/** x is ST(0), y the other operand. */
const operations: Readonly<Record<string, Operation>> = {
  fadd: { kernel: 'x87Add' },
  fmul: { kernel: 'x87Multiply' },
  fsub: { kernel: 'x87Add', negates: 'y' },
  fsubr: { kernel: 'x87Add', negates: 'x' },
  fdiv: { kernel: 'x87Divide' },
  fdivr: { kernel: 'x87Divide', isReversed: true },
};

interface Outcome extends NumberParts {
  /** Status bits. */
  readonly raised: Val;
  readonly isSimple: Val;
}

/** What a kernel gave. */
function outcomeOf(e: WasmEmitter, [significand, packed]: readonly Val[]): Outcome {
  return {
    significand: significand as Val,
    signExponent: e.op('i32.and', packed as Val, e.i32(0xffff)),
    raised: e.op('i32.shr_u', packed as Val, e.i32(16)),
    isSimple: e.op('i32.ge_s', packed as Val, e.i32(0)),
  };
}

function apply(
  e: WasmEmitter,
  { call }: SharedScope,
  { kernel, negates, isReversed }: Operation,
  operands: { readonly x: NumberParts; readonly y: NumberParts },
  words: Val,
): Outcome {
  const parts = (name: 'x' | 'y'): Val[] => {
    const { significand, signExponent } = operands[name];
    return [significand, negates === name ? e.op('i32.xor', signExponent, e.i32(signBit)) : signExponent];
  };
  const [first, second] = isReversed ? (['y', 'x'] as const) : (['x', 'y'] as const);
  return outcomeOf(e, call(kernel, ...parts(first), ...parts(second), words));
}

type Destination = 'top' | 'other' | 'other, popping';

function betweenRegisters(helper: string, operation: Operation, destination: Destination): SharedFunction {
  return onRegisters(helper, (e, unit, { top, other }, scope) => {
    const outcome = apply(e, scope, operation, { x: unit.read(top), y: unit.read(other) }, unit.words);
    const isMet = e.op('i32.and', unit.areOccupied(top, other), outcome.isSimple);
    const pops = destination === 'other, popping';
    const act = (): void => {
      put(e, unit, destination === 'top' ? top : other, outcome, pops ? 1 : 0);
      if (pops) unit.setTags(unit.tagsWithout(top));
    };
    return { isMet, act };
  });
}

/** The result, and the status that it leaves. */
function put(e: WasmEmitter, unit: UnitState, register: Val, outcome: Outcome, pops: number): void {
  unit.write(register, outcome);
  unit.setStatus(e.op('i32.or', unit.statusAfter(C1, pops), outcome.raised));
}

function withMemory(helper: string, operation: Operation, format: MemoryFormat): SharedFunction {
  return onOperand(helper, format, (e, unit, { top, operand }, scope) => {
    const outcome = apply(e, scope, operation, { x: unit.read(top), y: operand }, unit.words);
    const isMet = all(e, unit.isOccupied(top), operand.isPlain, outcome.isSimple);
    return { isMet, act: () => put(e, unit, top, outcome, 0) };
  });
}

function formsOf(name: string, operation: Operation): SharedFunctions {
  const integerName = name.replace('f', 'fi');
  const between = (suffix: string, destination: Destination): SharedFunctions => ({
    [`${name}${suffix}`]: betweenRegisters(`${name}${suffix}`, operation, destination),
  });
  const memory = (prefix: string, suffix: string, format: MemoryFormat): SharedFunctions => ({
    [`${prefix}${suffix}`]: withMemory(`${prefix}${suffix}`, operation, format),
  });
  return {
    ...between('Sti', 'top'),
    ...between('ToSti', 'other'),
    ...between('p', 'other, popping'),
    ...memory(name, 'M32', floatFormats.M32),
    ...memory(name, 'M64', floatFormats.M64),
    ...memory(integerName, 'M16', integerFormats.M16),
    ...memory(integerName, 'M32', integerFormats.M32),
  };
}

const fsqrt: SharedFunction = onRegisters('fsqrt', (e, unit, { top }, scope) => {
  const { significand, signExponent } = unit.read(top);
  const outcome = outcomeOf(e, scope.call('x87Root', significand, signExponent, unit.words));
  const isMet = e.op('i32.and', unit.isOccupied(top), outcome.isSimple);
  return { isMet, act: () => put(e, unit, top, outcome, 0) };
});

export const arithmeticFunctions: SharedFunctions = Object.assign(
  { fsqrt },
  ...Object.entries(operations).map(([name, operation]) => formsOf(name, operation)),
);
