/** Loading segment registers: MOV, POP and far-pointer loads (SDM 2B, "MOV"; SDM 3A, 5.4-5.7). */
import { attention, segment } from '../layout.ts';
import { Descriptor, isNullSelector, markAccessed, readDescriptor, rpl } from './descriptor.ts';
import { vector } from './guest-fault.ts';
import { isCode64, isProtected, isRealOrVirtual, refreshDataSegment, refreshMode } from './mode.ts';
import { attributesOf, baseOf, descriptorAt, isUsualData, levelOf, limitOf } from './quick-access.ts';
import { attribute } from './registers.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';

const target = new Descriptor();

/** Data, present, DPL 3, writable, accessed: every segment of virtual-8086 mode. */
export const virtual8086Attributes = 0xf3;
const realAttributes = 0x93;

/** MOV and POP to ES, SS, DS, FS or GS; throws GuestFault. SS also holds interrupts off for one instruction. */
export function loadSegment(cpu: X86Cpu, number: number, selector: number): void {
  loadSegmentOfPointer(cpu, number, selector);
  if (number !== segment.ss) return;
  cpu.state.raiseAttention(attention.shadow);
  cpu.stepTrap = 'none'; // SDM 3A, 6.8.3
}

/** LES, LSS and their kin: the pointer is loaded as a whole, and nothing is held off. */
export function loadSegmentOfPointer(cpu: X86Cpu, number: number, selector: number): void {
  const { state } = cpu;
  if (number === segment.cs) cpu.raise(vector.invalidOpcode);
  const sel = selector & 0xffff;
  if (number !== segment.ss && loadUsualData(cpu, number, sel)) return;
  if (isRealOrVirtual(state)) loadRealSegment(state, number, sel);
  else if (number === segment.ss) loadStackSegment(cpu, sel);
  else loadDataSegment(cpu, number, sel, vector.generalProtection);
  if (number < segment.fs) refreshMode(state);
}

/** Loads the usual data segment at once (getpid row of the bench, 32 bits); false: nothing was done. */
function loadUsualData(cpu: X86Cpu, number: number, selector: number): boolean {
  const { state } = cpu;
  if (isRealOrVirtual(state)) return false;
  const at = descriptorAt(cpu, selector);
  if (at < 0) return false;
  const lo = state.i32[at] ?? 0;
  const hi = state.i32[at + 1] ?? 0;
  const level = levelOf(hi);
  if (!isUsualData(hi) || rpl(selector) > level || state.cpl > level) return false;
  state.setSegment(number, selector, baseOf(lo, hi), limitOf(lo, hi), attributesOf(hi));
  if (number < segment.fs) refreshDataSegment(state, number);
  return true;
}

/** Real mode keeps limit and attributes; virtual-8086 mode sets them. */
export function loadRealSegment(state: X86State, number: number, selector: number): void {
  const isVirtual = isProtected(state);
  const cached = state.segmentAttributes(number);
  const isUnusable = (cached & attribute.unusable) !== 0;
  const limit = isVirtual || isUnusable ? 0xffff : state.segmentLimit(number);
  const attributes = isVirtual ? virtual8086Attributes : isUnusable ? realAttributes : cached;
  state.setSegment(number, selector, selector * 16, limit, attributes);
}

function loadStackSegment(cpu: X86Cpu, selector: number): void {
  const { state } = cpu;
  const { cpl } = state;
  if (isNullSelector(selector)) {
    if (!isCode64(state) || cpl === 3 || rpl(selector) !== cpl) cpu.raise(vector.generalProtection, 0);
    setNullStack(state, selector, cpl);
    return;
  }
  readStackDescriptor(cpu, selector, cpl, target, vector.generalProtection);
  setFromDescriptor(cpu, segment.ss, selector, target);
}

/** A null SS of 64-bit mode keeps CPL as its DPL. */
export function setNullStack(state: X86State, selector: number, cpl: number): void {
  state.setSegment(segment.ss, selector, 0, 0, attribute.unusable | attribute.big | (cpl << attribute.dplShift));
}

/** Reads and checks a stack segment for a privilege level: violations raise `violation`, an absent one #SS. */
export function readStackDescriptor(
  cpu: X86Cpu,
  selector: number,
  cpl: number,
  into: Descriptor,
  violation: number,
): void {
  const code = selector & 0xfffc;
  if (!readDescriptor(cpu, selector, into)) cpu.raise(violation, code);
  if (rpl(selector) !== cpl || !into.isWritableData || into.dpl !== cpl) cpu.raise(violation, code);
  if (!into.isPresent) cpu.raise(vector.stackFault, code);
}

/** ES, DS, FS or GS; violations raise `violation`, an absent segment #NP. */
export function loadDataSegment(cpu: X86Cpu, number: number, selector: number, violation: number): void {
  const { state } = cpu;
  if (isNullSelector(selector)) {
    state.setNullSegment(number, selector);
    return;
  }
  const code = selector & 0xfffc;
  if (!readDescriptor(cpu, selector, target)) cpu.raise(violation, code);
  const isReadable = !target.isSystem && (!target.isCode || target.isReadableCode);
  const needsPrivilege = !(target.isCode && target.isConforming);
  if (!isReadable || (needsPrivilege && Math.max(rpl(selector), state.cpl) > target.dpl)) {
    cpu.raise(violation, code);
  }
  if (!target.isPresent) cpu.raise(vector.segmentNotPresent, code);
  setFromDescriptor(cpu, number, selector, target);
}

/** Sets the accessed bit and fills a segment register. */
export function setFromDescriptor(cpu: X86Cpu, number: number, selector: number, descriptor: Descriptor): void {
  markAccessed(cpu, descriptor);
  cpu.state.setSegment(number, selector, descriptor.base, descriptor.limit, descriptor.attributes);
}

const dataSegments = [segment.es, segment.ds, segment.fs, segment.gs] as const;

/** After a return to an outer level: data segments that it may not use become null (SDM 2B, "RET"). */
export function dropPrivilegedSegments(state: X86State, cpl: number): void {
  for (const number of dataSegments) {
    const attributes = state.segmentAttributes(number);
    const isConforming =
      (attributes & (attribute.code | attribute.conforming)) === (attribute.code | attribute.conforming);
    const dpl = (attributes & attribute.dpl) >> attribute.dplShift;
    if (!(attributes & attribute.unusable) && !isConforming && dpl < cpl) state.setNullSegment(number, 0);
  }
}
