/** FADD, FSUB(R), FMUL and FDIV(R) in all their forms, FSQRT: (register number or operand, opcode, rip) -> whether it faulted. */
import type { Val, WasmEmitter } from '../../../index.ts';
import { layout } from '../../layout.ts';
import type { SharedFunction, SharedFunctions, SharedScope } from '../../shared-function.ts';
import { floatFormats, integerFormats, type MemoryFormat } from './operand.ts';
import { C1, done, leaveTo, type NumberParts, signBit, UnitState } from './registers.ts';

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
  return {
    params: ['i32', 'i32', 'i64'],
    results: ['i32'],
    emit: (e, scope, ...params) => {
      const [i, opcode, rip] = params as [Val, Val, Val];
      const unit = new UnitState(e);
      const top = unit.physical(e.i32(0));
      const other = unit.physical(i);
      const outcome = apply(e, scope, operation, { x: unit.read(top), y: unit.read(other) }, unit.words);
      const isSimple = e.op('i32.and', unit.areOccupied(top, other), outcome.isSimple);
      e.when(
        isSimple,
        () => {
          const pops = destination === 'other, popping';
          unit.write(destination === 'top' ? top : other, outcome);
          unit.setStatus(e.op('i32.or', unit.statusAfter(C1, pops ? 1 : 0), outcome.raised));
          if (pops) unit.setTags(unit.tagsWithout(top));
          done(e, rip);
        },
        undefined,
        true,
      );
      return [leaveTo(e, scope, helper, rip, i, opcode)[1]];
    },
  };
}

/** Puts an operand where helpers look for it. */
export function placeOperand(e: WasmEmitter, value: Val): void {
  e.storeMemory(`${e.typeOf(value)}.store`, e.i32(0), layout.helper, value);
}

function withMemory(helper: string, operation: Operation, { type, widen }: MemoryFormat): SharedFunction {
  return {
    params: [type, 'i32', 'i64'],
    results: ['i32'],
    emit: (e, scope, ...params) => {
      const [value, opcode, rip] = params as [Val, Val, Val];
      const unit = new UnitState(e);
      const top = unit.physical(e.i32(0));
      const y = widen(e, value);
      const outcome = apply(e, scope, operation, { x: unit.read(top), y }, unit.words);
      const isSimple = e.op('i32.and', e.op('i32.and', unit.isOccupied(top), y.isPlain), outcome.isSimple);
      e.when(
        isSimple,
        () => {
          unit.write(top, outcome);
          unit.setStatus(e.op('i32.or', unit.statusAfter(C1, 0), outcome.raised));
          done(e, rip);
        },
        undefined,
        true,
      );
      placeOperand(e, value);
      return [leaveTo(e, scope, helper, rip, e.i32(0), opcode)[1]];
    },
  };
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

const fsqrt: SharedFunction = {
  params: ['i32', 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [i, opcode, rip] = params as [Val, Val, Val];
    const unit = new UnitState(e);
    const top = unit.physical(e.i32(0));
    const { significand, signExponent } = unit.read(top);
    const outcome = outcomeOf(e, scope.call('x87Root', significand, signExponent, unit.words));
    e.when(e.op('i32.and', unit.isOccupied(top), outcome.isSimple), () => {
      unit.write(top, outcome);
      unit.setStatus(e.op('i32.or', unit.statusAfter(C1, 0), outcome.raised));
      done(e, rip);
    });
    return [leaveTo(e, scope, 'fsqrt', rip, i, opcode)[1]];
  },
};

export const arithmeticFunctions: SharedFunctions = Object.assign(
  { fsqrt },
  ...Object.entries(operations).map(([name, operation]) => formsOf(name, operation)),
);
