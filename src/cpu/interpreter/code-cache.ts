import { attention, layout } from '../isa/x86/index.ts';
import { BlockTable } from './block-table.ts';
import { specialIndex } from './handler-table.ts';
import { jumpCache, jumpCacheIndex, record, targetCache } from './record.ts';

const continuation = specialIndex('continue');
const resynchronization = specialIndex('resynchronize');

/** What is decoded of one page of RAM. */
interface CodePage {
  /** Its first block, in the table. */
  first: number;
  /** 64-byte lines of the page that have decoded bytes, 32 in each word. */
  lowLines: number;
  highLines: number;
}

/**
 * The decoded basic blocks, by the linear-memory address of their code and the mode key, and which bytes of RAM
 * they were decoded from. A write to those drops all blocks of the page.
 */
export class CodeCache {
  readonly #words: Int32Array;
  readonly #half: DataView;
  readonly #bytes: Uint8Array;
  readonly #blocks = new BlockTable();
  readonly #pages = new Map<number, CodePage>();
  /** Handlers from this one on are translated regions. */
  firstRegion = 0x10000;
  /** One byte a page of linear memory: 1 when it has code. */
  readonly #hasCode: Uint8Array;

  constructor(memory: WebAssembly.Memory) {
    this.#words = new Int32Array(memory.buffer);
    this.#half = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#hasCode = new Uint8Array(memory.buffer.byteLength >>> 12);
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
      const page = this.#mark(piece.address, piece.length);
      page.first = this.#blocks.add(block, page.first);
      if (i === 0) this.#blocks.publish(page.first);
    });
    this.#cacheJump(address, mode, start);
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
    const hadPage = this.#pages.has(address >>> 12);
    const page = this.#mark(address, length);
    const isOwn = address >>> 12 === block.address >>> 12;
    if (!isOwn && !this.#isListed(page, block.start)) {
      page.first = this.#blocks.add({ ...block, end: block.start + record.bytes }, page.first);
    }
    if (!hadPage) this.onNewPage(address >>> 12);
  }

  #isListed(page: CodePage, start: number): boolean {
    return this.#blocks.startOf(page.first) === start;
  }

  /** Called for a page of RAM that has code from now on, by `cover`. */
  onNewPage: (ramPage: number) => void = () => {};

  /** These bytes of RAM change: drops the blocks of the pages where decoded ones are hit. */
  written(address: number, length: number): void {
    const end = address + length;
    for (let at = address; at < end; at = ((at >>> 12) + 1) * 4096) {
      const page = this.#pages.get(at >>> 12);
      if (!page) continue;
      const last = Math.min(end - 1, (at | 0xfff) >>> 0);
      if (touches(page, (at & 0xfff) >>> 6, (last & 0xfff) >>> 6)) this.dropPage(at >>> 12);
    }
  }

  /** Drops every block that has a byte in this page. */
  dropPage(ramPage: number): void {
    const page = this.#pages.get(ramPage);
    if (!page) return;
    this.#pages.delete(ramPage);
    this.#hasCode[ramPage] = 0;
    this.#blocks.dropList(page.first, (address, start, end) => this.#drop(address, start, end));
  }

  /** Forgets everything; the record area may be written anew. Only legal while no generated code runs. */
  clear(): void {
    this.#blocks.clear();
    this.#pages.clear();
    this.#hasCode.fill(0);
    this.#bytes.fill(0, layout.jumpCache, layout.jumpCache + jumpCache.entries * jumpCache.entryBytes);
    this.#bytes.fill(0, layout.targetCache, layout.targetCache + targetCache.entries * targetCache.entryBytes);
  }

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

  #mark(address: number, length: number): CodePage {
    const number = address >>> 12;
    let page = this.#pages.get(number);
    if (!page) {
      page = { first: 0, lowLines: 0, highLines: 0 };
      this.#pages.set(number, page);
      this.#hasCode[number] = 1;
    }
    const last = ((address & 0xfff) + length - 1) >>> 6;
    for (let line = (address & 0xfff) >>> 6; line <= last; line++) {
      if (line < 32) page.lowLines |= 1 << line;
      else page.highLines |= 1 << (line - 32);
    }
    return page;
  }
}

function touches(page: CodePage, first: number, last: number): boolean {
  for (let line = first; line <= last; line++) {
    const word = line < 32 ? page.lowLines : page.highLines;
    if (word & (1 << (line & 31))) return true;
  }
  return false;
}
