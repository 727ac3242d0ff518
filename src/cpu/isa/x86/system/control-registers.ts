/** MOV to and from control and debug registers, CLTS, LMSW, SMSW (SDM 3A, 2.5 and 10.8.5). */
import { layout, segment } from '../layout.ts';
import { refreshXsave } from './extended-control.ts';
import { vector } from './guest-fault.ts';
import { isCode64, isLongMode, refreshMode } from './mode.ts';
import { attribute, cr0, cr4, cr4BitsOf, efer, physicalAddressBits, systemType } from './registers.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';

const writableCr0 = cr0.PE | cr0.MP | cr0.EM | cr0.TS | cr0.NE | cr0.WP | cr0.AM | cr0.NW | cr0.CD | cr0.PG;
/** Bits of CR3 above the physical address width, upper word; bit 63 is the no-flush request when PCIDs are on. */
const reservedCr3High = ~((1 << (physicalAddressBits - 32)) - 1);
const noFlushHigh = 1 << 31;

function requirePrivilege(cpu: X86Cpu): void {
  if (cpu.state.cpl !== 0) cpu.raise(vector.generalProtection, 0);
}

const illegal = (cpu: X86Cpu): never => cpu.raise(vector.generalProtection, 0);

export function movFromCr(cpu: X86Cpu, gpr: number, number: number): void {
  requirePrivilege(cpu);
  const { state } = cpu;
  const bytes = isCode64(state) ? 8 : 4;
  switch (number) {
    case 0:
      state.setGprWords(gpr, state.cr0, 0);
      return;
    case 2:
      state.setGprSized(gpr, bytes, state.cr2.lo, state.cr2.hi);
      return;
    case 3:
      state.setGprSized(gpr, bytes, state.cr3.lo, state.cr3.hi);
      return;
    case 4:
      state.setGprWords(gpr, state.cr4, 0);
      return;
    case 8:
      state.setGprWords(gpr, cpu.bus.readCr8(), 0);
      return;
    default:
      cpu.raise(vector.invalidOpcode);
  }
}

export function movToCr(cpu: X86Cpu, gpr: number, number: number): void {
  requirePrivilege(cpu);
  const { state } = cpu;
  const lo = state.gprLow(gpr) | 0;
  const hi = isCode64(state) ? state.gprHigh(gpr) | 0 : 0;
  switch (number) {
    case 0:
      if (hi !== 0) illegal(cpu);
      writeCr0(cpu, lo);
      return;
    case 2:
      state.cr2.setWords(lo, hi);
      return;
    case 3:
      writeCr3(cpu, lo, hi);
      return;
    case 4:
      if (hi !== 0) illegal(cpu);
      writeCr4(cpu, lo);
      return;
    case 8:
      if (hi !== 0 || lo & ~15) illegal(cpu);
      cpu.bus.writeCr8(lo);
      return;
    default:
      cpu.raise(vector.invalidOpcode);
  }
}

export function writeCr0(cpu: X86Cpu, value: number): void {
  const { state } = cpu;
  const next = (value & writableCr0) | cr0.ET;
  const changed = state.cr0 ^ next;
  if (next & cr0.PG && !(next & cr0.PE)) illegal(cpu);
  if (next & cr0.NW && !(next & cr0.CD)) illegal(cpu);
  if (changed & cr0.PG) checkPagingChange(cpu, next);
  const usesPae = next & cr0.PG && state.cr4 & cr4.PAE && !(state.efer & efer.LME);
  if (usesPae && changed & (cr0.PG | cr0.CD | cr0.NW)) loadPdptes(cpu, state.cr3.lo);
  state.cr0 = next;
  if (changed & cr0.PG && state.efer & efer.LME)
    state.efer = next & cr0.PG ? state.efer | efer.LMA : state.efer & ~efer.LMA;
  if (changed & (cr0.PG | cr0.WP)) cpu.flushTlb();
  if (changed & (cr0.PG | cr0.PE | cr0.AM | cr0.TS | cr0.EM)) refreshMode(state);
}

/** Switching IA-32e mode on or off happens with CR0.PG (SDM 3A, 10.8.5). */
function checkPagingChange(cpu: X86Cpu, next: number): void {
  const { state } = cpu;
  if (!(next & cr0.PG)) {
    if (state.cr4 & cr4.PCIDE || isCode64(state)) illegal(cpu);
    return;
  }
  if (!(state.efer & efer.LME)) return;
  const is16BitTss = (state.tr.attributes & 15) === systemType.tss16Busy;
  if (!(state.cr4 & cr4.PAE) || hasLongCode(state) || is16BitTss) illegal(cpu);
}

const hasLongCode = (state: X86State): boolean => (state.segmentAttributes(segment.cs) & attribute.long) !== 0;

function writeCr3(cpu: X86Cpu, lo: number, hi: number): void {
  const { state } = cpu;
  const usesPcid = (state.cr4 & cr4.PCIDE) !== 0;
  const high = usesPcid ? hi & ~noFlushHigh : hi;
  if (high & reservedCr3High) illegal(cpu);
  if (state.cr0 & cr0.PG && state.cr4 & cr4.PAE && !isLongMode(state)) loadPdptes(cpu, lo);
  const keepsAll = usesPcid && hi < 0 && state.cr3.lo === lo && state.cr3.hi === high;
  state.cr3.setWords(lo, high);
  if (keepsAll) return;
  cpu.mmu.flushNonGlobal();
  cpu.onTranslationChange?.();
}

