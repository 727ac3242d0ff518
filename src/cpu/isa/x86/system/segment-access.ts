import { layout, segment } from '../layout.ts';
import { vector } from './guest-fault.ts';
import { isRealOrVirtual } from './mode.ts';
import { attribute } from './registers.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** See X86Cpu.segmentAddress; the checks of SDM 3A, 5.3 and 5.5, and 20.1.1 in real mode. */
export function segmentAddress(cpu: X86Cpu, packed: number, offset: number): number {
  const { state } = cpu;
  const number = packed & 0xff;
  const size = packed >>> 16;
  const attributes = state.segmentAttributes(number);
  const start = offset >>> 0;
  const isRead = ((packed >>> 8) & 3) === 0;
  const isAllowed =
    isWithin(start, size, state.segmentLimit(number), attributes) &&
    (hasRights(attributes, isRead) || isRealOrVirtual(state));
  if (isAllowed) return (state.word(layout.segmentBase + 8 * number) + start) | 0;
  cpu.recordFault(number === segment.ss ? vector.stackFault : vector.generalProtection, 0);
  return 0;
}

/** Accesses that wrap in a segment of 4 GiB are up to the processor (SDM 3A, 5.3): they pass, as on Intel's. */
const wholeLimit = 0xffffffff;

function isWithin(start: number, size: number, limit: number, attributes: number): boolean {
  const last = start + size - 1;
  if ((attributes & (attribute.code | attribute.expandDown)) !== attribute.expandDown) {
    return last <= limit || limit === wholeLimit;
  }
  return start > limit && last <= (attributes & attribute.big ? 0xffffffff : 0xffff);
}

function hasRights(attributes: number, isRead: boolean): boolean {
  if (attributes & attribute.unusable) return false;
  if (attributes & attribute.code) return isRead && (attributes & attribute.readable) !== 0;
  return isRead || (attributes & attribute.writable) !== 0;
}

/** As `segmentAddress`, for helpers: unsigned, throws GuestFault. */
export function requireSegmentAddress(cpu: X86Cpu, packed: number, offset: number): number {
  const address = segmentAddress(cpu, packed, offset);
  if (cpu.state.word(layout.faulted) === 0) return address >>> 0;
  cpu.state.setWord(layout.faulted, 0);
  return cpu.raise(cpu.pendingVector, cpu.pendingErrorCode);
}
