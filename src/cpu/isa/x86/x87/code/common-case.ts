import type { Val, WasmEmitter } from '../../../index.ts';
import { layout } from '../../layout.ts';
import { returnValues, type SharedFunction, type SharedScope } from '../../shared-function.ts';
import type { MemoryFormat, Widened } from './operand.ts';
import { leaveTo, noteInstruction, UnitState } from './registers.ts';

/** What an instruction usually meets, and does then; all else is left to its helper. */
export interface CommonCase {
  /** An i32. */
  readonly isMet: Val;
  /** The instruction's outcome, where it has one. */
  readonly act: () => Val | void;
}

/** Physical numbers of ST(0) and of the register that the instruction names. */
export interface Registers {
  readonly top: Val;
  readonly other: Val;
}

/** (register number, opcode, rip) -> whether it faulted, or its outcome and -1 for a fault. */
export const onRegisters = (
  helper: string,
  commonCase: (e: WasmEmitter, unit: UnitState, registers: Registers, scope: SharedScope) => CommonCase,
  gives: 'fault' | 'outcome' = 'fault',
): SharedFunction => ({
  params: ['i32', 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [i, opcode, rip] = params as [Val, Val, Val];
    const unit = new UnitState(e);
    emitCommon(e, rip, commonCase(e, unit, { top: unit.physical(e.i32(0)), other: unit.physical(i) }, scope));
    const [outcome, faulted] = leaveTo(e, scope, helper, rip, i, opcode);
    return [gives === 'fault' ? faulted : e.select(faulted, e.i32(-1), outcome)];
  },
});

/** (operand, opcode, rip) -> whether it faulted. `top` is the physical number of ST(0). */
export const onOperand = (
  helper: string,
  { type, widen }: MemoryFormat,
  commonCase: (e: WasmEmitter, unit: UnitState, operands: OperandAndTop, scope: SharedScope) => CommonCase,
): SharedFunction => ({
  params: [type, 'i32', 'i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [value, opcode, rip] = params as [Val, Val, Val];
    const unit = new UnitState(e);
    emitCommon(e, rip, commonCase(e, unit, { top: unit.physical(e.i32(0)), operand: widen(e, value) }, scope));
    placeOperand(e, value);
    return [leaveTo(e, scope, helper, rip, e.i32(0), opcode)[1]];
  },
});

export interface OperandAndTop {
  readonly top: Val;
  readonly operand: Widened;
}

function emitCommon(e: WasmEmitter, rip: Val, { isMet, act }: CommonCase): void {
  const finish = (): void => {
    const outcome = act() ?? e.i32(0);
    noteInstruction(e, rip);
    returnValues(e, outcome);
  };
  e.when(isMet, finish, undefined, true);
}

/** Puts an operand where helpers look for it. */
export function placeOperand(e: WasmEmitter, value: Val): void {
  e.storeMemory(`${e.typeOf(value)}.store`, e.i32(0), layout.helper, value);
}
