import { tlb } from '../layout.ts';
import type { X86State } from './x86-state.ts';

/** Bits of an entry's flags word; bits 8-13 hold log2 of the size of the guest page. */
export const tlbFlag = {
  global: 1,
  /** Writes are allowed, whether the page has decoded code (no write tag) or not. */
  writable: 2,
  shiftBit: 8,
} as const;

const total = tlb.entries * tlb.banks;
const entryWords = tlb.entryBytes / 4;

/** What may be done through an entry. */
export const right = { read: 1, write: 2, execute: 4 } as const;

/** The entry of a bank that may hold an address; `emitTlbEntry` in tlb-probe.ts computes the same. */
export const tlbIndex = (lo: number): number => (lo >>> 12) & (tlb.entries - 1);

/** Where what is displaced from there is kept, never the same entry; `emitSecondTlbEntry` in tlb-probe.ts computes the same. */
const secondTlbIndex = (lo: number, hi: number): number =>
  ((lo >>> 12) ^ (((lo >>> 19) ^ (hi << 4)) | 1)) & (tlb.entries - 1);

/** Low word of a tag that no page address equals. */
const invalidLow = Number(tlb.invalid);

/** Numbers of entries, each once. */
class EntryList {
  readonly numbers = new Int32Array(total);
  readonly #isListed = new Uint8Array(total);
  count = 0;

  add(number: number): void {
    if (this.#isListed[number]) return;
    this.#isListed[number] = 1;
    this.numbers[this.count++] = number;
  }

  clear(): void {
    for (let i = 0; i < this.count; i++) this.#isListed[this.numbers[i] ?? 0] = 0;
    this.count = 0;
  }
}

/** Slots for pages that code was fetched from. */
const fetchSlots = 8192;
const fetchSlot = (lo: number, hi: number): number => ((lo >>> 12) ^ Math.imul(hi, 0x9e3779b1)) & (fetchSlots - 1);

const chains = 4096;

/**
 * The entries that map a page of RAM, found without a look at all: a page whose code is written anew each time gets its
 * protection back each time (rewrite row of the bench).
 */
class PageChains {
  readonly #page = new Int32Array(total).fill(-1);
  readonly #first = new Int32Array(chains).fill(-1);
  readonly #next = new Int32Array(total);
  readonly #previous = new Int32Array(total);

  /** -1: none. */
  pageOf(number: number): number {
    return this.#page[number] ?? -1;
  }

