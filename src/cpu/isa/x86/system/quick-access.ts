/**
 * Aligned words of linear memory that the TLB allows to access as it stands: what the quick ways of events and returns are
 * made of (quick-long.ts, quick-protected.ts). Whatever is not so simple is -1, and left to the thorough way.
 */
import { tlb } from '../layout.ts';
import { bank, isLongMode } from './mode.ts';
import { highWord } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** Index in `state.i32` of `bytes` bytes that may be read, or with `tlb.writeTag` written; -1: not at once. */
export function wordsAt(cpu: X86Cpu, lo: number, hi: number, bytes: number, bankNumber: number, tag: number): number {
  if (lo & 3 || (lo & 0xfff) + bytes > 0x1000) return -1;
  const at = cpu.mmu.tlb.probe(bankNumber, lo, hi, tag);
  return at < 0 ? -1 : at >>> 2;
}

/** The same for a part of a table that the processor reads: its address is as in words.ts. */
export function tableWordsAt(cpu: X86Cpu, address: number, bytes: number): number {
  const high = isLongMode(cpu.state) ? highWord(address) : 0;
  return wordsAt(cpu, address | 0, high, bytes, bank.supervisor, tlb.readTag);
}

/** Index in `state.i32` of a descriptor of the GDT; -1: not at once, in another table, or none. */
export function descriptorAt(cpu: X86Cpu, selector: number): number {
  const { base, limit } = cpu.state.gdtr;
  const offset = selector & 0xfff8;
  if (selector & 4 || offset === 0 || offset + 7 > limit) return -1;
  return tableWordsAt(cpu, base + offset, 8);
}

/** Bits of a descriptor's upper word (SDM 3A, figure 3-8). */
export const descriptorBit = {
  accessed: 1 << 8,
  writable: 1 << 9,
  /** Of code. */
  conforming: 1 << 10,
  /** Of data. */
  expandDown: 1 << 10,
  code: 1 << 11,
  ordinary: 1 << 12,
  present: 1 << 15,
  long: 1 << 21,
  big: 1 << 22,
  granular: 1 << 23,
} as const;

export const levelOf = (descriptorHigh: number): number => (descriptorHigh >>> 13) & 3;
export const attributesOf = (descriptorHigh: number): number => (descriptorHigh >>> 8) & 0xf0ff;

export function limitOf(lo: number, hi: number): number {
  const raw = (lo & 0xffff) | (hi & 0xf0000);
  return hi & descriptorBit.granular ? (raw << 12) | 0xfff : raw;
}

/** Bits of the two words that hold the base. */
export const hasBase = (lo: number, hi: number): boolean => ((lo >>> 16) | (hi & 0xff0000ff)) !== 0;
