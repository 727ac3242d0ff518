import { tlb } from '../layout.ts';
import type { Breakpoints } from './breakpoints.ts';
import type { CodeTracker, CpuBus, PortSize, RamMap, X86CpuOptions } from './contract.ts';
import { bank, changeFetches, forgetStackPage, upperPart32 } from './mode.ts';
import { access, PageWalker } from './page-walk.ts';
import { right, SoftTlb, tlbFlag } from './soft-tlb.ts';
import type { X86State } from './x86-state.ts';

/** A page of 0xff bytes: what is fetched where nothing answers. It lies below the decoded records. */
export const openBusPage = 0x17f000;

/** Whether code at an address may go by the upper part's key, in whatever mode. */
const isInUpperPart = (lo: number, hi: number): boolean => hi < 0 || (hi === 0 && lo >>> 0 >= upperPart32);

/** Linear to physical to host, and physical accesses. The result of a translation is left in the fields. */
export class Mmu {
  readonly tlb: SoftTlb;
  readonly walker: PageWalker;
  readonly #state: X86State;
  readonly #ram: RamMap;
  readonly #bus: CpuBus;
  readonly #code: CodeTracker;
  readonly #breakpoints: Breakpoints;

  /** Linear-memory offset of the address translated last, or -1 when the bus serves it. */
  ramAddress = -1;
  /** Code of the upper part of the address space was fetched from pages that are not global. */
  #hasLocalHighCode = false;
  /** Guest-physical address translated last; only valid when `ramAddress` is -1. */
  physical = 0;

  constructor(state: X86State, breakpoints: Breakpoints, { ram, bus, code }: X86CpuOptions) {
    this.#breakpoints = breakpoints;
    this.#state = state;
    this.#ram = ram;
    this.#bus = bus;
    this.#code = code;
    this.tlb = new SoftTlb(state);
    this.walker = new PageWalker(state, ram, bus, code);
    state.u8.fill(0xff, openBusPage, openBusPage + 0x1000);
  }

