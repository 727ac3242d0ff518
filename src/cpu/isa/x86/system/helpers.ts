import {
  clts,
  hlt,
  invalidateCaches,
  invlpg,
  lmsw,
  movFromCr,
  movFromDr,
  movToCr,
  movToDr,
  smsw,
} from './control-registers.ts';
import { cpuid } from './cpuid.ts';
import { xgetbv, xsetbv } from './extended-control.ts';
import { farCall, farJump } from './far-jump.ts';
import { farReturn, iret } from './far-return.ts';
import { syscall, sysenter, sysexit, sysret } from './fast-calls.ts';
import { popf } from './flag-instructions.ts';
import { invpcid } from './invpcid.ts';
import { hypercall } from './kvm.ts';
import {
  bound,
  int1,
  int3,
  interrupt,
  into,
  rdfsbase,
  rdgsbase,
  rdpmc,
  rdtsc,
  readEntropy,
  requireWait,
  undefinedOpcode,
  wrfsbase,
  wrgsbase,
} from './miscellaneous.ts';
import { rdmsr, wrmsr } from './msr.ts';
import { insString, outsString, portIn, portOut } from './port-io.ts';
import { segmentAddress } from './segment-access.ts';
import { loadSegment, loadSegmentOfPointer } from './segment-load.ts';
import { arpl, lar, lsl, verr, verw } from './segment-query.ts';
import { enter, popa, pusha } from './stack-frames.ts';
import { lgdt, lidt, lldt, ltr, sgdt, sidt, sldt, str } from './table-instructions.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** An instruction, or the hard part of one, done in TypeScript. May throw GuestFault and nothing else. */
export type SystemHelper = (cpu: X86Cpu, a: number, b: number, c: number) => number | void;

/**
 * What generated code calls by name. Linear addresses of memory operands, and far offsets, are i64 at layout.helper;
 * results of up to 32 bits are returned. `opBytes` and `addressBytes` are operand and address sizes.
 */
export const systemHelpers = {
  cpuid,
  rdmsr,
  wrmsr,
  /** Results at layout.helper. */
  rdtsc,
  rdpmc,
  hlt,
  /** (opBytes) */
  popf,
  /** (gpr, number) for these four. */
  movFromCr,
  movToCr,
  movFromDr,
  movToDr,
  clts,
  /** (value) */
  lmsw,
  /** All of CR0. */
  smsw,
  /** (opBytes) */
  lgdt,
  /** (opBytes) */
  lidt,
  sgdt,
  sidt,
  /** (selector) */
  lldt,
  /** (selector) */
  ltr,
  sldt,
  str,
  /** (selector) */
  verr,
  /** (selector) */
  verw,
  /** (selector, gpr, opBytes) */
  lar,
  /** (selector, gpr, opBytes) */
  lsl,
  /** (selector, source): the new selector */
  arpl,
  invlpg,
  /** (gpr) */
  invpcid,
  wbinvd: invalidateCaches,
  invd: invalidateCaches,
  /** (selector, opBytes) */
  farJump,
  /** (selector, opBytes) */
  farCall,
  /** (opBytes, popBytes) */
  farReturn,
  /** (opBytes) */
  iret,
  /** (vector) */
  interrupt,
  int3,
  int1,
  into,
  /** (gpr, opBytes) */
  bound,
  syscall,
  /** (opBytes) */
  sysret,
  sysenter,
  /** (opBytes) */
  sysexit,
  /** (gpr, opBytes) for these four. */
  rdfsbase,
  rdgsbase,
  wrfsbase,
  wrgsbase,
  /** (port, bytes): the value */
  portIn,
  /** (port, bytes, value) */
  portOut,
  /** (bytes, addressBytes | rep << 8 | segment << 16) */
  insString,
  /** (bytes, addressBytes | rep << 8 | segment << 16) */
  outsString,
  /** (segment, selector) */
  loadSegment,
  loadSegmentOfPointer,
  /** (opBytes) */
  pusha,
  /** (opBytes) */
  popa,
  /** (opBytes, level | size << 8) */
  enter,
  /** Before WAIT. */
  requireWait,
  /** (segment | kind << 8 | size << 16, offset): the linear address */
  segmentAddress,
  xgetbv,
  xsetbv,
  /** 64 bits at layout.helper. */
  readEntropy,
  hypercall,
  monitor: undefinedOpcode,
  mwait: undefinedOpcode,
} as const satisfies Record<string, SystemHelper>;

export type SystemHelperName = keyof typeof systemHelpers;

/** The form that generated code imports: a guest fault is recorded, `layout.faulted` is set and the result is 0. */
export function importHelper(cpu: X86Cpu, helper: SystemHelper): (a: number, b: number, c: number) => number {
  return (a, b, c) => {
    try {
      return helper(cpu, a, b, c) ?? 0;
    } catch (error) {
      cpu.catchFault(error);
      return 0;
    }
  };
}