  /** -1: none. */
  set(number: number, page: number): void {
    if (this.#page[number] === page) return;
    this.#unlink(number);
    this.#page[number] = page;
    if (page < 0) return;
    const chain = page & (chains - 1);
    const first = this.#first[chain] ?? -1;
    this.#next[number] = first;
    this.#previous[number] = -1;
    if (first >= 0) this.#previous[first] = number;
    this.#first[chain] = number;
  }

  /** The entry of this page after another one, -1: the first; -1 when there is none. */
  after(number: number, page: number): number {
    let at = (number < 0 ? this.#first[page & (chains - 1)] : this.#next[number]) ?? -1;
    while (at >= 0 && this.#page[at] !== page) at = this.#next[at] ?? -1;
    return at;
  }

  #unlink(number: number): void {
    const page = this.#page[number] ?? -1;
    if (page < 0) return;
    const next = this.#next[number] ?? -1;
    const previous = this.#previous[number] ?? -1;
    if (next >= 0) this.#previous[next] = previous;
    if (previous >= 0) this.#next[previous] = next;
    else this.#first[page & (chains - 1)] = next;
  }
}

/**
 * The software TLB that generated code probes. Entries in use are listed, so that a flush costs what was filled; global ones
 * apart, so that a switch of address spaces does not look at a kernel's thousands (fork row of the bench).
 */
export class SoftTlb {
  readonly #i32: Int32Array;
  /** RAM page (linear-memory offset >>> 12) of each entry in use. */
  readonly #pages = new PageChains();
  readonly #linearLo = new Int32Array(total);
  readonly #linearHi = new Int32Array(total);
  /** Every entry in use is in the list of its kind; one that was filled anew may be in the other too. */
  readonly #globals = new EntryList();
  readonly #locals = new EntryList();
  /** Hashes of 2 MiB regions (first half) and 1 GiB regions that large-page entries may exist for. */
  readonly #largeRegions = new Uint8Array(2048);
  /**
   * The generations in which an entry that allowed fetches was lost, by a hash of its page: caches of code that are
   * keyed by RIP may know the page still.
   */
  readonly #fetchedLow = new Uint32Array(fetchSlots);
  readonly #fetchedHigh = new Uint32Array(fetchSlots);
  readonly #state: X86State;
  readonly #firstWord: number;

  constructor(state: X86State) {
    this.#state = state;
    this.#firstWord = state.tlbBanks / 4;
    this.#i32 = state.i32;
    for (let number = 0; number < total; number++) this.#clearTags(number);
  }

  /** Linear-memory offset of an address whose tag (tlb.readTag, writeTag, executeTag) allows the access, or -1. */
  probe(bankNumber: number, lo: number, hi: number, tag: number): number {
    const word = this.#firstWord + (bankNumber * tlb.entries + tlbIndex(lo)) * entryWords;
    if (this.#i32[word + tag / 4] !== (lo & ~0xfff) || this.#i32[word + tag / 4 + 1] !== (hi | 0)) return -1;
    return (lo + (this.#i32[word + tlb.addend / 4] ?? 0)) >>> 0;
  }

  /** True when the entry of this readable page allows writes apart from code tracking. */
  isWritable(bankNumber: number, lo: number): boolean {
    const word = this.#firstWord + (bankNumber * tlb.entries + tlbIndex(lo)) * entryWords;
    return ((this.#i32[word + tlb.flags / 4] ?? 0) & tlbFlag.writable) !== 0;
  }

  /** Gives a page its write tag back: it has no code any more. */
  allowWrite(bankNumber: number, lo: number, hi: number): void {
    const number = bankNumber * tlb.entries + tlbIndex(lo);
    const word = this.#firstWord + number * entryWords + tlb.writeTag / 4;
    this.#i32[word] = lo & ~0xfff;
    this.#i32[word + 1] = hi;
  }

  /** `rights` is a sum of `right`; `flags` of `tlbFlag`. */
  fill(bankNumber: number, lo: number, hi: number, pageOffset: number, rights: number, flags: number): void {
    const number = bankNumber * tlb.entries + tlbIndex(lo);
    const pageLo = lo & ~0xfff;
    const i32 = this.#i32;
    this.#displace(bankNumber, number, pageLo, hi);
    const word = this.#firstWord + number * entryWords;
    if (i32[word + tlb.executeTag / 4] !== invalidLow) this.#noteFetched(number);
    i32[word + tlb.readTag / 4] = rights & right.read ? pageLo : invalidLow;
    i32[word + tlb.readTag / 4 + 1] = rights & right.read ? hi : 0;
    i32[word + tlb.writeTag / 4] = rights & right.write ? pageLo : invalidLow;
    i32[word + tlb.writeTag / 4 + 1] = rights & right.write ? hi : 0;
    i32[word + tlb.executeTag / 4] = rights & right.execute ? pageLo : invalidLow;
    i32[word + tlb.executeTag / 4 + 1] = rights & right.execute ? hi : 0;
    i32[word + tlb.addend / 4] = pageOffset - pageLo;
    i32[word + tlb.flags / 4] = flags;
    this.#pages.set(number, pageOffset >>> 12);
    this.#linearLo[number] = pageLo;
    this.#linearHi[number] = hi;
    const shift = flags >> tlbFlag.shiftBit;
    if (shift !== 12) this.#largeRegions[regionHash(shift, lo, hi)] = 1;
    (flags & tlbFlag.global ? this.#globals : this.#locals).add(number);
  }

  /** Two pages in use may share an entry: the older translation goes to its second one. */
  #displace(bankNumber: number, number: number, pageLo: number, hi: number): void {
    const page = this.#pages.pageOf(number);
    const oldLo = this.#linearLo[number] ?? 0;
    const oldHi = this.#linearHi[number] ?? 0;
    if (page < 0 || (oldLo === pageLo && oldHi === hi)) return;
    const second = bankNumber * tlb.entries + secondTlbIndex(oldLo, oldHi);
    const from = this.#firstWord + number * entryWords;
    this.#i32.copyWithin(this.#firstWord + second * entryWords, from, from + entryWords);
    this.#pages.set(second, page);
    this.#linearLo[second] = oldLo;
    this.#linearHi[second] = oldHi;
    (this.#flags(second) & tlbFlag.global ? this.#globals : this.#locals).add(second);
  }

  flushAll(): void {
    for (const { numbers, count } of [this.#globals, this.#locals]) {
      for (let i = 0; i < count; i++) this.#drop(numbers[i] ?? 0);
    }
    this.#globals.clear();
    this.#locals.clear();
    this.#largeRegions.fill(0);
  }

  flushNonGlobal(): void {
    const { numbers, count } = this.#locals;
    for (let i = 0; i < count; i++) {
      const number = numbers[i] ?? 0;
      if (!(this.#flags(number) & tlbFlag.global)) this.#drop(number);
    }
    this.#locals.clear();
  }

  #noteFetched(number: number): void {
    const slot = fetchSlot(this.#linearLo[number] ?? 0, this.#linearHi[number] ?? 0);
    this.#fetchedLow[slot] = this.#state.fetchGeneration;
    this.#fetchedHigh[slot] = this.#state.fetchGenerationHigh;
  }

  /** Whether code may have been fetched from this page, or a large one that has it, since generations changed last. */
  mayHaveFetched(lo: number, hi: number): boolean {
    for (let bankNumber = 0; bankNumber < tlb.banks; bankNumber++) {
      if (this.probe(bankNumber, lo, hi, tlb.executeTag) >= 0) return true;
    }
    const slot = fetchSlot(lo, hi);
    if (this.#fetchedLow[slot] === this.#state.fetchGeneration) return true;
    if (this.#fetchedHigh[slot] === this.#state.fetchGenerationHigh) return true;
    return this.#largeRegions[regionHash(21, lo, hi)] === 1 || this.#largeRegions[regionHash(30, lo, hi)] === 1;
  }

  /** Forgets the translation of one address, with all of a large page that may map it. */
  flushPage(lo: number, hi: number): void {
    for (const first of [tlbIndex(lo), secondTlbIndex(lo, hi)]) {
      for (let number = first; number < total; number += tlb.entries) {
        if (this.#linearLo[number] === (lo & ~0xfff) && this.#linearHi[number] === hi) this.#drop(number);
      }
    }
    if (this.#largeRegions[regionHash(21, lo, hi)]) this.#flushLarge(lo, hi, 22);
    if (this.#largeRegions[regionHash(30, lo, hi)]) this.#flushLarge(lo, hi, 30);
  }

  /** Takes the write tag from every entry that maps this RAM page. */
  protect(ramPage: number): void {
    for (let number = this.#pages.after(-1, ramPage); number >= 0; number = this.#pages.after(number, ramPage)) {
      this.#clearTag(number, tlb.writeTag);
    }
  }

  #flushLarge(lo: number, hi: number, shift: number): void {
    for (const list of [this.#globals, this.#locals]) this.#flushLargeOf(list, lo, hi, shift);
  }

  #flushLargeOf({ numbers, count }: EntryList, lo: number, hi: number, shift: number): void {
    for (let i = 0; i < count; i++) {
      const number = numbers[i] ?? 0;
      const entryShift = this.#flags(number) >> tlbFlag.shiftBit;
      if (entryShift === 12 || this.#linearHi[number] !== hi) continue;
      if ((this.#linearLo[number] ?? 0) >>> shift === lo >>> shift) this.#drop(number);
    }
  }

  #flags(number: number): number {
    return this.#i32[this.#firstWord + number * entryWords + tlb.flags / 4] ?? 0;
  }

  #drop(number: number): void {
    if (this.#i32[this.#firstWord + number * entryWords + tlb.executeTag / 4] !== invalidLow) this.#noteFetched(number);
    this.#pages.set(number, -1);
    this.#clearTags(number);
  }

  #clearTags(number: number): void {
    this.#clearTag(number, tlb.readTag);
    this.#clearTag(number, tlb.writeTag);
    this.#clearTag(number, tlb.executeTag);
  }

  #clearTag(number: number, tag: number): void {
    const word = this.#firstWord + number * entryWords + tag / 4;
    this.#i32[word] = invalidLow;
    this.#i32[word + 1] = 0;
  }
}

/** 4 MiB regions share the table of 2 MiB ones: hashed and flushed by 4 MiB. */
function regionHash(shift: number, lo: number, hi: number): number {
  if (shift === 30) return 1024 + (((lo >>> 30) ^ (hi << 2)) & 1023);
  return ((lo >>> 22) ^ Math.imul(hi, 0x9e3779b1)) & 1023;
}
