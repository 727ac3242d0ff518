/** Segment and gate descriptors (SDM 3A, 3.4.5 and 5.8.3) and the tables that hold them. */
import { readLinear32, writeLinear32 } from './linear-access.ts';
import { bank } from './mode.ts';
import { attribute } from './registers.ts';
import { addressFromWords } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';

const attributeMask = 0xf0ff;

export const isNullSelector = (selector: number): boolean => (selector & 0xfffc) === 0;
export const rpl = (selector: number): number => selector & 3;

/** One descriptor as read from its table; instances are reused. */
export class Descriptor {
  lo = 0;
  hi = 0;
  /** Bits 64-95 of the 16-byte forms: upper half of a base or an offset. */
  upper = 0;
  /** Where it was read. */
  at = 0;

  get base(): number {
    return ((this.lo >>> 16) | ((this.hi & 0xff) << 16) | (this.hi & 0xff000000)) >>> 0;
  }

  /** Base of a 16-byte system descriptor. */
  get base64(): number {
    return addressFromWords(this.base, this.upper);
  }

  /** In bytes, granularity applied. */
  get limit(): number {
    const raw = (this.lo & 0xffff) | (this.hi & 0xf0000);
    return this.hi & (1 << 23) ? ((raw << 12) | 0xfff) >>> 0 : raw;
  }

  get attributes(): number {
    return (this.hi >>> 8) & attributeMask;
  }

  get type(): number {
    return (this.hi >>> 8) & 15;
  }

  get dpl(): number {
    return (this.hi >>> 13) & 3;
  }

  get isPresent(): boolean {
    return (this.attributes & attribute.present) !== 0;
  }

  get isSystem(): boolean {
    return (this.attributes & attribute.ordinary) === 0;
  }

  get isCode(): boolean {
    return !this.isSystem && (this.attributes & attribute.code) !== 0;
  }

  get isConforming(): boolean {
    return (this.attributes & attribute.conforming) !== 0;
  }

  get isReadableCode(): boolean {
    return this.isCode && (this.attributes & attribute.readable) !== 0;
  }

  get isWritableData(): boolean {
    return !this.isSystem && !this.isCode && (this.attributes & attribute.writable) !== 0;
  }

  /** Target selector of a gate. */
  get gateSelector(): number {
    return this.lo >>> 16;
  }

  /** Low 32 bits of a gate's target offset (of the 32- and 64-bit forms). */
  get gateOffset(): number {
    return ((this.hi & 0xffff0000) | (this.lo & 0xffff)) >>> 0;
  }
}

/** Reads the descriptor that a selector names; false: beyond its table's limit, or in an LDT that is not loaded. */
export function readDescriptor(cpu: X86Cpu, selector: number, into: Descriptor): boolean {
  const at = descriptorAddress(cpu, selector, 8);
  if (at === undefined) return false;
  into.at = at;
  into.lo = readLinear32(cpu, at, bank.supervisor);
  into.hi = readLinear32(cpu, at + 4, bank.supervisor);
  into.upper = 0;
  return true;
}

/** Reads the second half of a 16-byte descriptor; false: beyond the limit, or its type field is not zero. */
export function readUpperDescriptor(cpu: X86Cpu, selector: number, into: Descriptor): boolean {
  if (descriptorAddress(cpu, selector, 16) === undefined) return false;
  into.upper = readLinear32(cpu, into.at + 8, bank.supervisor) | 0;
  return (readLinear32(cpu, into.at + 12, bank.supervisor) & 0x1f00) === 0;
}

function descriptorAddress(cpu: X86Cpu, selector: number, bytes: number): number | undefined {
  const { gdtr, ldtr } = cpu.state;
  const inLdt = (selector & 4) !== 0;
  if (inLdt && !(ldtr.attributes & attribute.present)) return undefined;
  const table = inLdt ? ldtr : gdtr;
  const offset = selector & 0xfff8;
  return offset + bytes - 1 <= table.limit ? table.base + offset : undefined;
}

/** Sets the accessed bit of a code or data descriptor in its table, when it is clear. */
export function markAccessed(cpu: X86Cpu, descriptor: Descriptor): void {
  if (descriptor.hi & (attribute.accessed << 8)) return;
  descriptor.hi |= attribute.accessed << 8;
  writeLinear32(cpu, descriptor.at + 4, descriptor.hi, bank.supervisor);
}
