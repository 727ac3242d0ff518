/** Time-stamp counter, FS and GS bases, software interrupts, BOUND, and what this processor does not have. */
import { flag, layout, segment } from '../layout.ts';
import { deliverPrivilegedSoftware, deliverSoftware } from './event-delivery.ts';
import { vector } from './guest-fault.ts';
import { readLinear16, readLinear32 } from './linear-access.ts';
import { currentBank, ioPrivilegeLevel, isCode64, isVirtual8086 } from './mode.ts';
import { cr0, cr4 } from './registers.ts';
import { readTscNumber } from './time-stamp.ts';
import { addressFromWords, highWord, isCanonicalHigh } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** RDTSC and RDTSCP: the counter and IA32_TSC_AUX go to layout.helper, 8 bytes each. */
export function rdtsc(cpu: X86Cpu): void {
  const { state } = cpu;
  if (state.cr4 & cr4.TSD && state.cpl !== 0) cpu.raise(vector.generalProtection, 0);
  state.setWord(layout.helper + 8, state.tscAux.lo);
  const counts = readTscNumber(cpu) + state.tscOffsetNumber;
  if (counts >= 0 && counts <= Number.MAX_SAFE_INTEGER) {
    state.setWord(layout.helper, counts | 0);
    state.setWord(layout.helper + 4, highWord(counts));
  } else state.u64[layout.helper / 8] = cpu.readTsc();
}

/** RDRAND and RDSEED. */
export function readEntropy(cpu: X86Cpu): void {
  cpu.state.u64[layout.helper / 8] = BigInt.asUintN(64, cpu.bus.readEntropy());
}

/** There are no counters: every index is illegal. */
export const rdpmc = (cpu: X86Cpu): never => cpu.raise(vector.generalProtection, 0);

/** MONITOR, MWAIT: not reported by CPUID. */
export const undefinedOpcode = (cpu: X86Cpu): never => cpu.raise(vector.invalidOpcode);

/** WAIT looks at CR0.TS only together with CR0.MP (SDM 3A, 2.5). */
export function requireWait(cpu: X86Cpu): void {
  const both = cr0.MP | cr0.TS;
  if ((cpu.state.cr0 & both) === both) cpu.raise(vector.deviceNotAvailable);
}

function requireBaseAccess(cpu: X86Cpu): void {
  if (!(cpu.state.cr4 & cr4.FSGSBASE) || !isCode64(cpu.state)) cpu.raise(vector.invalidOpcode);
}

function readSegmentBase(cpu: X86Cpu, number: number, gpr: number, opBytes: number): void {
  requireBaseAccess(cpu);
  const at = layout.segmentBase + 8 * number;
  cpu.state.setGprSized(gpr, opBytes, cpu.state.word(at), cpu.state.word(at + 4));
}

function writeSegmentBase(cpu: X86Cpu, number: number, gpr: number, opBytes: number): void {
  requireBaseAccess(cpu);
  const { state } = cpu;
  const hi = opBytes === 8 ? state.gprHigh(gpr) : 0;
  if (!isCanonicalHigh(hi)) cpu.raise(vector.generalProtection, 0);
  state.setSegmentBase(number, addressFromWords(state.gprLow(gpr), hi));
}

type BaseHelper = (cpu: X86Cpu, gpr: number, opBytes: number) => void;
export const rdfsbase: BaseHelper = (cpu, gpr, opBytes) => readSegmentBase(cpu, segment.fs, gpr, opBytes);
export const rdgsbase: BaseHelper = (cpu, gpr, opBytes) => readSegmentBase(cpu, segment.gs, gpr, opBytes);
export const wrfsbase: BaseHelper = (cpu, gpr, opBytes) => writeSegmentBase(cpu, segment.fs, gpr, opBytes);
export const wrgsbase: BaseHelper = (cpu, gpr, opBytes) => writeSegmentBase(cpu, segment.gs, gpr, opBytes);

/** INT n. Virtual-8086 tasks may not, unless IOPL is 3 (SDM 3B, 20.3.3). */
export function interrupt(cpu: X86Cpu, number: number): void {
  if (isVirtual8086(cpu.state) && ioPrivilegeLevel(cpu.state) !== 3) cpu.raise(vector.generalProtection, 0);
  deliverSoftware(cpu, number & 0xff);
}

export const int3 = (cpu: X86Cpu): void => deliverSoftware(cpu, vector.breakpoint);
export const int1 = (cpu: X86Cpu): void => deliverPrivilegedSoftware(cpu);

export function into(cpu: X86Cpu): void {
  if (cpu.state.eflags & flag.OF) deliverSoftware(cpu, vector.overflow);
}

/** The bounds' address is at layout.helper. */
export function bound(cpu: X86Cpu, gpr: number, opBytes: number): void {
  const { state } = cpu;
  const at = addressFromWords(state.word(layout.helper), state.word(layout.helper + 4));
  const bankNumber = currentBank(state);
  const read = opBytes === 2 ? readSigned16 : readSigned32;
  const lower = read(cpu, at, bankNumber);
  const upper = read(cpu, at + opBytes, bankNumber);
  const index = opBytes === 2 ? (state.gprLow(gpr) << 16) >> 16 : state.gprLow(gpr) | 0;
  if (index < lower || index > upper) cpu.raise(vector.boundRange);
}

const readSigned16 = (cpu: X86Cpu, at: number, bankNumber: number): number =>
  (readLinear16(cpu, at, bankNumber) << 16) >> 16;
const readSigned32 = (cpu: X86Cpu, at: number, bankNumber: number): number => readLinear32(cpu, at, bankNumber) | 0;
