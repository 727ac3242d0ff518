import { attention, layout } from '../isa/x86/index.ts';
import { BlockTable } from './block-table.ts';
import { specialIndex } from './handler-table.ts';
import { jumpCache, jumpCacheIndex, record, targetCache } from './record.ts';

const continuation = specialIndex('continue');
const resynchronization = specialIndex('resynchronize');
const counter = specialIndex('count');

/** Dropped blocks whose records may be used again, direct-mapped; numbers of each, 32 bits. */
const dropped = { slots: 256, address: 0, mode: 1, start: 2, end: 3, words: 4 } as const;
const droppedSlot = (address: number): number => (jumpCacheIndex(address) & (dropped.slots - 1)) * dropped.words;

/**
 * The decoded basic blocks, by the linear-memory address of their code and the mode key, and which bytes of RAM
 * they were decoded from. A write to those drops all blocks of the page.
 */
export class CodeCache {
  readonly #words: Int32Array;
  readonly #half: DataView;
  readonly #bytes: Uint8Array;
  readonly #blocks = new BlockTable();
  readonly #dropped = new Int32Array(dropped.slots * dropped.words);
  /** Handlers from this one on are translated regions. */
  firstRegion = 0x10000;
  /** One byte a page of linear memory: 1 when it has code. */
  readonly #hasCode: Uint8Array;
  /** For a page that has code: its first block, in the table. */
  readonly #first: Int32Array;
  /** 64-byte lines of it that have decoded bytes, 32 in each of two words. */
  readonly #lines: Int32Array;

  constructor(memory: WebAssembly.Memory) {
    this.#words = new Int32Array(memory.buffer);
    this.#half = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    const pages = memory.buffer.byteLength >>> 12;
    this.#hasCode = new Uint8Array(pages);
    this.#first = new Int32Array(pages);
    this.#lines = new Int32Array(2 * pages);
  }

  hasCode(ramPage: number): boolean {
    return this.#hasCode[ramPage] === 1;
  }

  /** The record where the block for this code starts, if it is decoded; puts it into the jump cache. */
  find(address: number, mode: number): number | undefined {
    const start = this.#blocks.find(address, mode);
    if (start !== undefined) this.#cacheJump(address, mode, start);
    return start;
  }

  /** Notes a block decoded from `lengths` bytes in one page, or two for a page-crossing instruction. */
  add(
    address: number,
    mode: number,
    start: number,
    end: number,
    pieces: readonly { address: number; length: number }[],
  ): void {
    const block = { address, mode, start, end };
    pieces.forEach((piece, i) => {
      this.#mark(piece.address, piece.length);
      const first = this.#list(piece.address >>> 12, block);
      if (i === 0) this.#blocks.publish(first);
    });
    this.#cacheJump(address, mode, start);
  }

  /**
   * Where the records of this code's block were when it was dropped, if `length` bytes are free there: whatever still leads
   * there means this code. Once for each drop, and only legal while no generated code runs.
   */
  takeDropped(address: number, mode: number, length: number): number | undefined {
    const at = droppedSlot(address);
    const words = this.#dropped;
    if (words[at + dropped.address] !== (address | 0) || words[at + dropped.mode] !== mode) return undefined;
    const start = words[at + dropped.start] ?? 0;
    words[at + dropped.address] = 0;
    return (words[at + dropped.end] ?? 0) - start >= length ? start : undefined;
  }

  /** Not what was translated: that may be on its way to the block still, and would be taken for that of the new code. */
  #keepDropped(address: number, start: number, end: number, mode: number): void {
    const handler = this.#half.getUint16(start, true);
    const isTranslated = handler >= this.firstRegion || (handler === counter && this.#bytes[start + record.r1] !== 0);
    if (isTranslated || handler === resynchronization) return;
    const at = droppedSlot(address);
    this.#dropped[at + dropped.address] = address;
    this.#dropped[at + dropped.mode] = mode;
    this.#dropped[at + dropped.start] = start;
    this.#dropped[at + dropped.end] = end;
  }

  /** As `find`, and changes nothing. */
  peek(address: number, mode: number): number | undefined {
    return this.#blocks.find(address, mode);
  }

