/**
 * Events and IRET between flat 32-bit code as they usually are: what quick-long.ts is for 64-bit code. Either all is done or,
 * with false, nothing: then deliver-protected.ts and far-return.ts do it.
 */
import { flag, segment, tlb } from '../layout.ts';
import { rpl } from './descriptor.ts';
import type { CpuEvent } from './event-delivery.ts';
import { enterHandlerFlags, flagsImage } from './event-delivery.ts';
import { returnedFlags } from './flag-instructions.ts';
import { bankFor, currentBank, enterFlatLevel, isPlainFlat } from './mode.ts';
import {
  attributesOf,
  codeSize,
  descriptorAt,
  isInterruptGate,
  isUsualCode,
  isUsualStack,
  levelOf,
  limitOf,
  tableWordsAt,
  usualGateAt,
  wordsAt,
} from './quick-access.ts';
import { attribute } from './registers.ts';
import { dropPrivilegedSegments } from './segment-load.ts';
import { is32BitTss } from './task-segment.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';
import { gprNumber } from './x86-state.ts';

const wholeLimit = -1;
const isFlatCode = (lo: number, hi: number): boolean =>
  isUsualCode(lo, hi, codeSize.big) && limitOf(lo, hi) === wholeLimit;

/** Through a gate of the IDT (SDM 3A, 6.12). */
export function deliverProtectedQuickly(cpu: X86Cpu, event: CpuEvent): boolean {
  const { state } = cpu;
  const { i32, cpl } = state;
  const gate = isPlainFlat(state) ? usualGateAt(cpu, event, 8) : -1;
  if (gate < 0) return false;
  const gateLo = i32[gate] ?? 0;
  const gateHi = i32[gate + 1] ?? 0;
  const selector = gateLo >>> 16;
  const target = descriptorAt(cpu, selector);
  if (target < 0) return false;
  const codeLo = i32[target] ?? 0;
  const codeHi = i32[target + 1] ?? 0;
  const newCpl = levelOf(codeHi);
  if (!isFlatCode(codeLo, codeHi) || newCpl > cpl) return false;
  const isDone =
    newCpl === cpl ? pushFrame(cpu, event, state.gprLow(gprNumber.rsp), cpl) : switchStack(cpu, event, newCpl);
  if (!isDone) return false;

  state.setSegment(segment.cs, (selector & 0xfffc) | newCpl, 0, wholeLimit, attributesOf(codeHi));
  enterHandlerFlags(cpu, isInterruptGate(gateHi));
  enterFlatLevel(state, newCpl);
  state.setNextRipWords((gateHi & ~0xffff) | (gateLo & 0xffff), 0);
  return true;
}

/** Goes on at the stack that the TSS has for an inner level. */
function switchStack(cpu: X86Cpu, event: CpuEvent, level: number): boolean {
  const { state } = cpu;
  const { i32, tr } = state;
  const offset = 4 + 8 * level;
  if (!is32BitTss(tr.attributes) || offset + 7 > tr.limit) return false;
  const at = tableWordsAt(cpu, tr.base + offset, 8);
  if (at < 0) return false;
  const pointer = (i32[at] ?? 0) >>> 0;
  const selector = (i32[at + 1] ?? 0) & 0xffff;
  const descriptor = flatStackAt(cpu, selector, level);
  if (descriptor < 0 || !pushFrame(cpu, event, pointer, level)) return false;
  state.setSegment(segment.ss, selector, 0, wholeLimit, attributesOf(i32[descriptor + 1] ?? 0));
  return true;
}

/** Index of the flat descriptor that a level's stack may have; -1: it is not so simple. */
function flatStackAt(cpu: X86Cpu, selector: number, level: number): number {
  if (rpl(selector) !== level) return -1;
  const at = descriptorAt(cpu, selector);
  if (at < 0) return -1;
  const lo = cpu.state.i32[at] ?? 0;
  const hi = cpu.state.i32[at + 1] ?? 0;
  return isUsualStack(lo, hi) && levelOf(hi) === level && limitOf(lo, hi) === wholeLimit ? at : -1;
}

