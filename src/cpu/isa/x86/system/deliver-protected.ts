import { layout, segment } from '../layout.ts';
import { checkTarget, setCode } from './code-segment.ts';
import { Descriptor, isNullSelector, markAccessed, readDescriptor } from './descriptor.ts';
import type { CpuEvent } from './event-delivery.ts';
import { enterHandlerFlags, flagsImage } from './event-delivery.ts';
import { vector } from './guest-fault.ts';
import { readLinear32 } from './linear-access.ts';
import { bank, bankFor, isVirtual8086, refreshMode } from './mode.ts';
import { systemType } from './registers.ts';
import { readStackDescriptor, setFromDescriptor } from './segment-load.ts';
import type { Stack, StackSlot } from './stack.ts';
import { is32BitTss, readInnerStack } from './task-segment.ts';
import { switchTask } from './task-switch.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

const gate = new Descriptor();
const code = new Descriptor();
const stackSegment = new Descriptor();

/** Through a 16- or 32-bit gate of the IDT (SDM 3A, 6.12; from virtual-8086 mode 20.3.1). */
export function deliverProtected(cpu: X86Cpu, event: CpuEvent): void {
  readGate(cpu, event);
  if (gate.type === systemType.taskGate) {
    switchTask(cpu, gate.gateSelector, { reason: 'call', returnAt: event.returnAt });
    if (event.errorCode >= 0) pushErrorCode(cpu, event.errorCode);
    return;
  }
  readHandlerSegment(cpu, gate.gateSelector);
  const { cpl } = cpu.state;
  const isInner = !code.isConforming && code.dpl < cpl;
  const isVirtual = isVirtual8086(cpu.state);
  if (isVirtual && !(isInner && code.dpl === 0)) cpu.raise(vector.generalProtection, gate.gateSelector & 0xfffc);
  if (isInner) deliverInner(cpu, event, isVirtual);
  else deliverSame(cpu, event, cpl);
}

/** As wide as the new task's TSS. */
function pushErrorCode(cpu: X86Cpu, errorCode: number): void {
  const stack = cpu.stack.useCurrent();
  stack.push(is32BitTss(cpu.state.tr.attributes) ? 4 : 2, errorCode);
  stack.commit();
}

const slotBytes = (): StackSlot => (gate.type & 8 ? 4 : 2);
/** A 16-bit gate has no upper offset half. */
const handlerOffset = (): number => (gate.type & 8 ? gate.gateOffset : gate.gateOffset & 0xffff);

function deliverSame(cpu: X86Cpu, event: CpuEvent, cpl: number): void {
  checkTarget(cpu, code, handlerOffset(), 0);
  const stack = cpu.stack.useCurrent();
  pushReturn(cpu, stack, event);
  setCode(cpu, gate.gateSelector, cpl, code);
  stack.commit();
  finish(cpu, cpl);
}

function deliverInner(cpu: X86Cpu, event: CpuEvent, isVirtual: boolean): void {
  const { state } = cpu;
  const newCpl = code.dpl;
  const { selector, pointer } = readInnerStack(cpu, newCpl);
  if (isNullSelector(selector)) cpu.raise(vector.invalidTss, 0);
  readStackDescriptor(cpu, selector, newCpl, stackSegment, vector.invalidTss);
  const { base, limit, attributes } = stackSegment;
  const stack = cpu.newStack.useSegment(pointer, base, limit, attributes, bankFor(state, newCpl), selector & 0xfffc);
  checkTarget(cpu, code, handlerOffset(), 0);
  const bytes = slotBytes();
  if (isVirtual) for (const number of dataSegments) stack.push(bytes, state.selector(number));
  stack.push(bytes, state.selector(segment.ss));
  stack.push(bytes, state.gprLow(gprNumber.rsp));
  pushReturn(cpu, stack, event);

  markAccessed(cpu, code);
  setFromDescriptor(cpu, segment.ss, selector, stackSegment);
  setCode(cpu, gate.gateSelector, newCpl, code);
  stack.commit();
  if (isVirtual) for (const number of dataSegments) state.setNullSegment(number, 0);
  finish(cpu, newCpl);
}

const dataSegments = [segment.gs, segment.fs, segment.ds, segment.es] as const;

function pushReturn(cpu: X86Cpu, stack: Stack, event: CpuEvent): void {
  const { state } = cpu;
  const bytes = slotBytes();
  stack.push(bytes, flagsImage(cpu, event));
  stack.push(bytes, state.selector(segment.cs));
  stack.push(bytes, state.word(event.returnAt));
  if (event.errorCode >= 0) stack.push(bytes, event.errorCode);
}

function finish(cpu: X86Cpu, cpl: number): void {
  const { state } = cpu;
  enterHandlerFlags(cpu, (gate.type & 1) === 0);
  state.setWord(layout.cpl, cpl);
  refreshMode(state);
  state.setNextRipWords(handlerOffset(), 0);
}

const gateTypes: readonly number[] = [
  systemType.taskGate,
  systemType.interruptGate16,
  systemType.trapGate16,
  systemType.interruptGate32,
  systemType.trapGate32,
];

function readGate(cpu: X86Cpu, event: CpuEvent): void {
  const { idtr, cpl } = cpu.state;
  const errorCode = event.vector * 8 + 2;
  const at = idtr.base + event.vector * 8;
  if (event.vector * 8 + 7 > idtr.limit) cpu.raise(vector.generalProtection, errorCode);
  gate.lo = readLinear32(cpu, at, bank.supervisor);
  gate.hi = readLinear32(cpu, at + 4, bank.supervisor);
  const isGate = gate.isSystem && gateTypes.includes(gate.type);
  if (!isGate || (event.isSoftware && gate.dpl < cpl)) cpu.raise(vector.generalProtection, errorCode);
  if (!gate.isPresent) cpu.raise(vector.segmentNotPresent, errorCode);
}

function readHandlerSegment(cpu: X86Cpu, selector: number): void {
  const errorCode = selector & 0xfffc;
  if (isNullSelector(selector) || !readDescriptor(cpu, selector, code)) cpu.raise(vector.generalProtection, errorCode);
  if (!code.isCode || code.dpl > cpu.state.cpl) cpu.raise(vector.generalProtection, errorCode);
  if (!code.isPresent) cpu.raise(vector.segmentNotPresent, errorCode);
}
