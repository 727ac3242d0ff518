/**
 * Events and IRET between 64-bit code as they usually are, without the steps that only faults, single steps and unusual
 * descriptors need (page-fault row of the bench: a third of what a fault of Linux cost). Either all is done or, with false,
 * nothing: then deliver-long.ts and far-return.ts do it, and raise what there is to raise.
 */
import { flag, layout, segment, tlb } from '../layout.ts';
import { modeKey } from '../mode.ts';
import { rpl } from './descriptor.ts';
import type { CpuEvent } from './event-delivery.ts';
import { enterHandlerFlags, flagsImage } from './event-delivery.ts';
import { returnedFlags } from './flag-instructions.ts';
import { bankFor, currentBank, setCpl } from './mode.ts';
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
import { dropPrivilegedSegments, setNullStack } from './segment-load.ts';
import { isCanonicalHigh } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';
import { gprNumber } from './x86-state.ts';

/** 64-bit code runs, not in single steps; quick ways keep that, and with it the mode key. */
const isPlain64 = (state: X86State): boolean =>
  (state.word(layout.modeKey) & (modeKey.codeMask | modeKey.single)) === modeKey.code64;

/** Through a gate of the IDT (SDM 3A, 6.14). */
export function deliverLongQuickly(cpu: X86Cpu, event: CpuEvent): boolean {
  const { state } = cpu;
  const { i32, cpl } = state;
  const gate = isPlain64(state) ? usualGateAt(cpu, event, 16) : -1;
  if (gate < 0) return false;
  const gateLo = i32[gate] ?? 0;
  const gateHi = i32[gate + 1] ?? 0;
  const targetHi = i32[gate + 2] ?? 0;
  const selector = gateLo >>> 16;
  const target = descriptorAt(cpu, selector);
  if (target < 0) return false;
  const codeLo = i32[target] ?? 0;
  const codeHi = i32[target + 1] ?? 0;
  const newCpl = levelOf(codeHi);
  if (!isUsualCode(codeLo, codeHi, codeSize.long) || newCpl > cpl || !isCanonicalHigh(targetHi)) return false;
  if (!pushFrame(cpu, event, gateHi & 7, newCpl)) return false;

  state.setSegment(segment.cs, (selector & 0xfffc) | newCpl, 0, limitOf(codeLo, codeHi), attributesOf(codeHi));
  if (newCpl !== cpl) setStack(state, newCpl);
  enterHandlerFlags(cpu, isInterruptGate(gateHi));
  setCpl(state, newCpl);
  state.setNextRipWords((gateHi & ~0xffff) | (gateLo & 0xffff), targetHi);
  return true;
}

function setStack(state: X86State, cpl: number): void {
  setNullStack(state, cpl, cpl);
  state.setWord(layout.stackMask, -1);
}

/** RIP, CS, EFLAGS, RSP, SS: eight bytes each. */
const frameBytes = 40;

/** Writes what the handler finds on its stack, and sets RSP; false: nothing was changed. */
function pushFrame(cpu: X86Cpu, event: CpuEvent, ist: number, newCpl: number): boolean {
  const { state } = cpu;
  const { i32, cpl } = state;
  let lo = state.gprLow(gprNumber.rsp);
  let hi = state.gprHigh(gprNumber.rsp) | 0;
  if (ist !== 0 || newCpl !== cpl) {
    const offset = 4 + 8 * (ist !== 0 ? ist + 3 : newCpl);
    if (offset + 7 > state.tr.limit) return false;
    const from = tableWordsAt(cpu, state.tr.base + offset, 8);
    if (from < 0) return false;
    lo = (i32[from] ?? 0) >>> 0;
    hi = i32[from + 1] ?? 0;
  }
  if (!isCanonicalHigh(hi)) return false;
  const bytes = event.errorCode < 0 ? frameBytes : frameBytes + 8;
  const top = (lo & ~15) >>> 0;
  const bottom = (top - bytes) | 0;
  if (top < bytes) hi = (hi - 1) | 0;
  let at = wordsAt(cpu, bottom, hi, bytes, bankFor(state, newCpl), tlb.writeTag);
  if (at < 0) return false;
  if (event.errorCode >= 0) {
    i32[at++] = event.errorCode;
    i32[at++] = 0;
  }
  i32[at] = state.word(event.returnAt);
  i32[at + 1] = state.word(event.returnAt + 4);
  i32[at + 2] = state.selector(segment.cs);
  i32[at + 3] = 0;
  i32[at + 4] = flagsImage(cpu, event);
  i32[at + 5] = 0;
  i32[at + 6] = state.gprLow(gprNumber.rsp);
  i32[at + 7] = state.gprHigh(gprNumber.rsp);
  i32[at + 8] = state.selector(segment.ss);
  i32[at + 9] = 0;
  state.setGprWords(gprNumber.rsp, bottom, hi);
  return true;
}

/** IRET with 64-bit operands, to the same or an outer level (SDM 2A, "IRET/IRETD/IRETQ"). */
export function iretLongQuickly(cpu: X86Cpu): boolean {
  const { state } = cpu;
  const { i32, cpl: oldCpl } = state;
  if (!isPlain64(state) || state.eflagsRest & flag.NT) return false;
  const rspLo = state.gprLow(gprNumber.rsp) | 0;
  const at = wordsAt(cpu, rspLo, state.gprHigh(gprNumber.rsp) | 0, frameBytes, currentBank(state), tlb.readTag);
  if (at < 0) return false;
  const ripHi = i32[at + 1] ?? 0;
  const selector = (i32[at + 2] ?? 0) & 0xffff;
  const flags = i32[at + 4] ?? 0;
  const cpl = rpl(selector);
  if (cpl < oldCpl || flags & flag.TF || !isCanonicalHigh(ripHi)) return false;
  const target = descriptorAt(cpu, selector);
  if (target < 0) return false;
  const codeLo = i32[target] ?? 0;
  const codeHi = i32[target + 1] ?? 0;
  if (!isUsualCode(codeLo, codeHi, codeSize.long) || levelOf(codeHi) !== cpl) return false;
  if (!popStack(cpu, (i32[at + 8] ?? 0) & 0xffff, cpl)) return false;

  state.setNextRipWords(i32[at] ?? 0, ripHi);
  state.setGprWords(gprNumber.rsp, i32[at + 6] ?? 0, i32[at + 7] ?? 0);
  state.setSegment(segment.cs, selector, 0, limitOf(codeLo, codeHi), attributesOf(codeHi));
  if (cpl !== oldCpl) dropPrivilegedSegments(state, cpl);
  state.storeEflags(returnedFlags(cpu, flags, 8, oldCpl));
  setCpl(state, cpl);
  return true;
}

/** Loads SS, null or a usual stack, for a level; false: nothing was changed. */
function popStack(cpu: X86Cpu, selector: number, cpl: number): boolean {
  const { state } = cpu;
  if (rpl(selector) !== cpl) return false;
  if (selector === cpl && cpl !== 3) {
    setStack(state, cpl);
    return true;
  }
  const at = descriptorAt(cpu, selector);
  if (at < 0) return false;
  const lo = state.i32[at] ?? 0;
  const hi = state.i32[at + 1] ?? 0;
  if (!isUsualStack(lo, hi) || levelOf(hi) !== cpl) return false;
  state.setSegment(segment.ss, selector, 0, limitOf(lo, hi), attributesOf(hi));
  state.setWord(layout.stackMask, -1);
  return true;
}
