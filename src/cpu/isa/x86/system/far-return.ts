/** RET to another segment and IRET (SDM 2B, "RET"; SDM 2A, "IRET/IRETD/IRETQ"). */
import { flag, layout, segment } from '../layout.ts';
import {
  checkCodeUsable,
  checkTarget,
  is64BitCode,
  loadCodeReal,
  readCodeDescriptor,
  setCode,
} from './code-segment.ts';
import { Descriptor, isNullSelector, markAccessed, rpl } from './descriptor.ts';
import { returnedFlags } from './flag-instructions.ts';
import { vector } from './guest-fault.ts';
import {
  ioPrivilegeLevel,
  isCode64,
  isLongMode,
  isProtected,
  isRealOrVirtual,
  isVirtual8086,
  refreshMode,
  setEflags,
} from './mode.ts';
import { iretLongQuickly } from './quick-long.ts';
import { iretProtectedQuickly } from './quick-protected.ts';
import {
  dropPrivilegedSegments,
  readStackDescriptor,
  setFromDescriptor,
  setNullStack,
  virtual8086Attributes,
} from './segment-load.ts';
import type { Stack, StackSlot } from './stack.ts';
import { returnFromTask } from './task-switch.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

const code = new Descriptor();
const stackSegment = new Descriptor();

/** What a return takes from the stack. */
interface ReturnFrame {
  lo: number;
  hi: number;
  selector: number;
}

const frame: ReturnFrame = { lo: 0, hi: 0, selector: 0 };

function popFrame(stack: Stack, bytes: StackSlot): void {
  frame.lo = stack.pop(bytes) | 0;
  frame.hi = stack.high;
  frame.selector = stack.pop(bytes) & 0xffff;
}

export function farReturn(cpu: X86Cpu, opBytes: number, popBytes: number): void {
  const { state } = cpu;
  const bytes = opBytes as StackSlot;
  const stack = cpu.stack.useCurrent();
  popFrame(stack, bytes);
  if (isRealOrVirtual(state)) {
    stack.skip(popBytes);
    returnReal(cpu, stack);
    return;
  }
  const cpl = checkReturnCode(cpu);
  stack.skip(popBytes);
  if (cpl > state.cpl) returnOuter(cpu, stack, bytes, cpl, popBytes);
  else returnSame(cpu, stack);
  refreshMode(state);
  state.setNextRipWords(frame.lo, frame.hi);
}

function returnReal(cpu: X86Cpu, stack: Stack): void {
  const { state } = cpu;
  if (frame.lo >>> 0 > state.segmentLimit(segment.cs)) cpu.raise(vector.generalProtection, 0);
  stack.commit();
  loadCodeReal(state, frame.selector);
  refreshMode(state);
  state.setNextRipWords(frame.lo, 0);
}

/** Reads and checks the code segment of `frame`; the privilege level that it returns to. */
function checkReturnCode(cpu: X86Cpu): number {
  const { selector } = frame;
  if (isNullSelector(selector)) cpu.raise(vector.generalProtection, 0);
  readCodeDescriptor(cpu, selector, code);
  const cpl = rpl(selector);
  const isAllowed = cpl >= cpu.state.cpl && (code.isConforming ? code.dpl <= cpl : code.dpl === cpl);
  if (!isAllowed) cpu.raise(vector.generalProtection, selector & 0xfffc);
  checkCodeUsable(cpu, selector, code);
  return cpl;
}

function returnSame(cpu: X86Cpu, stack: Stack): void {
  checkTarget(cpu, code, frame.lo, frame.hi);
  setCode(cpu, frame.selector, cpu.state.cpl, code);
  stack.commit();
}

function returnOuter(cpu: X86Cpu, stack: Stack, bytes: StackSlot, cpl: number, popBytes: number): void {
  const { state } = cpu;
  const spLo = stack.pop(bytes) | 0;
  const spHi = stack.high;
  const selector = stack.pop(bytes) & 0xffff;
  checkOuterStack(cpu, selector, cpl);
  checkTarget(cpu, code, frame.lo, frame.hi);
  loadOuter(cpu, selector, cpl);
  state.setWord(layout.cpl, cpl);
  refreshMode(state);
  setOuterPointer(cpu, bytes, spLo, spHi);
  const outer = cpu.stack.useCurrent();
  outer.skip(popBytes);
  if (popBytes !== 0) outer.commit();
  dropPrivilegedSegments(state, cpl);
}

/** Null is allowed on the way to 64-bit code of levels 0-2. */
function checkOuterStack(cpu: X86Cpu, selector: number, cpl: number): void {
  if (!isNullSelector(selector)) {
    readStackDescriptor(cpu, selector, cpl, stackSegment, vector.generalProtection);
    return;
  }
  if (!is64BitCode(cpu.state, code) || cpl === 3 || rpl(selector) !== cpl) cpu.raise(vector.generalProtection, 0);
}

function loadOuter(cpu: X86Cpu, stackSelector: number, cpl: number): void {
  markAccessed(cpu, code);
  if (isNullSelector(stackSelector)) setNullStack(cpu.state, stackSelector, cpl);
  else setFromDescriptor(cpu, segment.ss, stackSelector, stackSegment);
  setCode(cpu, frame.selector, cpl, code);
}

