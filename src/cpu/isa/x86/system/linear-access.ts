/**
 * Linear-memory accesses of helpers. Addresses are numbers as in words.ts; `bankNumber` says with which rights:
 * `currentBank` for the program's own accesses, `bank.supervisor` for the implicit ones to descriptor tables and
 * task-state segments (SDM 3A, 4.6). All throw GuestFault.
 */
import { tlb } from '../layout.ts';
import { refused, vector } from './guest-fault.ts';
import { currentBank, failsAlignment, isLongMode, pagingBank } from './mode.ts';
import { access } from './page-walk.ts';
import { addressFromWords, highWord, isCanonical } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';

const scratch = new DataView(new ArrayBuffer(8));

/** Linear-memory offset where `size` bytes lie that the TLB allows to access, or -1. */
function probe(cpu: X86Cpu, address: number, size: number, bankNumber: number, tag: number): number {
  const lo = address | 0;
  if ((lo & 0xfff) + size > 0x1000) return -1;
  return cpu.mmu.tlb.probe(bankNumber, lo, addressHigh(cpu, address), tag);
}

const addressHigh = (cpu: X86Cpu, address: number): number => (isLongMode(cpu.state) ? highWord(address) : 0);

export function readLinear8(cpu: X86Cpu, address: number, bankNumber: number): number {
  const at = probe(cpu, address, 1, bankNumber, tlb.readTag);
  if (at >= 0) return cpu.state.u8[at] ?? 0;
  translate(cpu, address, bankNumber, access.read);
  examine(cpu, address, 1, bankNumber, access.read);
  return readByte(cpu, address, bankNumber);
}

export function readLinear16(cpu: X86Cpu, address: number, bankNumber: number): number {
  const at = probe(cpu, address, 2, bankNumber, tlb.readTag);
  if (at >= 0) return cpu.state.view.getUint16(at, true);
  readSlow(cpu, address, 2, bankNumber);
  return scratch.getUint16(0, true);
}

/** Unsigned. */
export function readLinear32(cpu: X86Cpu, address: number, bankNumber: number): number {
  const at = probe(cpu, address, 4, bankNumber, tlb.readTag);
  if (at >= 0) return cpu.state.view.getUint32(at, true);
  readSlow(cpu, address, 4, bankNumber);
  return scratch.getUint32(0, true);
}

export function readLinear64(cpu: X86Cpu, address: number, bankNumber: number): bigint {
  const at = probe(cpu, address, 8, bankNumber, tlb.readTag);
  if (at >= 0) return cpu.state.view.getBigUint64(at, true);
  readSlow(cpu, address, 8, bankNumber);
  return scratch.getBigUint64(0, true);
}

/** Eight bytes as an address. */
export function readLinearAddress(cpu: X86Cpu, address: number, bankNumber: number): number {
  const lo = readLinear32(cpu, address, bankNumber);
  return addressFromWords(lo, readLinear32(cpu, address + 4, bankNumber));
}

export function writeLinear8(cpu: X86Cpu, address: number, value: number, bankNumber: number): void {
  scratch.setUint8(0, value);
  writeScratch(cpu, address, 1, bankNumber);
}

export function writeLinear16(cpu: X86Cpu, address: number, value: number, bankNumber: number): void {
  const at = probe(cpu, address, 2, bankNumber, tlb.writeTag);
  if (at >= 0) {
    cpu.state.view.setUint16(at, value, true);
    return;
  }
  scratch.setUint16(0, value, true);
  writeScratch(cpu, address, 2, bankNumber);
}

export function writeLinear32(cpu: X86Cpu, address: number, value: number, bankNumber: number): void {
  const at = probe(cpu, address, 4, bankNumber, tlb.writeTag);
  if (at >= 0) {
    cpu.state.view.setInt32(at, value, true);
    return;
  }
  scratch.setInt32(0, value, true);
  writeScratch(cpu, address, 4, bankNumber);
}

/** Eight bytes, written only when all of them can be. */
export function writeLinearWords(cpu: X86Cpu, address: number, lo: number, hi: number, bankNumber: number): void {
  const at = probe(cpu, address, 8, bankNumber, tlb.writeTag);
  if (at >= 0) {
    cpu.state.view.setInt32(at, lo, true);
    cpu.state.view.setInt32(at + 4, hi, true);
    return;
  }
  scratch.setInt32(0, lo, true);
  scratch.setInt32(4, hi, true);
  writeScratch(cpu, address, 8, bankNumber);
}

export function writeLinear64(cpu: X86Cpu, address: number, value: bigint, bankNumber: number): void {
  const lo = Number(value & 0xffffffffn);
  writeLinearWords(cpu, address, lo | 0, Number((value >> 32n) & 0xffffffffn) | 0, bankNumber);
}

