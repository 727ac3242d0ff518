/** Guest page tables (SDM 3A, chapter 4): 32-bit, PAE and 4-level paging. Numbers only, nothing is allocated. */
import type { CodeTracker, CpuBus, RamMap } from './contract.ts';
import { bank, isLongMode, isUserBank } from './mode.ts';
import { cr0, cr4, efer } from './registers.ts';
import { StructureCache } from './structure-cache.ts';
import type { X86State } from './x86-state.ts';

/** Kinds of access, as page-fault error codes spell them. */
export const access = { read: 0, write: 2, execute: 16 } as const;

const entry = { present: 1, writable: 2, user: 4, accessed: 0x20, dirty: 0x40, large: 0x80, global: 0x100 } as const;
const pageFaultCode = { present: 1, user: 4, reserved: 8, execute: 16 } as const;

/** Bits 40-51 of an entry, in its upper word: above the physical address width. */
const reservedHigh = 0x000fff00;
/** PAE paging also reserves bits 52-62. */
const reservedHighPae = 0x7fffff00;
const noExecuteHigh = 1 << 31;
const addressHigh = 0xff;
/** What 32-bit entries say about rights; they cannot forbid execution. */
const rights32 = entry.writable | entry.user;
const twoTo32 = 0x1_0000_0000;
const addressBit20 = 1 << 20;

/** The result of a walk is left in the fields. */
export class PageWalker {
  readonly #state: X86State;
  readonly #ram: RamMap;
  readonly #bus: CpuBus;
  readonly #code: CodeTracker;

  /** Guest-physical address of the 4 KiB page. */
  physical = 0;
  #rights = 0;
  #noExecute = false;
  isDirty = false;
  isGlobal = false;
  /** log2 of the size of the page that maps the address. */
  shift = 12;
  /** Of the page fault, when `walk` returned false. */
  errorCode = 0;

  readonly #cache = new StructureCache();
  #entryLo = 0;
  #entryHi = 0;
  #entryRam = -1;

  /** Bits that are zero in every physical address: bit 20 while A20M# is asserted. */
  #masked = 0;

  constructor(state: X86State, ram: RamMap, bus: CpuBus, code: CodeTracker) {
    this.#state = state;
    this.#ram = ram;
    this.#bus = bus;
    this.#code = code;
  }

  /** Forgets what it knows of upper tables; part of every invalidation. */
  forget(): void {
    this.#cache.clear();
  }

  /** Translations from before are to be forgotten. */
  setA20(enabled: boolean): void {
    this.#masked = enabled ? 0 : addressBit20;
  }

