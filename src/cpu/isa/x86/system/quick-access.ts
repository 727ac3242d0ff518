/**
 * Aligned words of linear memory that the TLB allows to access as it stands: what the quick ways of events and returns are
 * made of (quick-long.ts, quick-protected.ts). Whatever is not so simple is -1, and left to the thorough way.
 */
import { tlb } from '../layout.ts';
import type { CpuEvent } from './event-delivery.ts';
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

/** Index of an event's gate, of so many bytes, when that is usual and the event may use it; -1: not so simple. */
export function usualGateAt(cpu: X86Cpu, event: CpuEvent, bytes: number): number {
  const { idtr, i32, cpl } = cpu.state;
  const offset = event.vector * bytes;
  if (offset + bytes - 1 > idtr.limit) return -1;
  const gate = tableWordsAt(cpu, idtr.base + offset, bytes);
  if (gate < 0) return -1;
  const high = i32[gate + 1] ?? 0;
  const isAllowed = !event.isSoftware || levelOf(high) >= cpl;
  return isUsualGate(high) && isAllowed ? gate : -1;
}

/** Bits of a descriptor's upper word (SDM 3A, figure 3-8). */
const accessed = 1 << 8;
const writable = 1 << 9;
/** Conforming code, expand-down data. */
const directed = 1 << 10;
const code = 1 << 11;
const ordinary = 1 << 12;
const present = 1 << 15;
const granular = 1 << 23;
/** Default sizes of code; a stack of 32 bits has `big`. */
export const codeSize = { long: 1 << 21, big: 1 << 22 } as const;

const bothSizes = codeSize.long | codeSize.big;
const usual = present | ordinary | accessed;
export const baseOf = (lo: number, hi: number): number => ((lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000)) >>> 0;
const hasBase = (lo: number, hi: number): boolean => ((lo >>> 16) | (hi & 0xff0000ff)) !== 0;

/** Whether this is code of a size (`codeSize`) with base 0 that does not conform, marked as accessed. */
export const isUsualCode = (lo: number, hi: number, size: number): boolean =>
  (hi & (usual | code | directed | bothSizes)) === (usual | code | size) && !hasBase(lo, hi);

/** The same of data that may be written, with base 0, growing upwards, of 32 bits as a stack. */
export const isUsualStack = (lo: number, hi: number): boolean =>
  (hi & (usual | code | directed | writable | codeSize.big)) === (usual | writable | codeSize.big) && !hasBase(lo, hi);

/** The same of data, with any base and limit. */
export const isUsualData = (hi: number): boolean => (hi & (usual | code)) === usual;

export const levelOf = (descriptorHigh: number): number => (descriptorHigh >>> 13) & 3;
export const attributesOf = (descriptorHigh: number): number => (descriptorHigh >>> 8) & 0xf0ff;

/** As an i32. */
export function limitOf(lo: number, hi: number): number {
  const raw = (lo & 0xffff) | (hi & 0xf0000);
  return hi & granular ? (raw << 12) | 0xfff : raw;
}

/** Upper word of a present gate of 32 bits, or 64 in IA-32e mode, for interrupts or traps. */
const isUsualGate = (hi: number): boolean => (hi & 0x9e00) === 0x8e00;
export const isInterruptGate = (hi: number): boolean => (hi & 0x100) === 0;
