import { layout } from '../layout.ts';
import { vector } from './guest-fault.ts';
import { readLinear32 } from './linear-access.ts';
import { currentBank, isCode64 } from './mode.ts';
import { cr4 } from './registers.ts';
import { addressFromWords, isCanonicalHigh } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';

const kind = { address: 0, context: 1, allWithGlobals: 2, all: 3 } as const;

/** The type is in `gpr`, the descriptor's address at layout.helper (SDM 2A, "INVPCID"). */
export function invpcid(cpu: X86Cpu, gpr: number): void {
  const { state } = cpu;
  if (state.cpl !== 0) cpu.raise(vector.generalProtection, 0);
  const type = state.gprLow(gpr);
  const hasHighType = isCode64(state) && state.gprHigh(gpr) !== 0;
  const at = addressFromWords(state.word(layout.helper), state.word(layout.helper + 4));
  const bankNumber = currentBank(state);
  const pcid = readLinear32(cpu, at, bankNumber);
  const reserved = readLinear32(cpu, at + 4, bankNumber);
  const lo = readLinear32(cpu, at + 8, bankNumber) | 0;
  const hi = readLinear32(cpu, at + 12, bankNumber) | 0;
  const namesPcid = type === kind.address || type === kind.context;
  const isIllegal =
    hasHighType ||
    type > kind.all ||
    pcid >>> 12 !== 0 ||
    reserved !== 0 ||
    (namesPcid && pcid !== 0 && !(state.cr4 & cr4.PCIDE));
  if (isIllegal || (type === kind.address && !isCanonicalHigh(hi))) cpu.raise(vector.generalProtection, 0);
  invalidate(cpu, type, lo, hi);
  cpu.onTranslationChange?.();
}

/** Only the current context has entries, so that others need nothing. */
function invalidate(cpu: X86Cpu, type: number, lo: number, hi: number): void {
  if (type === kind.address) cpu.mmu.flushPage(lo, hi);
  else if (type === kind.allWithGlobals) cpu.mmu.flushAll();
  else cpu.mmu.flushNonGlobal();
}