  /** The address that the memory bus sees (SDM 3A, 9.7.13.4). */
  mask(physical: number): number {
    return physical - (physical & this.#masked);
  }

  /** Translates a canonical address for this access and sets accessed and dirty bits; false: page fault. */
  walk(lo: number, hi: number, bankNumber: number, kind: number): boolean {
    const state = this.#state;
    if (!(state.cr0 & cr0.PG)) return this.#identity(lo);
    if (isLongMode(state)) return this.#walk64(this.#tableRoot(), lo, hi, 39, bankNumber, kind);
    if (state.cr4 & cr4.PAE) return this.#walkPae(lo, bankNumber, kind);
    return this.#walk32(lo, bankNumber, kind);
  }

  /** Whether the page found last allows this access from this bank (SDM 3A, 4.6.1). */
  permits(bankNumber: number, kind: number): boolean {
    const isUserPage = (this.#rights & entry.user) !== 0;
    const state = this.#state;
    if (kind === access.execute) {
      if (this.#noExecute) return false;
      return isUserBank(bankNumber) ? isUserPage : !(isUserPage && state.cr4 & cr4.SMEP);
    }
    const isWritable = (this.#rights & entry.writable) !== 0;
    if (isUserBank(bankNumber)) return isUserPage && (kind === access.read || isWritable);
    if (isUserPage && bankNumber === bank.supervisor && state.cr4 & cr4.SMAP) return false;
    return kind === access.read || isWritable || !(state.cr0 & cr0.WP);
  }

  #identity(lo: number): boolean {
    this.physical = (lo & ~(0xfff | this.#masked)) >>> 0;
    this.#rights = entry.writable | entry.user;
    this.#noExecute = false;
    this.isDirty = true;
    this.isGlobal = false;
    this.shift = 12;
    return true;
  }

  #tableRoot(): number {
    const { lo, hi } = this.#state.cr3;
    return (hi & addressHigh) * twoTo32 + ((lo & ~0xfff) >>> 0);
  }

  #walkPae(lo: number, bankNumber: number, kind: number): boolean {
    const pdptes = this.#state.pdptes;
    const index = (lo >>> 30) * 2;
    const entryLo = pdptes[index] ?? 0;
    if (!(entryLo & entry.present)) return this.#fail(0, bankNumber, kind);
    const table = ((pdptes[index + 1] ?? 0) & addressHigh) * twoTo32 + ((entryLo & ~0xfff) >>> 0);
    return this.#walk64(table, lo, 0, 21, bankNumber, kind);
  }

  /** Walks tables of 64-bit entries; `firstShift` is the lowest address bit that the first table's index takes. */
  #walk64(root: number, lo: number, hi: number, firstShift: number, bankNumber: number, kind: number): boolean {
    const slot = this.#cache.find(lo, hi);
    const reserved =
      (firstShift === 21 ? reservedHighPae : reservedHigh) | (this.#state.efer & efer.NXE ? 0 : noExecuteHigh);
    if (slot >= 0) {
      const { table, rights } = this.#cache;
      if (this.#lastLevel(table[slot] ?? 0, rights[slot] ?? 0, reserved, lo, bankNumber, kind)) return true;
      this.#cache.drop(slot); // Upper entries may grant more by now, which needs no invalidation by the program.
    }
    let rights = entry.writable | entry.user;
    let table = root;
    for (let shift = firstShift; shift !== 12; shift -= 9) {
      const at = table + 8 * tableIndex(shift, lo, hi);
      this.#read64(at);
      const entryLo = this.#entryLo;
      const entryHi = this.#entryHi;
      if (!(entryLo & entry.present)) return this.#fail(0, bankNumber, kind);
      if (entryHi & reserved || entryLo & reservedLow(shift, entryLo)) return this.#failReserved(bankNumber, kind);
      rights = (rights & (entryLo | noExecuteHigh)) | (entryHi & noExecuteHigh);
      table = entryAddress(entryLo, entryHi);
      if (entryLo & entry.large) return this.#finish(rights, shift, table, lo, bankNumber, kind);
      if (!(entryLo & entry.accessed)) this.#writeEntry(at, entryLo | entry.accessed);
    }
    this.#cache.add(lo, hi, table, rights);
    return this.#lastLevel(table, rights, reserved, lo, bankNumber, kind);
  }

  #lastLevel(table: number, rights: number, reserved: number, lo: number, bankNumber: number, kind: number): boolean {
    this.#read64(table + 8 * ((lo >>> 12) & 511));
    const entryLo = this.#entryLo;
    const entryHi = this.#entryHi;
    if (!(entryLo & entry.present)) return this.#fail(0, bankNumber, kind);
    if (entryHi & reserved) return this.#failReserved(bankNumber, kind);
    const combined = (rights & (entryLo | noExecuteHigh)) | (entryHi & noExecuteHigh);
    return this.#finish(combined, 12, entryAddress(entryLo, entryHi), lo, bankNumber, kind);
  }

  #walk32(lo: number, bankNumber: number, kind: number): boolean {
    const directoryAt = ((this.#state.cr3.lo & ~0xfff) >>> 0) + (lo >>> 22) * 4;
    this.#read32(directoryAt);
    const directory = this.#entryLo;
    if (!(directory & entry.present)) return this.#fail(0, bankNumber, kind);
    if (directory & entry.large && this.#state.cr4 & cr4.PSE) {
      if (directory & (1 << 21)) return this.#failReserved(bankNumber, kind);
      const address = ((directory >>> 13) & addressHigh) * twoTo32 + ((directory & 0xffc00000) >>> 0);
      return this.#finish(directory & rights32, 22, address, lo, bankNumber, kind);
    }
    if (!(directory & entry.accessed)) this.#writeEntry(directoryAt, directory | entry.accessed);
    this.#read32(((directory & ~0xfff) >>> 0) + ((lo >>> 12) & 1023) * 4);
    if (!(this.#entryLo & entry.present)) return this.#fail(0, bankNumber, kind);
    return this.#finish(directory & this.#entryLo & rights32, 12, (this.#entryLo & ~0xfff) >>> 0, lo, bankNumber, kind);
  }

  /** The entry read last maps the page. Bit 31 of `rights` forbids execution; `address` may have attribute bits of a large page below its size. */
  #finish(rights: number, shift: number, address: number, lo: number, bankNumber: number, kind: number): boolean {
    this.#rights = rights;
    this.#noExecute = rights < 0;
    if (!this.permits(bankNumber, kind)) return this.#fail(pageFaultCode.present, bankNumber, kind);
    const leaf = this.#entryLo;
    const wanted = kind === access.write ? entry.accessed | entry.dirty : entry.accessed;
    if ((leaf & wanted) !== wanted) this.#writeLeaf(leaf | wanted);
    const within = (1 << shift) - 1;
    const high = Math.floor(address / twoTo32) * twoTo32;
    this.physical = high + ((((address & ~within) | (lo & within & ~0xfff)) & ~this.#masked) >>> 0);
    this.isDirty = ((leaf | wanted) & entry.dirty) !== 0;
    this.isGlobal = (leaf & entry.global) !== 0 && (this.#state.cr4 & cr4.PGE) !== 0;
    this.shift = shift;
    return true;
  }

  #failReserved(bankNumber: number, kind: number): boolean {
    return this.#fail(pageFaultCode.present | pageFaultCode.reserved, bankNumber, kind);
  }

  #fail(code: number, bankNumber: number, kind: number): boolean {
    const state = this.#state;
    const reportsFetch = (state.cr4 & cr4.PAE && state.efer & efer.NXE) || state.cr4 & cr4.SMEP;
    const fetch = kind === access.execute && reportsFetch ? pageFaultCode.execute : 0;
    this.errorCode = code | (kind & access.write) | (isUserBank(bankNumber) ? pageFaultCode.user : 0) | fetch;
    return false;
  }

  #read64(entryAt: number): void {
    const at = this.mask(entryAt);
    const ram = this.#ram.ramOffset(at);
    this.#entryRam = ram;
    if (ram >= 0) {
      this.#entryLo = this.#state.word(ram);
      this.#entryHi = this.#state.i32[(ram + 4) >>> 2] ?? 0;
    } else {
      this.#entryLo = this.#bus.readMmio(at, 4) | 0;
      this.#entryHi = this.#bus.readMmio(at + 4, 4) | 0;
    }
  }

  #read32(entryAt: number): void {
    const at = this.mask(entryAt);
    const ram = this.#ram.ramOffset(at);
    this.#entryRam = ram;
    this.#entryLo = ram >= 0 ? this.#state.word(ram) : this.#bus.readMmio(at, 4) | 0;
  }

  #writeLeaf(value: number): void {
    if (this.#entryRam >= 0) this.#writeRam(this.#entryRam, value);
  }

  #writeEntry(at: number, value: number): void {
    const ram = this.#ram.ramOffset(this.mask(at));
    if (ram >= 0) this.#writeRam(ram, value);
  }

  #writeRam(ram: number, value: number): void {
    if (this.#code.hasCode(ram >>> 12)) this.#code.written(ram, 4);
    this.#state.i32[ram >>> 2] = value;
  }
}

const entryAddress = (lo: number, hi: number): number => (hi & addressHigh) * twoTo32 + ((lo & ~0xfff) >>> 0);

function tableIndex(shift: number, lo: number, hi: number): number {
  if (shift === 39) return (hi >>> 7) & 511;
  return shift === 30 ? ((hi << 2) | (lo >>> 30)) & 511 : (lo >>> 21) & 511;
}

/** Address bits that must be zero in the low word of an entry above the last level. */
function reservedLow(shift: number, entryLo: number): number {
  if (shift === 39) return entry.large;
  if (!(entryLo & entry.large)) return 0;
  return shift === 30 ? 0x3fffe000 : 0x001fe000;
}