export function writeCr4(cpu: X86Cpu, value: number): void {
  const { state } = cpu;
  const changed = state.cr4 ^ value;
  if (value & ~cr4BitsOf(cpu.model)) illegal(cpu);
  if (isLongMode(state) && !(value & cr4.PAE)) illegal(cpu);
  const enablesPcid = changed & value & cr4.PCIDE;
  if (enablesPcid && (!isLongMode(state) || state.cr3.lo & 0xfff)) illegal(cpu);
  const paging = cr4.PSE | cr4.PAE | cr4.PGE | cr4.SMEP;
  const usesPae = state.cr0 & cr0.PG && value & cr4.PAE && !isLongMode(state);
  if (usesPae && changed & paging) loadPdptes(cpu, state.cr3.lo);
  state.cr4 = value;
  refreshXsave(state);
  if (changed & cr4.DE) cpu.breakpoints.refresh();
  if (changed & (paging | cr4.SMAP | cr4.PCIDE)) cpu.flushTlb();
  if (changed & (cr4.SMAP | cr4.OSFXSR | cr4.OSXSAVE)) refreshMode(state);
}

/** CR3 as a task switch loads it, outside IA-32e mode. */
export function reloadPageTables(cpu: X86Cpu, value: number): void {
  if (cpu.state.cr3.lo !== (value | 0)) writeCr3(cpu, value | 0, 0);
}

/** Bits of a PAE directory-pointer entry that must be zero: 1-2, 5-8, and above the address. */
const reservedPdpteLow = 0x1e6;

/** PAE paging keeps the four entries inside the processor (SDM 3A, 4.4.1). */
function loadPdptes(cpu: X86Cpu, cr3Low: number): void {
  const at = (cr3Low & ~0x1f) >>> 0;
  const loaded = new Int32Array(8);
  for (let i = 0; i < 8; i++) loaded[i] = cpu.mmu.readPhysical32(at + i * 4);
  for (let i = 0; i < 8; i += 2) {
    const lo = loaded[i] ?? 0;
    if (lo & 1 && (lo & reservedPdpteLow || (loaded[i + 1] ?? 0) & reservedCr3High)) illegal(cpu);
  }
  cpu.state.pdptes.set(loaded);
}

export function clts(cpu: X86Cpu): void {
  requirePrivilege(cpu);
  cpu.state.cr0 &= ~cr0.TS;
  refreshMode(cpu.state);
}

/** Loads the low four bits; PE cannot be cleared. */
export function lmsw(cpu: X86Cpu, value: number): void {
  requirePrivilege(cpu);
  const { state } = cpu;
  writeCr0(cpu, (state.cr0 & ~0xe) | (value & 0xf) | (state.cr0 & cr0.PE));
}

export const smsw = (cpu: X86Cpu): number => cpu.state.cr0;

const dr6Fixed = 0xffff0ff0 | 0;
const dr6Writable = 0xe00f;
const dr7Fixed = 0x400;
const dr7Writable = 0xffff23ff | 0;
const dr7GeneralDetect = 1 << 13;
const dr6GeneralDetect = 1 << 13;

/** DR4 and DR5 are other names of DR6 and DR7 while CR4.DE is clear (SDM 3B, 18.2.2). */
const debugRegister = (number: number): number => (number === 4 || number === 5 ? number + 2 : number);

function accessDebugRegister(cpu: X86Cpu, number: number): void {
  const { state } = cpu;
  const isNone = number > 7 || (debugRegister(number) !== number && (state.cr4 & cr4.DE) !== 0);
  if (isNone) cpu.raise(vector.invalidOpcode);
  requirePrivilege(cpu);
  if (!((state.dr[7]?.lo ?? 0) & dr7GeneralDetect)) return;
  cpu.breakpoints.enterException(dr6GeneralDetect);
  cpu.raise(vector.debug);
}

export function movFromDr(cpu: X86Cpu, gpr: number, number: number): void {
  accessDebugRegister(cpu, number);
  const register = cpu.state.dr[debugRegister(number)];
  if (register) cpu.state.setGprSized(gpr, isCode64(cpu.state) ? 8 : 4, register.lo, register.hi);
}

export function movToDr(cpu: X86Cpu, gpr: number, number: number): void {
  accessDebugRegister(cpu, number);
  const { state } = cpu;
  const lo = state.gprLow(gpr);
  const hi = isCode64(state) ? state.gprHigh(gpr) : 0;
  const index = debugRegister(number);
  const register = state.dr[index];
  if (index >= 6 && hi !== 0) illegal(cpu);
  if (index === 6) register?.setWords((lo & dr6Writable) | dr6Fixed, 0);
  else if (index === 7) register?.setWords((lo & dr7Writable) | dr7Fixed, 0);
  else register?.setWords(lo, hi);
  if (index !== 6 && cpu.breakpoints.refresh()) cpu.flushTlb();
}

/** The address is at layout.helper. */
export function invlpg(cpu: X86Cpu): void {
  requirePrivilege(cpu);
  const { state } = cpu;
  cpu.mmu.flushPage(state.word(layout.helper), state.word(layout.helper + 4));
  cpu.onTranslationChange?.();
}

/** WBINVD and INVD: there is no cache. */
export function invalidateCaches(cpu: X86Cpu): void {
  requirePrivilege(cpu);
}

export function hlt(cpu: X86Cpu): void {
  requirePrivilege(cpu);
  cpu.stop = { kind: 'halt' };
}