/** Raises what a write of these bytes would raise. */
export function checkWritable(cpu: X86Cpu, address: number, size: number, bankNumber: number): void {
  translate(cpu, address, bankNumber, access.write);
  if ((address & 0xfff) + size > 0x1000) translate(cpu, address - (address & 0xfff) + 0x1000, bankNumber, access.write);
  examine(cpu, address, size, bankNumber, access.write);
}

/** Raises #AC where alignment is checked and the address is not a multiple of `alignment`, a power of 2. */
export function requireAlignment(
  cpu: X86Cpu,
  address: number,
  alignment: number,
  bankNumber = currentBank(cpu.state),
): void {
  if (failsAlignment(bankNumber, address, alignment)) cpu.raise(vector.alignmentCheck, 0);
}

/** What is left to check of an access whose pages allow it. */
function examine(cpu: X86Cpu, address: number, size: number, bankNumber: number, kind: number): void {
  requireAlignment(cpu, address, size, bankNumber);
  const isRefused = cpu.breakpoints.refuses(address | 0, addressHigh(cpu, address), size, kind === access.write);
  if (isRefused) cpu.raise(refused);
}

function translate(cpu: X86Cpu, address: number, bankNumber: number, kind: number): void {
  if (!isCanonical(address)) {
    cpu.raise(cpu.addressesThroughStack() ? vector.stackFault : vector.generalProtection, 0);
  }
  const lo = address | 0;
  const hi = addressHigh(cpu, address);
  if (cpu.mmu.translate(lo, hi, pagingBank(bankNumber), kind)) return;
  cpu.setPageFaultAddress(lo, hi);
  cpu.raise(vector.pageFault, cpu.mmu.walker.errorCode);
}

function readByte(cpu: X86Cpu, address: number, bankNumber: number): number {
  translate(cpu, address, bankNumber, access.read);
  const { ramAddress, physical } = cpu.mmu;
  return ramAddress >= 0 ? (cpu.state.u8[ramAddress] ?? 0) : cpu.bus.readMmio(physical, 1) & 0xff;
}

/** Within a page as one access, so that a device sees its width; across pages by bytes. */
function readSlow(cpu: X86Cpu, address: number, size: 2 | 4 | 8, bankNumber: number): void {
  if ((address & 0xfff) + size > 0x1000) {
    examine(cpu, address, size, bankNumber, access.read);
    for (let i = 0; i < size; i++) scratch.setUint8(i, readByte(cpu, address + i, bankNumber));
    return;
  }
  translate(cpu, address, bankNumber, access.read);
  examine(cpu, address, size, bankNumber, access.read);
  const { ramAddress, physical } = cpu.mmu;
  if (ramAddress >= 0) {
    for (let i = 0; i < size; i++) scratch.setUint8(i, cpu.state.u8[ramAddress + i] ?? 0);
  } else if (size === 2) {
    scratch.setUint16(0, cpu.bus.readMmio(physical, 2), true);
  } else {
    for (let i = 0; i < size; i += 4) scratch.setUint32(i, cpu.bus.readMmio(physical + i, 4), true);
  }
}

function writeScratch(cpu: X86Cpu, address: number, size: 1 | 2 | 4 | 8, bankNumber: number): void {
  if ((address & 0xfff) + size > 0x1000) {
    checkWritable(cpu, address, size, bankNumber);
    for (let i = 0; i < size; i++) writeByte(cpu, address + i, scratch.getUint8(i), bankNumber);
    return;
  }
  translate(cpu, address, bankNumber, access.write);
  examine(cpu, address, size, bankNumber, access.write);
  const { mmu } = cpu;
  if (mmu.ramAddress >= 0) {
    mmu.noteWrite(mmu.ramAddress, size);
    for (let i = 0; i < size; i++) cpu.state.u8[mmu.ramAddress + i] = scratch.getUint8(i);
  } else if (size < 4) {
    cpu.bus.writeMmio(mmu.physical, size as 1 | 2, size === 1 ? scratch.getUint8(0) : scratch.getUint16(0, true));
  } else {
    for (let i = 0; i < size; i += 4) cpu.bus.writeMmio(mmu.physical + i, 4, scratch.getUint32(i, true));
  }
}

function writeByte(cpu: X86Cpu, address: number, value: number, bankNumber: number): void {
  translate(cpu, address, bankNumber, access.write);
  const { mmu } = cpu;
  if (mmu.ramAddress >= 0) {
    mmu.noteWrite(mmu.ramAddress, 1);
    cpu.state.u8[mmu.ramAddress] = value;
  } else {
    cpu.bus.writeMmio(mmu.physical, 1, value);
  }
}