  /** Translates for a read (access.read) or write of a canonical address; false: page fault, see `walker.errorCode`. */
  translate(lo: number, hi: number, bankNumber: number, kind: number): boolean {
    const readable = this.tlb.probe(bankNumber, lo, hi, tlb.readTag);
    if (readable >= 0 && (kind === access.read || this.#isWritable(bankNumber, lo, hi, readable))) {
      this.ramAddress = readable;
      return true;
    }
    if (!this.walker.walk(lo, hi, bankNumber, kind)) return false;
    this.#fillFromWalk(lo, hi, bankNumber, kind);
    return true;
  }

  /** As `translate`, for an instruction fetch. Where there is no RAM, `ramAddress` is in the open-bus page. */
  translateFetch(lo: number, hi: number, bankNumber: number): boolean {
    const executable = this.tlb.probe(bankNumber, lo, hi, tlb.executeTag);
    if (executable >= 0) {
      this.ramAddress = executable;
      return true;
    }
    if (!this.walker.walk(lo, hi, bankNumber, access.execute)) return false;
    this.#fillFromWalk(lo, hi, bankNumber, access.execute);
    if (this.ramAddress < 0) this.ramAddress = openBusPage + (lo & 0xfff);
    return true;
  }

  flushAll(): void {
    this.walker.forget();
    this.tlb.flushAll();
    this.#hasLocalHighCode = false;
    changeFetches(this.#state, { low: true, high: true });
  }

  flushNonGlobal(): void {
    this.walker.forget();
    this.tlb.flushNonGlobal();
    changeFetches(this.#state, { low: true, high: this.#hasLocalHighCode });
    this.#hasLocalHighCode = false;
  }

  flushPage(lo: number, hi: number): void {
    const mayHaveFetched = this.tlb.mayHaveFetched(lo, hi);
    this.walker.forget();
    this.tlb.flushPage(lo, hi);
    // A kernel that copies a page on writing invalidates data: code stays as findable as it was (page-fault row of the bench).
    if (mayHaveFetched) changeFetches(this.#state, { low: hi >= 0, high: isInUpperPart(lo, hi) });
    else forgetStackPage(this.#state);
  }

  #isWritable(bankNumber: number, lo: number, hi: number, ramAddress: number): boolean {
    if (!this.tlb.isWritable(bankNumber, lo)) return false;
    const isWatched = this.#breakpoints.isDataPage(lo, hi);
    if (!isWatched && !this.#code.hasCode(ramAddress >>> 12)) this.tlb.allowWrite(bankNumber, lo, hi);
    return true;
  }

  #fillFromWalk(lo: number, hi: number, bankNumber: number, kind: number): void {
    const walker = this.walker;
    const page = this.#ram.ramOffset(walker.physical);
    const isReadOnly = page >= 0 && this.#ram.isReadOnly?.(walker.physical) === true;
    this.physical = walker.physical + (lo & 0xfff);
    this.ramAddress = page < 0 || (isReadOnly && kind === access.write) ? -1 : page + (lo & 0xfff);
    if (page < 0) return;
    const isWritable = walker.isDirty && !isReadOnly && walker.permits(bankNumber, access.write);
    const mayWrite = isWritable && !this.#code.hasCode(page >>> 12);
    // Only pages that code is fetched from say so: an invalidation of others does not concern code.
    const mayFetch = kind === access.execute || this.tlb.probe(bankNumber, lo, hi, tlb.executeTag) >= 0;
    const rights =
      (walker.permits(bankNumber, access.read) ? right.read : 0) |
      (mayWrite ? right.write : 0) |
      (mayFetch && walker.permits(bankNumber, access.execute) ? right.execute : 0);
    if (rights & right.execute && isInUpperPart(lo, hi) && !walker.isGlobal) this.#hasLocalHighCode = true;
    const flags = (walker.isGlobal ? tlbFlag.global : 0) | (isWritable ? tlbFlag.writable : 0);
    const possible = bankNumber === bank.userAligned ? rights & right.execute : rights;
    const allowed = this.#breakpoints.allowed(possible, lo, hi);
    this.tlb.fill(bankNumber, lo, hi, page, allowed, flags | (walker.shift << tlbFlag.shiftBit));
  }

  /** Tells the code tracker about a write to RAM, when it wants to know. */
  noteWrite(ramAddress: number, length: number): void {
    if (this.#code.hasCode(ramAddress >>> 12)) this.#code.written(ramAddress, length);
  }

  readPhysical32(address: number): number {
    const at = this.walker.mask(address);
    const ram = this.#ram.ramOffset(at);
    return ram >= 0 ? this.#state.view.getInt32(ram, true) : this.#bus.readMmio(at, 4) | 0;
  }

  /** Reads up to 64 bytes that lie in one page into linear memory. */
  readBytes(ramAddress: number, physical: number, length: number, to: number): void {
    const state = this.#state;
    if (ramAddress >= 0) {
      state.u8.copyWithin(to, ramAddress, ramAddress + length);
      return;
    }
    for (let done = 0; done < length; ) {
      const size = pieceSize(physical + done, length - done);
      const value = this.#bus.readMmio(physical + done, size);
      if (size === 4) state.view.setUint32(to + done, value, true);
      else if (size === 2) state.view.setUint16(to + done, value, true);
      else state.u8[to + done] = value;
      done += size;
    }
  }

  /** Writes up to 64 bytes of linear memory to one page. */
  writeBytes(ramAddress: number, physical: number, length: number, from: number): void {
    const state = this.#state;
    if (ramAddress >= 0) {
      this.noteWrite(ramAddress, length);
      state.u8.copyWithin(ramAddress, from, from + length);
      return;
    }
    for (let done = 0; done < length; ) {
      const size = pieceSize(physical + done, length - done);
      const at = from + done;
      const value =
        size === 4 ? state.view.getUint32(at, true) : size === 2 ? state.view.getUint16(at, true) : (state.u8[at] ?? 0);
      this.#bus.writeMmio(physical + done, size, value);
      done += size;
    }
  }
}

/** The bus takes naturally aligned accesses of up to four bytes. */
function pieceSize(at: number, left: number): PortSize {
  if (left >= 4 && at % 4 === 0) return 4;
  return left >= 2 && at % 2 === 0 ? 2 : 1;
}
