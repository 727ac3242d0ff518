/** Loading CS: the checks and the effects that far transfers share. */
import { segment } from '../layout.ts';
import { type Descriptor, markAccessed, readDescriptor } from './descriptor.ts';
import { vector } from './guest-fault.ts';
import { isLongMode, isProtected } from './mode.ts';
import { attribute } from './registers.ts';
import { virtual8086Attributes } from './segment-load.ts';
import { addressFromWords, isCanonical } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';

/** CS in real mode, where limit and attributes stay, and in virtual-8086 mode, where they are fixed. */
export function loadCodeReal(state: X86State, selector: number): void {
  const isVirtual = isProtected(state);
  const limit = isVirtual ? 0xffff : state.segmentLimit(segment.cs);
  const attributes = isVirtual ? virtual8086Attributes : state.segmentAttributes(segment.cs);
  state.setSegment(segment.cs, selector, selector * 16, limit, attributes);
}

/** Reads the descriptor of a far target; raises #GP(selector) unless it is code. */
export function readCodeDescriptor(cpu: X86Cpu, selector: number, into: Descriptor): void {
  if (!readDescriptor(cpu, selector, into) || !into.isCode) cpu.raise(vector.generalProtection, selector & 0xfffc);
}

/** Presence, and in IA-32e mode not both L and D. */
export function checkCodeUsable(cpu: X86Cpu, selector: number, descriptor: Descriptor): void {
  const both = attribute.long | attribute.big;
  if (isLongMode(cpu.state) && (descriptor.attributes & both) === both)
    cpu.raise(vector.generalProtection, selector & 0xfffc);
  if (!descriptor.isPresent) cpu.raise(vector.segmentNotPresent, selector & 0xfffc);
}

export const is64BitCode = (state: X86State, descriptor: Descriptor): boolean =>
  isLongMode(state) && (descriptor.attributes & attribute.long) !== 0;

/** Raises #GP(0) when execution cannot go on at this offset of the segment. */
export function checkTarget(cpu: X86Cpu, descriptor: Descriptor, lo: number, hi: number): void {
  const isValid = is64BitCode(cpu.state, descriptor)
    ? isCanonical(addressFromWords(lo, hi))
    : hi === 0 && lo >>> 0 <= descriptor.limit;
  if (!isValid) cpu.raise(vector.generalProtection, 0);
}

/** Fills CS; the selector's RPL becomes `cpl`. The caller sets CPL and calls `refreshMode`. */
export function setCode(cpu: X86Cpu, selector: number, cpl: number, descriptor: Descriptor): void {
  markAccessed(cpu, descriptor);
  cpu.state.setSegment(segment.cs, (selector & 0xfffc) | cpl, descriptor.base, descriptor.limit, descriptor.attributes);
}
