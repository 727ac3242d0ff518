/** XGETBV and XSETBV (SDM 2D) and what follows from XCR0 (SDM 3A, 2.6). */
import { layout } from '../layout.ts';
import { componentsInUse } from '../state-components.ts';
import { vector } from './guest-fault.ts';
import { refreshMode } from './mode.ts';
import { cr4, isLegalXcr0 } from './registers.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber, type X86State } from './x86-state.ts';

/** After CR4.OSXSAVE or XCR0 changed; `refreshMode` is to follow. */
export function refreshXsave(state: X86State): void {
  state.setWord(layout.xsaveComponents, state.cr4 & cr4.OSXSAVE ? state.xcr0 : 0);
}

function requireXsave(cpu: X86Cpu): void {
  if (!(cpu.state.cr4 & cr4.OSXSAVE)) cpu.raise(vector.invalidOpcode);
}

export function xgetbv(cpu: X86Cpu): void {
  requireXsave(cpu);
  const { state } = cpu;
  const index = state.gprLow(gprNumber.rcx);
  if (index !== 0 && (index !== 1 || !cpu.has('xgetbv1'))) cpu.raise(vector.generalProtection, 0);
  const value = index === 0 ? state.xcr0 : componentsInUse(state.u8, state.word(layout.modeKey), state.xcr0);
  state.setGprWords(gprNumber.rax, value, 0);
  state.setGprWords(gprNumber.rdx, 0, 0);
}

export function xsetbv(cpu: X86Cpu): void {
  requireXsave(cpu);
  const { state } = cpu;
  const value = state.gprLow(gprNumber.rax);
  const isLegal = isLegalXcr0(cpu.model, value) && state.gprLow(gprNumber.rdx) === 0;
  if (state.cpl !== 0 || state.gprLow(gprNumber.rcx) !== 0 || !isLegal) cpu.raise(vector.generalProtection, 0);
  state.xcr0 = value;
  refreshXsave(state);
  refreshMode(state);
}
