/** JMP and CALL to another segment (SDM 2A, "JMP" and "CALL"). */
import { layout, segment } from '../layout.ts';
import { checkCodeUsable, checkTarget, loadCodeReal, readCodeDescriptor, setCode } from './code-segment.ts';
import { Descriptor, isNullSelector, markAccessed, readDescriptor, readUpperDescriptor, rpl } from './descriptor.ts';
import { vector } from './guest-fault.ts';
import { bankFor, isLongMode, isRealOrVirtual, refreshMode } from './mode.ts';
import { attribute, systemType } from './registers.ts';
import { readStackDescriptor, setFromDescriptor, setNullStack } from './segment-load.ts';
import type { Stack, StackSlot } from './stack.ts';
import { readInnerStack, readLongStack } from './task-segment.ts';
import { switchTask } from './task-switch.ts';
import { highWord, isCanonical } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

const target = new Descriptor();
const code = new Descriptor();
const stackSegment = new Descriptor();

/** The offset is at layout.helper, as wide as the operand. */
export function farJump(cpu: X86Cpu, selector: number, opBytes: number): void {
  const { state } = cpu;
  const lo = operandLow(cpu, opBytes);
  const hi = opBytes === 8 ? state.word(layout.helper + 4) : 0;
  if (isRealOrVirtual(state)) {
    jumpReal(cpu, selector, lo);
    return;
  }
  readTarget(cpu, selector);
  if (target.isSystem) {
    jumpThroughGate(cpu, selector);
    return;
  }
  checkDirect(cpu, selector);
  checkTarget(cpu, target, lo, hi);
  enterCode(cpu, selector, state.cpl, target, lo, hi);
}

export function farCall(cpu: X86Cpu, selector: number, opBytes: number): void {
  const { state } = cpu;
  const lo = operandLow(cpu, opBytes);
  const hi = opBytes === 8 ? state.word(layout.helper + 4) : 0;
  if (!isRealOrVirtual(state)) {
    readTarget(cpu, selector);
    if (target.isSystem) {
      callThroughGate(cpu, selector);
      return;
    }
    checkDirect(cpu, selector);
    checkTarget(cpu, target, lo, hi);
    markAccessed(cpu, target);
  }
  const stack = cpu.stack.useCurrent();
  pushReturn(cpu, stack, opBytes as StackSlot);
  stack.commit();
  if (isRealOrVirtual(state)) jumpReal(cpu, selector, lo);
  else enterCode(cpu, selector, state.cpl, target, lo, hi);
}

function operandLow(cpu: X86Cpu, opBytes: number): number {
  const lo = cpu.state.word(layout.helper);
  return opBytes === 2 ? lo & 0xffff : lo;
}

function jumpReal(cpu: X86Cpu, selector: number, offset: number): void {
  const { state } = cpu;
  if (offset >>> 0 > state.segmentLimit(segment.cs)) cpu.raise(vector.generalProtection, 0);
  loadCodeReal(state, selector);
  refreshMode(state);
  state.setNextRipWords(offset, 0);
}

function readTarget(cpu: X86Cpu, selector: number): void {
  if (isNullSelector(selector)) cpu.raise(vector.generalProtection, 0);
  if (!readDescriptor(cpu, selector, target)) cpu.raise(vector.generalProtection, selector & 0xfffc);
}

/** A transfer without a gate stays at its privilege level. */
function checkDirect(cpu: X86Cpu, selector: number): void {
  const { cpl } = cpu.state;
  const isAllowed = target.isConforming ? target.dpl <= cpl : rpl(selector) <= cpl && target.dpl === cpl;
  if (!target.isCode || !isAllowed) cpu.raise(vector.generalProtection, selector & 0xfffc);
  checkCodeUsable(cpu, selector, target);
}

function enterCode(cpu: X86Cpu, selector: number, cpl: number, descriptor: Descriptor, lo: number, hi: number): void {
  setCode(cpu, selector, cpl, descriptor);
  cpu.state.setWord(layout.cpl, cpl);
  refreshMode(cpu.state);
  cpu.state.setNextRipWords(lo, hi);
}

function pushReturn(cpu: X86Cpu, stack: Stack, bytes: StackSlot): void {
  const { state } = cpu;
  stack.push(bytes, state.selector(segment.cs));
  stack.push(bytes, state.word(layout.nextRip), state.word(layout.nextRip + 4));
}

