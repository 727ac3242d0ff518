/** Model-specific registers (SDM 4, chapter 2). Those of the local APIC belong to the bus. */
import { segment } from '../layout.ts';
import { vector } from './guest-fault.ts';
import { isLegalMtrr, isLegalPat, mtrrCap, mtrrIndexes, mtrrMsr } from './memory-types.ts';
import { refreshMode } from './mode.ts';
import { cr0, debugCtl, efer } from './registers.ts';
import { readTscNumber } from './time-stamp.ts';
import type { Register64 } from './words.ts';
import { addressFromWords, isCanonicalHigh } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';
import { gprNumber } from './x86-state.ts';

export const msr = {
  IA32_P5_MC_ADDR: 0x0,
  IA32_P5_MC_TYPE: 0x1,
  IA32_TIME_STAMP_COUNTER: 0x10,
  IA32_PLATFORM_ID: 0x17,
  IA32_TSC_ADJUST: 0x3b,
  IA32_SPEC_CTRL: 0x48,
  IA32_PRED_CMD: 0x49,
  IA32_BIOS_SIGN_ID: 0x8b,
  IA32_ARCH_CAPABILITIES: 0x10a,
  IA32_SYSENTER_CS: 0x174,
  IA32_SYSENTER_ESP: 0x175,
  IA32_SYSENTER_EIP: 0x176,
  IA32_MCG_CAP: 0x179,
  IA32_MCG_STATUS: 0x17a,
  IA32_MISC_ENABLE: 0x1a0,
  IA32_DEBUGCTL: 0x1d9,
  IA32_PAT: 0x277,
  IA32_XSS: 0xda0,
  IA32_EFER: 0xc0000080,
  IA32_STAR: 0xc0000081,
  IA32_LSTAR: 0xc0000082,
  IA32_CSTAR: 0xc0000083,
  IA32_FMASK: 0xc0000084,
  IA32_FS_BASE: 0xc0000100,
  IA32_GS_BASE: 0xc0000101,
  IA32_KERNEL_GS_BASE: 0xc0000102,
  IA32_TSC_AUX: 0xc0000103,
} as const;

/** RDCL_NO and its kin: what a processor without speculation may say, so that kernels leave mitigations off. */
const archCapabilities = [0, 1, 3, 4, 5, 6, 8, 13, 14, 15, 20, 24, 26, 27, 62].reduce(
  (sum, bit) => sum | (1n << BigInt(bit)),
  0n,
);
/** Fast strings on; branch trace store and precise events unavailable. */
const miscEnableReset = 0x1801n;
/** What IA32_MISC_ENABLE defines; only fast strings can be changed here. */
const miscEnable = { fastStrings: 1, defined: 0x00cd_38c9, definedHigh: 1 << 2 } as const;
/** RIPV, EIPV, MCIP. */
const machineCheckStatusBits = 7n;
const patReset = 0x0007040600070406n;
const microcodeRevision = 1n << 32n;

export function resetMsrs(state: X86State): void {
  for (const register of [state.star, state.lstar, state.cstar, state.sfmask, state.kernelGsBase])
    register.setWords(0, 0);
  for (const register of [state.sysenterEsp, state.sysenterEip, state.tscAux, state.specCtrl, state.debugCtl])
    register.setWords(0, 0);
  state.sysenterCs = 0;
  state.pat.value = patReset;
  state.miscEnable.value = miscEnableReset;
  state.tscAdjust = 0n;
  state.plainMsrs.clear();
  for (const index of mtrrIndexes) state.plainMsrs.set(index, 0n);
  state.plainMsrs.set(msr.IA32_MCG_STATUS, 0n);
}

