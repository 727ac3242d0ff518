/** Exceptions and interrupts: what is delivered, and what happens when delivery itself faults (SDM 3A, 6.10-6.15). */
import { flag, layout } from '../layout.ts';
import { deliverLong } from './deliver-long.ts';
import { deliverProtected } from './deliver-protected.ts';
import { deliverReal } from './deliver-real.ts';
import { GuestFault, noErrorCode, vector } from './guest-fault.ts';
import { isLongMode, isProtected } from './mode.ts';
import { deliverLongQuickly } from './quick-long.ts';
import { deliverProtectedQuickly } from './quick-protected.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** One exception or interrupt on its way. */
export interface CpuEvent {
  readonly vector: number;
  readonly errorCode: number;
  /** INT n, INT3, INTO: the gate's DPL is checked, and faults on the way are not external. */
  readonly isSoftware: boolean;
  /** `layout.rip` for faults and interrupts, `layout.nextRip` for traps. */
  readonly returnAt: number;
  /** RF in the EFLAGS image (SDM 3B, 17.3.1.1). */
  readonly resume: boolean;
}

/** Error-code bit: the fault arose while delivering an event that the program did not ask for. */
const ext = 1;
const singleStepHit = 1 << 14;

const isFaultClass = (number: number): boolean =>
  number !== vector.debug && number !== vector.nmi && number !== vector.doubleFault && number !== vector.machineCheck;

export function deliverException(cpu: X86Cpu, number: number, errorCode: number): void {
  deliver(cpu, { vector: number, errorCode, isSoftware: false, returnAt: layout.rip, resume: isFaultClass(number) });
}

export function deliverExternal(cpu: X86Cpu, number: number): void {
  if (cpu.stop?.kind === 'halt') cpu.stop = undefined;
  deliver(cpu, { vector: number, errorCode: noErrorCode, isSoftware: false, returnAt: layout.rip, resume: false });
}

/**
 * A trap for a single step (`isStep`) or breakpoints on data that were hit; `resume`: between the iterations of a repeated
 * string instruction (SDM 3B, 18.3.1.1).
 */
export function deliverDebugTrap(cpu: X86Cpu, isStep: boolean, resume: boolean): void {
  cpu.breakpoints.enterException(cpu.breakpoints.hits | (isStep ? singleStepHit : 0));
  if (cpu.stop?.kind === 'halt') cpu.stop = undefined;
  deliver(cpu, { vector: vector.debug, errorCode: noErrorCode, isSoftware: false, returnAt: layout.rip, resume });
  cpu.breakpoints.hits = 0; // A watched stack does not trap for ever.
}

/** INT n, INT3, INTO inside their helper; faults on the way are thrown and belong to the instruction. */
export function deliverSoftware(cpu: X86Cpu, number: number): void {
  deliverOnce(cpu, {
    vector: number,
    errorCode: noErrorCode,
    isSoftware: true,
    returnAt: layout.nextRip,
    resume: false,
  });
  cpu.stepTrap = 'none';
}

/** INT1: as an exception, but a trap. */
export function deliverPrivilegedSoftware(cpu: X86Cpu): void {
  deliverOnce(cpu, {
    vector: vector.debug,
    errorCode: noErrorCode,
    isSoftware: false,
    returnAt: layout.nextRip,
    resume: false,
  });
  cpu.stepTrap = 'none';
}

/** Ends after a few rounds: each fault on the way is of a graver class than the one before, up to the triple fault. */
function deliver(cpu: X86Cpu, first: CpuEvent): void {
  for (let event: CpuEvent | undefined = first; event !== undefined; ) event = attempt(cpu, event);
  const { state } = cpu;
  state.setWord(layout.rip, state.word(layout.nextRip));
  state.setWord(layout.rip + 4, state.word(layout.nextRip + 4));
}

/** undefined: delivered, or nothing more can be. */
function attempt(cpu: X86Cpu, event: CpuEvent): CpuEvent | undefined {
  try {
    deliverOnce(cpu, event);
    return undefined;
  } catch (fault) {
    if (!(fault instanceof GuestFault)) throw fault;
    cpu.isInNewTask = false; // RIP is exact here.
    return afterFault(cpu, event.vector, fault);
  }
}

function afterFault(cpu: X86Cpu, firstVector: number, fault: GuestFault): CpuEvent | undefined {
  if (firstVector === vector.doubleFault) {
    const { rip, cr2 } = cpu.state;
    cpu.stop = { kind: 'triple-fault', vector: fault.vector, errorCode: fault.errorCode, rip, cr2: cr2.value };
    cpu.state.nextRip = rip;
    return undefined;
  }
  const isDouble = makesDoubleFault(firstVector, fault.vector);
  const number = isDouble ? vector.doubleFault : fault.vector;
  return {
    vector: number,
    errorCode: isDouble ? 0 : fault.errorCode,
    isSoftware: false,
    returnAt: layout.rip,
    resume: isFaultClass(number),
  };
}

const contributory: readonly number[] = [
  vector.divideError,
  vector.invalidTss,
  vector.segmentNotPresent,
  vector.stackFault,
  vector.generalProtection,
];

/** SDM 3A, table 6-5. */
export function makesDoubleFault(first: number, second: number): boolean {
  if (first === vector.pageFault) return second === vector.pageFault || contributory.includes(second);
  return contributory.includes(first) && contributory.includes(second);
}

/** Delivers without looking further; throws GuestFault, having changed stack memory only unless tasks were switched. */
function deliverOnce(cpu: X86Cpu, event: CpuEvent): void {
  if (deliverLongQuickly(cpu, event) || deliverProtectedQuickly(cpu, event)) return;
  if (!isProtected(cpu.state)) {
    deliverReal(cpu, event);
    return;
  }
  try {
    if (isLongMode(cpu.state)) deliverLong(cpu, event);
    else deliverProtected(cpu, event);
  } catch (fault) {
    if (fault instanceof GuestFault && !event.isSoftware && hasSelectorCode(fault.vector)) fault.errorCode |= ext;
    throw fault;
  }
}

const hasSelectorCode = (number: number): boolean => number >= vector.invalidTss && number <= vector.generalProtection;

/** The EFLAGS image that an event pushes. */
export function flagsImage(cpu: X86Cpu, event: CpuEvent): number {
  return event.resume ? cpu.state.eflags | flag.RF : cpu.state.eflags;
}

/** EFLAGS as a handler finds them (SDM 3A, 6.12.1.3). */
export function enterHandlerFlags(cpu: X86Cpu, isInterruptGate: boolean): void {
  const cleared = flag.TF | flag.NT | flag.RF | flag.VM | (isInterruptGate ? flag.IF : 0);
  const { state } = cpu;
  state.setWord(layout.eflagsRest, state.eflagsRest & ~cleared);
}