/** Checks the gate in `target` and reads its code segment; false: a task switch, which is done already. */
function readGate(cpu: X86Cpu, selector: number, isCall: boolean): boolean {
  const { state } = cpu;
  const errorCode = selector & 0xfffc;
  const isLong = isLongMode(state);
  const { type } = target;
  const isTask = !isLong && taskTypes.includes(type);
  const isGate = type === systemType.callGate32 || (!isLong && type === systemType.callGate16);
  const isOpen = target.dpl >= Math.max(state.cpl, rpl(selector));
  if (!(isGate || isTask) || !isOpen) cpu.raise(vector.generalProtection, errorCode);
  if (isLong && !readUpperDescriptor(cpu, selector, target)) cpu.raise(vector.generalProtection, errorCode);
  if (!target.isPresent) cpu.raise(vector.segmentNotPresent, errorCode);
  if (isTask) {
    const task = type === systemType.taskGate ? target.gateSelector : selector;
    switchTask(cpu, task, { reason: isCall ? 'call' : 'jump', returnAt: layout.nextRip });
    return false;
  }
  checkGateCode(cpu, target.gateSelector, isCall);
  return true;
}

const taskTypes: readonly number[] = [systemType.taskGate, systemType.tss16, systemType.tss32];

function checkGateCode(cpu: X86Cpu, selector: number, isCall: boolean): void {
  const { state } = cpu;
  if (isNullSelector(selector)) cpu.raise(vector.generalProtection, 0);
  readCodeDescriptor(cpu, selector, code);
  const mayGoInward = isCall || code.isConforming;
  const isAllowed = mayGoInward ? code.dpl <= state.cpl : code.dpl === state.cpl;
  const both = attribute.long | attribute.big;
  const isUsable = !isLongMode(state) || (code.attributes & both) === attribute.long;
  if (!isAllowed || !isUsable) cpu.raise(vector.generalProtection, selector & 0xfffc);
  if (!code.isPresent) cpu.raise(vector.segmentNotPresent, selector & 0xfffc);
}

const is16BitGate = (): boolean => target.type === systemType.callGate16;
const gateOffset = (): number => (is16BitGate() ? target.gateOffset & 0xffff : target.gateOffset);

function jumpThroughGate(cpu: X86Cpu, selector: number): void {
  if (!readGate(cpu, selector, false)) return;
  checkTarget(cpu, code, gateOffset(), target.upper);
  enterCode(cpu, target.gateSelector, cpu.state.cpl, code, gateOffset(), target.upper);
}

function callThroughGate(cpu: X86Cpu, selector: number): void {
  const { state } = cpu;
  if (!readGate(cpu, selector, true)) return;
  const bytes: StackSlot = isLongMode(state) ? 8 : is16BitGate() ? 2 : 4;
  checkTarget(cpu, code, gateOffset(), target.upper);
  markAccessed(cpu, code);
  if (!code.isConforming && code.dpl < state.cpl) {
    if (bytes === 8) callInnerLong(cpu);
    else callInner(cpu, bytes);
    return;
  }
  const stack = cpu.stack.useCurrent();
  pushReturn(cpu, stack, bytes);
  stack.commit();
  enterCode(cpu, target.gateSelector, state.cpl, code, gateOffset(), target.upper);
}

/** With a new stack from the TSS, onto which parameters are copied. */
function callInner(cpu: X86Cpu, bytes: StackSlot): void {
  const { state } = cpu;
  const cpl = code.dpl;
  const { selector, pointer } = readInnerStack(cpu, cpl);
  if (isNullSelector(selector)) cpu.raise(vector.invalidTss, 0);
  readStackDescriptor(cpu, selector, cpl, stackSegment, vector.invalidTss);
  const { base, limit, attributes } = stackSegment;
  const stack = cpu.newStack.useSegment(pointer, base, limit, attributes, bankFor(state, cpl), selector & 0xfffc);
  stack.push(bytes, state.selector(segment.ss));
  stack.push(bytes, state.gprLow(gprNumber.rsp));
  const old = cpu.stack.useCurrent();
  const parameters = target.hi & 0x1f;
  for (let i = parameters - 1; i >= 0; i--) stack.push(bytes, old.peek(i * bytes, bytes));
  pushReturn(cpu, stack, bytes);
  setFromDescriptor(cpu, segment.ss, selector, stackSegment);
  stack.commit();
  enterCode(cpu, target.gateSelector, cpl, code, gateOffset(), 0);
}

function callInnerLong(cpu: X86Cpu): void {
  const { state } = cpu;
  const cpl = code.dpl;
  const pointer = readLongStack(cpu, cpl);
  if (!isCanonical(pointer)) cpu.raise(vector.stackFault, 0);
  const stack = cpu.newStack.use64(pointer, bankFor(state, cpl), 0);
  stack.push(8, state.selector(segment.ss));
  stack.push(8, state.gprLow(gprNumber.rsp), state.gprHigh(gprNumber.rsp));
  pushReturn(cpu, stack, 8);
  setNullStack(state, cpl, cpl);
  state.setGprWords(gprNumber.rsp, stack.pointer | 0, highWord(stack.pointer));
  enterCode(cpu, target.gateSelector, cpl, code, gateOffset(), target.upper);
}