/** Registers that hold what was written, with what makes a value illegal. */
function storedRegister(state: X86State, index: number): Register64 | undefined {
  switch (index) {
    case msr.IA32_STAR:
      return state.star;
    case msr.IA32_LSTAR:
      return state.lstar;
    case msr.IA32_CSTAR:
      return state.cstar;
    case msr.IA32_FMASK:
      return state.sfmask;
    case msr.IA32_KERNEL_GS_BASE:
      return state.kernelGsBase;
    case msr.IA32_SYSENTER_ESP:
      return state.sysenterEsp;
    case msr.IA32_SYSENTER_EIP:
      return state.sysenterEip;
    case msr.IA32_PAT:
      return state.pat;
    case msr.IA32_MISC_ENABLE:
      return state.miscEnable;
    case msr.IA32_TSC_AUX:
      return state.tscAux;
    case msr.IA32_SPEC_CTRL:
      return state.specCtrl;
    case msr.IA32_DEBUGCTL:
      return state.debugCtl;
    default:
      return undefined;
  }
}

const isCanonicalRegister: readonly number[] = [
  msr.IA32_LSTAR,
  msr.IA32_CSTAR,
  msr.IA32_KERNEL_GS_BASE,
  msr.IA32_SYSENTER_ESP,
  msr.IA32_SYSENTER_EIP,
];

function isLegal(index: number, lo: number, hi: number): boolean {
  if (isCanonicalRegister.includes(index)) return isCanonicalHigh(hi);
  switch (index) {
    case msr.IA32_FMASK:
    case msr.IA32_TSC_AUX:
      return hi === 0;
    case msr.IA32_SPEC_CTRL:
      return hi === 0 && (lo & ~1) === 0;
    case msr.IA32_PAT:
      return isLegalPat((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0));
    case msr.IA32_DEBUGCTL:
      return hi === 0 && (lo & ~(debugCtl.LBR | debugCtl.BTF)) === 0;
    default:
      return true;
  }
}

/** Whether one of the registers that only keep what was written takes a value. */
export const isLegalPlain = (index: number, value: bigint): boolean =>
  index === msr.IA32_MCG_STATUS ? (value & ~machineCheckStatusBits) === 0n : isLegalMtrr(index, value);

function writeMiscEnable(state: X86State, lo: number, hi: number): boolean {
  if (lo & ~miscEnable.defined || hi & ~miscEnable.definedHigh) return false;
  state.miscEnable.lo = (state.miscEnable.lo & ~miscEnable.fastStrings) | (lo & miscEnable.fastStrings);
  return true;
}

const segmentBaseValue = (state: X86State, number: number): bigint =>
  BigInt.asUintN(64, BigInt(state.segmentBase(number)));

/** undefined: no such register. */
function readMsr(cpu: X86Cpu, index: number): bigint | undefined {
  const { state } = cpu;
  switch (index) {
    case msr.IA32_TIME_STAMP_COUNTER:
      return cpu.readTsc();
    case msr.IA32_TSC_ADJUST:
      return state.tscAdjust;
    case msr.IA32_EFER:
      return BigInt(state.efer);
    case msr.IA32_FS_BASE:
      return segmentBaseValue(state, segment.fs);
    case msr.IA32_GS_BASE:
      return segmentBaseValue(state, segment.gs);
    case msr.IA32_SYSENTER_CS:
      return BigInt(state.sysenterCs);
    case mtrrMsr.IA32_MTRRCAP:
      return mtrrCap;
    case msr.IA32_ARCH_CAPABILITIES:
      return archCapabilities;
    case msr.IA32_BIOS_SIGN_ID:
      return microcodeRevision;
    case msr.IA32_XSS:
      return cpu.has('xsaves') ? 0n : undefined;
    case msr.IA32_PLATFORM_ID:
    case msr.IA32_MCG_CAP:
    case msr.IA32_P5_MC_ADDR:
    case msr.IA32_P5_MC_TYPE:
      return 0n;
    default:
      return storedRegister(state, index)?.value ?? state.plainMsrs.get(index) ?? readElsewhere(cpu, index);
  }
}

const readElsewhere = (cpu: X86Cpu, index: number): bigint | undefined =>
  cpu.kvmClock.readMsr(index) ?? cpu.bus.readMsr(index);