  /**
   * Bytes that the block of this code was translated from besides those that it was decoded from: a write to them drops
   * their page, and the block with it.
   */
  cover(block: { address: number; mode: number; start: number }, address: number, length: number): void {
    const page = address >>> 12;
    const hadPage = this.hasCode(page);
    const handler = this.#half.getUint16(block.start, true);
    // The counter that its first record is, or was, has no use for this field.
    if (handler === counter || handler >= this.firstRegion) this.#bytes[block.start + record.r1] = 1;
    this.#mark(address, length);
    const isOwn = page === block.address >>> 12;
    const isListed = this.#blocks.startOf(this.#first[page] ?? 0) === block.start;
    if (!isOwn && !isListed) this.#list(page, { ...block, end: block.start + record.bytes });
    if (!hadPage) this.onNewPage(page);
  }

  /** Makes a block the first of a page; its link. */
  #list(page: number, block: { address: number; mode: number; start: number; end: number }): number {
    const first = this.#blocks.add(block, this.#first[page] ?? 0);
    this.#first[page] = first;
    return first;
  }

  /** Called for a page of RAM that has code from now on, by `cover`. */
  onNewPage: (ramPage: number) => void = () => {};

  /** These bytes of RAM change: drops the blocks of the pages where decoded ones are hit. */
  written(address: number, length: number): void {
    const end = address + length;
    for (let at = address; at < end; at = ((at >>> 12) + 1) * 4096) {
      if (!this.hasCode(at >>> 12)) continue;
      const last = Math.min(end - 1, (at | 0xfff) >>> 0);
      if (this.#hasDecoded(at >>> 12, (at & 0xfff) >>> 6, (last & 0xfff) >>> 6)) this.dropPage(at >>> 12);
    }
  }

  /** Drops every block that has a byte in this page. */
  dropPage(ramPage: number): void {
    if (!this.hasCode(ramPage)) return;
    this.#hasCode[ramPage] = 0;
    this.#blocks.dropList(this.#first[ramPage] ?? 0, this.#onDrop);
  }

  /** Forgets everything; the record area may be written anew. Only legal while no generated code runs. */
  clear(): void {
    this.#blocks.clear();
    this.#dropped.fill(0);
    this.#hasCode.fill(0);
    this.#bytes.fill(0, layout.jumpCache, layout.jumpCache + jumpCache.entries * jumpCache.entryBytes);
    this.#bytes.fill(0, layout.targetCache, layout.targetCache + targetCache.entries * targetCache.entryBytes);
  }

  readonly #onDrop = (address: number, start: number, end: number, mode: number): void => {
    this.#keepDropped(address, start, end, mode);
    this.#drop(address, start, end);
  };

  #drop(address: number, start: number, end: number): void {
    if (this.#half.getUint16(start, true) >= this.firstRegion) {
      this.#words[layout.codeDropped >>> 2] = 1;
      this.#words[layout.attention >>> 2] = (this.#words[layout.attention >>> 2] ?? 0) | attention.stale;
    }
    // Running code and links may still come here: every instruction finds its way back by looking up its own address.
    // Behind the last one the block ends as it would have: its instructions count, and attention has its turn.
    for (let at = start; at < end; at += record.bytes) {
      if (this.#half.getUint16(at, true) !== continuation) this.#half.setUint16(at, resynchronization, true);
    }
    const slot = this.#slot(address);
    if (this.#words[slot + 2] === start) this.#words[slot] = 0;
  }

  #slot(address: number): number {
    return (layout.jumpCache + jumpCacheIndex(address) * jumpCache.entryBytes) >>> 2;
  }

  #cacheJump(address: number, mode: number, start: number): void {
    const slot = this.#slot(address);
    this.#words[slot] = address;
    this.#words[slot + 1] = mode;
    this.#words[slot + 2] = start;
  }

  #mark(address: number, length: number): void {
    const page = address >>> 12;
    if (!this.hasCode(page)) {
      this.#hasCode[page] = 1;
      this.#first[page] = 0;
      this.#lines[2 * page] = 0;
      this.#lines[2 * page + 1] = 0;
    }
    const last = ((address & 0xfff) + length - 1) >>> 6;
    for (let line = (address & 0xfff) >>> 6; line <= last; line++) {
      const word = 2 * page + (line >>> 5);
      this.#lines[word] = (this.#lines[word] ?? 0) | (1 << (line & 31));
    }
  }

  #hasDecoded(page: number, first: number, last: number): boolean {
    for (let line = first; line <= last; line++) {
      if ((this.#lines[2 * page + (line >>> 5)] ?? 0) & (1 << (line & 31))) return true;
    }
    return false;
  }
}
