/** SYSCALL, SYSRET, SYSENTER, SYSEXIT (SDM 2B, under their names): flat segments from fixed descriptors. */
import { flag, layout, lazyFlags, segment } from '../layout.ts';
import { vector } from './guest-fault.ts';
import { enterFlatLevel, isCode64, isLongMode, isPlainFlat, isProtected, refreshMode } from './mode.ts';
import { attribute, efer } from './registers.ts';
import { isCanonicalHigh } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';
import { gprNumber } from './x86-state.ts';

const codeType = 0x809b;
const dataType = 0xc093;
const code64 = codeType | attribute.long;
const code32 = codeType | attribute.big;

function setFlatSegments(
  state: X86State,
  codeSelector: number,
  codeAttributes: number,
  stackSelector: number,
  cpl: number,
): void {
  const dpl = cpl << attribute.dplShift;
  state.setSegment(segment.cs, (codeSelector & 0xfffc) | cpl, 0, 0xffffffff, codeAttributes | dpl);
  state.setSegment(segment.ss, (stackSelector & 0xfffc) | cpl, 0, 0xffffffff, dataType | dpl);
  state.setWord(layout.cpl, cpl);
}

function requireSyscall(cpu: X86Cpu): void {
  if (!(cpu.state.efer & efer.SCE) || !isCode64(cpu.state)) cpu.raise(vector.invalidOpcode);
}

export function syscall(cpu: X86Cpu): void {
  requireSyscall(cpu);
  const { state } = cpu;
  const eflags = state.eflags;
  state.setGprWords(gprNumber.rcx, state.word(layout.nextRip), state.word(layout.nextRip + 4));
  state.setGprWords(11, eflags & ~flag.RF, 0);
  storeFlags(state, eflags & ~state.sfmask.lo & ~flag.RF);
  const selector = state.star.hi & 0xffff;
  setFlatSegments(state, selector, code64, (selector & 0xfffc) + 8, 0);
  refreshMode(state);
  state.setNextRipWords(state.lstar.lo, state.lstar.hi);
  stepAfter(cpu);
}

/** A single step follows these two when EFLAGS.TF is set behind them: IA32_FMASK hides TF from the kernel. */
function stepAfter(cpu: X86Cpu): void {
  cpu.stepTrap = cpu.state.eflagsRest & flag.TF ? 'now' : 'none';
}

/** Leaves the lazy words alone when no arithmetic flag is masked. */
function storeFlags(state: X86State, eflags: number): void {
  if (state.sfmask.lo & lazyFlags) state.storeEflags(eflags);
  else state.setWord(layout.eflagsRest, (eflags & ~lazyFlags) | 2);
}

const restorable = 0x3c7fd7 & ~flag.RF;

export function sysret(cpu: X86Cpu, opBytes: number): void {
  requireSyscall(cpu);
  const { state } = cpu;
  const lo = state.gprLow(gprNumber.rcx);
  const hi = opBytes === 8 ? state.gprHigh(gprNumber.rcx) : 0;
  if (state.cpl !== 0 || !isCanonicalHigh(hi)) cpu.raise(vector.generalProtection, 0);
  state.storeEflags((state.gprLow(11) & restorable) | 2);
  const base = (state.star.hi >>> 16) & 0xffff;
  const codeSelector = opBytes === 8 ? base + 16 : base;
  setFlatSegments(state, codeSelector, opBytes === 8 ? code64 : code32, base + 8, 3);
  refreshMode(state);
  state.setNextRipWords(lo, hi);
  stepAfter(cpu);
}

export function sysenter(cpu: X86Cpu): void {
  const { state } = cpu;
  const selector = state.sysenterCs & 0xfffc;
  if (!isProtected(state) || selector === 0) cpu.raise(vector.generalProtection, 0);
  const isLong = isLongMode(state);
  const staysFlat = isPlainFlat(state);
  state.setWord(layout.eflagsRest, state.eflagsRest & ~(flag.VM | flag.IF | flag.RF));
  setFlatSegments(state, selector, isLong ? code64 : code32, selector + 8, 0);
  if (staysFlat) enterFlatLevel(state, 0);
  else refreshMode(state);
  state.setGprWords(gprNumber.rsp, state.sysenterEsp.lo, isLong ? state.sysenterEsp.hi : 0);
  state.setNextRipWords(state.sysenterEip.lo, isLong ? state.sysenterEip.hi : 0);
}

export function sysexit(cpu: X86Cpu, opBytes: number): void {
  const { state } = cpu;
  const selector = state.sysenterCs & 0xfffc;
  if (!isProtected(state) || selector === 0 || state.cpl !== 0) cpu.raise(vector.generalProtection, 0);
  const is64 = opBytes === 8;
  const staysFlat = isPlainFlat(state);
  const ripHigh = is64 ? state.gprHigh(gprNumber.rdx) : 0;
  const rspHigh = is64 ? state.gprHigh(gprNumber.rcx) : 0;
  if (!isCanonicalHigh(ripHigh) || !isCanonicalHigh(rspHigh)) cpu.raise(vector.generalProtection, 0);
  setFlatSegments(state, selector + (is64 ? 32 : 16), is64 ? code64 : code32, selector + (is64 ? 40 : 24), 3);
  if (staysFlat) enterFlatLevel(state, 3);
  else refreshMode(state);
  state.setGprWords(gprNumber.rsp, state.gprLow(gprNumber.rcx), rspHigh);
  state.setNextRipWords(state.gprLow(gprNumber.rdx), ripHigh);
}
