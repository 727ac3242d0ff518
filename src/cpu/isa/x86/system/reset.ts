import { layout, segment } from '../layout.ts';
import { mxcsr, setMxcsr, writeSseConstants } from '../mxcsr.ts';
import type { DirectEntry } from './contract.ts';
import { processorSignature } from './cpuid.ts';
import { Descriptor, readDescriptor } from './descriptor.ts';
import { noErrorCode } from './guest-fault.ts';
import { refreshMode } from './mode.ts';
import { resetMsrs } from './msr.ts';
import { cr0, cr4, efer, systemType, xcr0 } from './registers.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { SystemSegment } from './x86-state.ts';
import { gprNumber } from './x86-state.ts';

const present = 0x80;
const dataAttributes = 0x93;
const codeAttributes = 0x9b;

/** SDM 3A, table 9-1, column "Power up". */
export function resetState(cpu: X86Cpu): void {
  const { state } = cpu;
  state.cr0 = cr0.CD | cr0.NW;
  state.xcr0 = xcr0.x87;
  state.u8.fill(0, layout.xmm, layout.bounce);
  resetFloatingPoint(cpu);
  resetMsrs(state);
  state.tscOffset = 0n; // The VM's power-up: all its processors count from there, whenever they were made.
  initState(cpu);
}

/** The same table, column "INIT": floating point, XCR0, the TSC and most MSRs stay. */
export function initState(cpu: X86Cpu): void {
  const { state } = cpu;
  state.u8.fill(0, layout.gpr, layout.budget);
  state.u8.fill(0, layout.faulted, layout.faulted + 4);
  state.setGprWords(gprNumber.rdx, processorSignature, 0);
  state.storeEflags(2);
  state.leaveShadow();
  for (let number = 0; number < 6; number++) state.setSegment(number, 0, 0, 0xffff, dataAttributes);
  state.setSegment(segment.cs, 0xf000, 0xffff0000, 0xffff, codeAttributes);
  resetSystemRegisters(cpu);
  cpu.kvmClock.reset();
  cpu.pendingVector = -1;
  cpu.pendingErrorCode = noErrorCode;
  cpu.isInNewTask = false;
  cpu.stepTrap = undefined;
  cpu.stop = undefined;
  cpu.breakpoints.hits = 0;
  cpu.breakpoints.refresh();
  cpu.flushTlb();
  refreshMode(state);
  state.rip = 0xfff0n;
  state.nextRip = 0xfff0n;
}

function resetSystemRegisters(cpu: X86Cpu): void {
  const { state } = cpu;
  state.cr0 = (state.cr0 & (cr0.CD | cr0.NW)) | cr0.ET;
  state.cr2.setWords(0, 0);
  state.cr3.setWords(0, 0);
  state.cr4 = 0;
  state.efer = 0;
  state.setWord(layout.xsaveComponents, 0);
  state.pdptes.fill(0);
  state.nmiBlocked = false;
  Object.assign(state.gdtr, { base: 0, limit: 0xffff });
  Object.assign(state.idtr, { base: 0, limit: 0xffff });
  setSystemSegment(state.ldtr, 0xffff, present | systemType.ldt);
  setSystemSegment(state.tr, 0xffff, present | systemType.tss32Busy);
  for (const register of state.dr) register.setWords(0, 0);
  state.dr[6]?.setWords(0xffff0ff0, 0);
  state.dr[7]?.setWords(0x400, 0);
}

/** Execution begins in real mode at a page below 1 MiB. */
export function startUp(cpu: X86Cpu, page: number): void {
  const { state } = cpu;
  state.setSegment(segment.cs, page << 8, page << 12, 0xffff, codeAttributes);
  state.rip = 0n;
  state.nextRip = 0n;
  cpu.stop = undefined;
  refreshMode(state);
}

function setSystemSegment(register: SystemSegment, limit: number, attributes: number): void {
  Object.assign(register, { selector: 0, base: 0, limit, attributes });
}

function resetFloatingPoint({ state }: X86Cpu): void {
  state.view.setUint16(layout.x87Control, 0x40, true);
  state.view.setUint16(layout.x87Tag, 0xff, true);
  writeSseConstants(state.i32);
  setMxcsr(state.i32, mxcsr.initial);
}

const descriptor = new Descriptor();

/**
 * Enters as a boot loader leaves: flat segments from its GDT, interrupts off, and for `long64` its page tables.
 * Throws RangeError when the entry's table or selectors do not describe what its mode needs.
 */
export function enterDirect(cpu: X86Cpu, entry: DirectEntry): void {
  resetState(cpu);
  const { state } = cpu;
  Object.assign(state.gdtr, entry.gdt);
  Object.assign(state.idtr, { base: 0, limit: 0 });
  state.cr0 = cr0.PE | cr0.ET;
  loadFlat(cpu, segment.cs, entry.codeSelector);
  for (const number of [segment.es, segment.ss, segment.ds, segment.fs, segment.gs])
    loadFlat(cpu, number, entry.dataSelector);
  state.tr.limit = 0x67;
  state.ldtr.attributes = 0;
  if (entry.mode === 'long64') enableLongMode(cpu, entry.pageTableRoot);
  for (const [name, value] of Object.entries(entry.registers)) {
    state.setGpr(gprNumber[name as keyof typeof gprNumber], BigInt.asUintN(64, BigInt(value)));
  }
  refreshMode(state);
  state.rip = BigInt(entry.instructionPointer);
  state.nextRip = state.rip;
}

function enableLongMode(cpu: X86Cpu, root: number | undefined): void {
  if (root === undefined) throw new RangeError('Cannot enter in 64-bit mode: the entry names no page tables');
  const { state } = cpu;
  state.cr3.value = BigInt(root);
  state.cr4 = cr4.PAE;
  state.efer = efer.LME | efer.LMA;
  state.cr0 |= cr0.PG;
  cpu.flushTlb();
}

function loadFlat(cpu: X86Cpu, number: number, selector: number): void {
  if (!readDescriptor(cpu, selector, descriptor) || descriptor.isSystem || !descriptor.isPresent) {
    throw new RangeError(
      `Cannot enter directly: selector 0x${selector.toString(16)} names no present segment of its table`,
    );
  }
  cpu.state.setSegment(number, selector, descriptor.base, descriptor.limit, descriptor.attributes | 1);
}