/** Writes what the handler finds on its stack below `pointer`, and sets ESP; false: nothing was changed. */
function pushFrame(cpu: X86Cpu, event: CpuEvent, pointer: number, level: number): boolean {
  const { state } = cpu;
  const { i32 } = state;
  const isInner = level !== state.cpl;
  const bytes = (isInner ? outerFrameBytes : frameBytes) + (event.errorCode < 0 ? 0 : 4);
  if (pointer < bytes) return false;
  const bottom = (pointer - bytes) | 0;
  let at = wordsAt(cpu, bottom, 0, bytes, bankFor(state, level), tlb.writeTag);
  if (at < 0) return false;
  if (event.errorCode >= 0) i32[at++] = event.errorCode;
  i32[at] = state.word(event.returnAt);
  i32[at + 1] = state.selector(segment.cs);
  i32[at + 2] = flagsImage(cpu, event);
  if (isInner) {
    i32[at + 3] = state.gprLow(gprNumber.rsp);
    i32[at + 4] = state.selector(segment.ss);
  }
  state.setGprWords(gprNumber.rsp, bottom, 0);
  return true;
}

/** EIP, CS, EFLAGS: four bytes each; from another level ESP and SS follow. */
const frameBytes = 12;
const outerFrameBytes = 20;

/** IRET with 32-bit operands, to the same or an outer level (SDM 2A, "IRET/IRETD/IRETQ"). */
export function iretProtectedQuickly(cpu: X86Cpu): boolean {
  const { state } = cpu;
  const { i32, cpl: oldCpl } = state;
  if (!isPlainFlat(state) || state.eflagsRest & flag.NT) return false;
  const esp = state.gprLow(gprNumber.rsp);
  const selectorAt = wordsAt(cpu, esp | 0, 0, frameBytes, currentBank(state), tlb.readTag);
  if (selectorAt < 0) return false;
  const selector = (i32[selectorAt + 1] ?? 0) & 0xffff;
  const cpl = rpl(selector);
  const bytes = cpl === oldCpl ? frameBytes : outerFrameBytes;
  const at = wordsAt(cpu, esp | 0, 0, bytes, currentBank(state), tlb.readTag);
  const flags = i32[at + 2] ?? 0;
  if (at < 0 || cpl < oldCpl || flags & (flag.TF | flag.VM)) return false;
  const target = descriptorAt(cpu, selector);
  if (target < 0) return false;
  const codeLo = i32[target] ?? 0;
  const codeHi = i32[target + 1] ?? 0;
  if (!isFlatCode(codeLo, codeHi) || levelOf(codeHi) !== cpl) return false;
  if (cpl === oldCpl) state.setGprWords(gprNumber.rsp, esp + frameBytes, 0);
  else if (!popStack(cpu, (i32[at + 4] ?? 0) & 0xffff, i32[at + 3] ?? 0, cpl)) return false;

  state.setNextRipWords(i32[at] ?? 0, 0);
  state.setSegment(segment.cs, selector, 0, wholeLimit, attributesOf(codeHi));
  state.storeEflags(returnedFlags(cpu, flags, 4, oldCpl));
  enterFlatLevel(state, cpl);
  return true;
}

/** Loads SS and ESP for an outer level, which keeps DS and ES; false: nothing was changed. */
function popStack(cpu: X86Cpu, selector: number, esp: number, cpl: number): boolean {
  const { state } = cpu;
  if (!mayKeep(state, segment.ds, cpl) || !mayKeep(state, segment.es, cpl)) return false;
  const descriptor = flatStackAt(cpu, selector, cpl);
  if (descriptor < 0) return false;
  state.setSegment(segment.ss, selector, 0, wholeLimit, attributesOf(state.i32[descriptor + 1] ?? 0));
  state.setGprWords(gprNumber.rsp, esp, 0);
  dropPrivilegedSegments(state, cpl);
  return true;
}

const mayKeep = (state: X86State, number: number, cpl: number): boolean =>
  (state.segmentAttributes(number) & attribute.dpl) >> attribute.dplShift >= cpl;
