import { layout, segment } from '../layout.ts';
import { checkTarget, setCode } from './code-segment.ts';
import { Descriptor, isNullSelector, readDescriptor } from './descriptor.ts';
import type { CpuEvent } from './event-delivery.ts';
import { enterHandlerFlags, flagsImage } from './event-delivery.ts';
import { vector } from './guest-fault.ts';
import { readLinear32 } from './linear-access.ts';
import { bank, bankFor, refreshMode } from './mode.ts';
import { attribute, systemType } from './registers.ts';
import { setNullStack } from './segment-load.ts';
import { readLongStack } from './task-segment.ts';
import { addressFromWords, highWord, isCanonical } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

const gate = new Descriptor();
const code = new Descriptor();

/** Through a 64-bit interrupt or trap gate (SDM 3A, 6.14). */
export function deliverLong(cpu: X86Cpu, event: CpuEvent): void {
  const { state } = cpu;
  readGate(cpu, event);
  const selector = gate.gateSelector;
  readHandlerSegment(cpu, selector);
  const { cpl } = state;
  const newCpl = code.isConforming ? cpl : code.dpl;
  const stack = cpu.newStack.use64(handlerStack(cpu, gate.hi & 7, newCpl), bankFor(state, newCpl), 0);
  checkTarget(cpu, code, gate.gateOffset, gate.upper);

  stack.push(8, state.selector(segment.ss));
  stack.push(8, state.gprLow(gprNumber.rsp), state.gprHigh(gprNumber.rsp));
  stack.push(8, flagsImage(cpu, event));
  stack.push(8, state.selector(segment.cs));
  stack.push(8, state.word(event.returnAt), state.word(event.returnAt + 4));
  if (event.errorCode >= 0) stack.push(8, event.errorCode);

  setCode(cpu, selector, newCpl, code);
  if (newCpl !== cpl) setNullStack(state, newCpl, newCpl);
  state.setGprWords(gprNumber.rsp, stack.pointer | 0, highWord(stack.pointer));
  enterHandlerFlags(cpu, gate.type === systemType.interruptGate32);
  state.setWord(layout.cpl, newCpl);
  refreshMode(state);
  state.setNextRipWords(gate.gateOffset, gate.upper);
}

function readGate(cpu: X86Cpu, event: CpuEvent): void {
  const { idtr, cpl } = cpu.state;
  const errorCode = event.vector * 8 + 2;
  const at = idtr.base + event.vector * 16;
  if (event.vector * 16 + 15 > idtr.limit) cpu.raise(vector.generalProtection, errorCode);
  gate.lo = readLinear32(cpu, at, bank.supervisor);
  gate.hi = readLinear32(cpu, at + 4, bank.supervisor);
  gate.upper = readLinear32(cpu, at + 8, bank.supervisor) | 0;
  const isGate = gate.isSystem && (gate.type === systemType.interruptGate32 || gate.type === systemType.trapGate32);
  if (!isGate || (event.isSoftware && gate.dpl < cpl)) cpu.raise(vector.generalProtection, errorCode);
  if (!gate.isPresent) cpu.raise(vector.segmentNotPresent, errorCode);
}

function readHandlerSegment(cpu: X86Cpu, selector: number): void {
  const errorCode = selector & 0xfffc;
  if (isNullSelector(selector) || !readDescriptor(cpu, selector, code)) cpu.raise(vector.generalProtection, errorCode);
  const is64 = (code.attributes & (attribute.long | attribute.big)) === attribute.long;
  if (!code.isCode || code.dpl > cpu.state.cpl || !is64) cpu.raise(vector.generalProtection, errorCode);
  if (!code.isPresent) cpu.raise(vector.segmentNotPresent, errorCode);
}

/** Where the frame goes; aligned to 16 bytes in every case. */
function handlerStack(cpu: X86Cpu, ist: number, newCpl: number): number {
  const { state } = cpu;
  let pointer: number;
  if (ist !== 0) pointer = readLongStack(cpu, ist + 3);
  else if (newCpl !== state.cpl) pointer = readLongStack(cpu, newCpl);
  else pointer = addressFromWords(state.gprLow(gprNumber.rsp), state.gprHigh(gprNumber.rsp));
  if (!isCanonical(pointer)) cpu.raise(vector.stackFault, 0);
  return Math.floor(pointer / 16) * 16;
}