/** false: no such register, or an illegal value. */
function writeMsr(cpu: X86Cpu, index: number, lo: number, hi: number): boolean {
  const { state } = cpu;
  if (index === msr.IA32_MISC_ENABLE) return writeMiscEnable(state, lo, hi);
  const stored = storedRegister(state, index);
  if (stored) {
    if (!isLegal(index, lo, hi)) return false;
    stored.setWords(lo, hi);
    return true;
  }
  const value = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
  switch (index) {
    case msr.IA32_EFER:
      return writeEfer(cpu, lo, hi);
    case msr.IA32_FS_BASE:
      return writeSegmentBase(state, segment.fs, lo, hi);
    case msr.IA32_GS_BASE:
      return writeSegmentBase(state, segment.gs, lo, hi);
    case msr.IA32_SYSENTER_CS:
      state.sysenterCs = lo >>> 0;
      return true;
    case msr.IA32_TIME_STAMP_COUNTER:
      return writeTsc(cpu, value);
    case msr.IA32_TSC_ADJUST:
      adjustTsc(cpu, value - state.tscAdjust);
      return true;
    case msr.IA32_XSS: // There are no supervisor components.
      return cpu.has('xsaves') && value === 0n;
    case msr.IA32_PRED_CMD:
      return hi === 0 && (lo & ~1) === 0;
    case msr.IA32_BIOS_SIGN_ID:
    case msr.IA32_P5_MC_ADDR:
    case msr.IA32_P5_MC_TYPE:
      return true;
    default:
      return writeElsewhere(cpu, index, value);
  }
}

function writeElsewhere(cpu: X86Cpu, index: number, value: bigint): boolean {
  const { plainMsrs } = cpu.state;
  if (!plainMsrs.has(index)) return cpu.kvmClock.writeMsr(index, value) ?? cpu.bus.writeMsr(index, value);
  if (!isLegalPlain(index, value)) return false;
  plainMsrs.set(index, value);
  return true;
}

/** Writing the counter moves IA32_TSC_ADJUST by as much (SDM 3B, 17.17.3). */
function writeTsc(cpu: X86Cpu, value: bigint): boolean {
  adjustTsc(cpu, value - BigInt(readTscNumber(cpu)) - cpu.state.tscOffset);
  return true;
}

function adjustTsc(cpu: X86Cpu, difference: bigint): void {
  const { state } = cpu;
  state.tscAdjust = BigInt.asUintN(64, state.tscAdjust + difference);
  state.tscOffset = BigInt.asIntN(64, state.tscOffset + difference);
  cpu.kvmClock.refresh();
}

function writeSegmentBase(state: X86State, number: number, lo: number, hi: number): boolean {
  if (!isCanonicalHigh(hi)) return false;
  state.setSegmentBase(number, addressFromWords(lo, hi));
  return true;
}

function writeEfer(cpu: X86Cpu, lo: number, hi: number): boolean {
  const { state } = cpu;
  const writable = efer.SCE | efer.LME | efer.NXE;
  if (hi !== 0 || lo & ~(writable | efer.LMA)) return false;
  const changed = (state.efer ^ lo) & writable;
  if (changed & efer.LME && state.cr0 & cr0.PG) return false;
  state.efer = (lo & writable) | (state.efer & efer.LMA);
  if (changed & efer.NXE) cpu.flushTlb();
  refreshMode(state);
  return true;
}

function requirePrivilege(cpu: X86Cpu): void {
  if (cpu.state.cpl !== 0) cpu.raise(vector.generalProtection, 0);
}

export function rdmsr(cpu: X86Cpu): void {
  requirePrivilege(cpu);
  const { state } = cpu;
  const value = readMsr(cpu, state.gprLow(gprNumber.rcx));
  if (value === undefined) cpu.raise(vector.generalProtection, 0);
  state.setGpr(gprNumber.rax, value & 0xffffffffn);
  state.setGpr(gprNumber.rdx, (value >> 32n) & 0xffffffffn);
}

export function wrmsr(cpu: X86Cpu): void {
  requirePrivilege(cpu);
  const { state } = cpu;
  const lo = state.gprLow(gprNumber.rax) | 0;
  const hi = state.gprLow(gprNumber.rdx) | 0;
  if (!writeMsr(cpu, state.gprLow(gprNumber.rcx), lo, hi)) cpu.raise(vector.generalProtection, 0);
}