/** A 16-bit return stack keeps the upper half of ESP. */
function setOuterPointer({ state }: X86Cpu, bytes: StackSlot, lo: number, hi: number): void {
  const isWide = isCode64(state) || state.word(layout.stackMask) === -1;
  if (isWide) state.setGprWords(gprNumber.rsp, bytes === 2 ? lo & 0xffff : lo, bytes === 8 ? hi : 0);
  else state.setGprSized(gprNumber.rsp, 2, lo);
}

export function iret(cpu: X86Cpu, opBytes: number): void {
  const { state } = cpu;
  const bytes = opBytes as StackSlot;
  if (!iretQuickly(cpu, bytes)) iretThoroughly(cpu, bytes);
  state.nmiBlocked = false;
  if (state.eflagsRest & flag.RF) cpu.breakpoints.wantStep();
}

const iretQuickly = (cpu: X86Cpu, bytes: StackSlot): boolean =>
  bytes === 8 ? iretLongQuickly(cpu) : bytes === 4 && iretProtectedQuickly(cpu);

/** Apart from what it does to NMIs. */
export function iretThoroughly(cpu: X86Cpu, bytes: StackSlot): void {
  if (!isProtected(cpu.state)) iretReal(cpu, bytes);
  else if (isVirtual8086(cpu.state)) iretVirtual8086(cpu, bytes);
  else iretProtected(cpu, bytes);
}

/** VIF and VIP stay as they are in real mode (SDM 2A, IRET). */
const virtualFlags = flag.VIF | flag.VIP;

function iretReal(cpu: X86Cpu, bytes: StackSlot): void {
  const stack = cpu.stack.useCurrent();
  popFrame(stack, bytes);
  const flags = stack.pop(bytes);
  returnReal(cpu, stack);
  const { state } = cpu;
  const wanted = (flags & ~virtualFlags) | (state.eflagsRest & virtualFlags);
  setEflags(state, returnedFlags(cpu, wanted, bytes, 0));
}

function iretVirtual8086(cpu: X86Cpu, bytes: StackSlot): void {
  if (ioPrivilegeLevel(cpu.state) !== 3) cpu.raise(vector.generalProtection, 0);
  const stack = cpu.stack.useCurrent();
  popFrame(stack, bytes);
  const flags = stack.pop(bytes);
  returnReal(cpu, stack);
  setEflags(cpu.state, returnedFlags(cpu, flags, bytes, 3));
}

function iretProtected(cpu: X86Cpu, bytes: StackSlot): void {
  const { state } = cpu;
  if (state.eflagsRest & flag.NT) {
    if (isLongMode(state)) cpu.raise(vector.generalProtection, 0);
    returnFromTask(cpu);
    return;
  }
  const stack = cpu.stack.useCurrent();
  popFrame(stack, bytes);
  const flags = stack.pop(bytes);
  const oldCpl = state.cpl;
  if (flags & flag.VM && bytes === 4 && oldCpl === 0 && !isLongMode(state)) {
    iretToVirtual8086(cpu, stack, flags);
    return;
  }
  const cpl = checkReturnCode(cpu);
  if (cpl > oldCpl || isCode64(state)) iretWithStack(cpu, stack, bytes, cpl);
  else returnSame(cpu, stack);
  setEflags(cpu.state, returnedFlags(cpu, flags, bytes, oldCpl));
  refreshMode(state);
  state.setNextRipWords(frame.lo, frame.hi);
}

/** To an outer level, and from 64-bit mode always: RSP and SS are popped too. */
function iretWithStack(cpu: X86Cpu, stack: Stack, bytes: StackSlot, cpl: number): void {
  const { state } = cpu;
  const isOuter = cpl > state.cpl;
  const spLo = stack.pop(bytes) | 0;
  const spHi = stack.high;
  const selector = stack.pop(bytes) & 0xffff;
  checkOuterStack(cpu, selector, cpl);
  checkTarget(cpu, code, frame.lo, frame.hi);
  loadOuter(cpu, selector, cpl);
  state.setWord(layout.cpl, cpl);
  refreshMode(state);
  setOuterPointer(cpu, bytes, spLo, spHi);
  if (isOuter) dropPrivilegedSegments(state, cpl);
}

function iretToVirtual8086(cpu: X86Cpu, stack: Stack, flags: number): void {
  const { state } = cpu;
  const pointer = stack.pop(4);
  const selectors = [segment.ss, segment.es, segment.ds, segment.fs, segment.gs].map((number) => ({
    number,
    selector: stack.pop(4) & 0xffff,
  }));
  for (const { number, selector } of selectors) {
    state.setSegment(number, selector, selector * 16, 0xffff, virtual8086Attributes);
  }
  state.setSegment(segment.cs, frame.selector, frame.selector * 16, 0xffff, virtual8086Attributes);
  state.setGprWords(gprNumber.rsp, pointer, 0);
  state.storeEflags((flags & virtual8086Flags) | cpu.breakpoints.resumeFlag(flags));
  state.setWord(layout.cpl, 3);
  refreshMode(state);
  state.setNextRipWords(frame.lo & 0xffff, 0);
}

/** All defined flags but RF. */
const virtual8086Flags = 0x3f7fd7 & ~flag.RF;
