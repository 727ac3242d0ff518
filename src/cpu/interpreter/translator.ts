import {
  cachedDecoder,
  currentBank,
  effort,
  type Instruction,
  isCanonicalHigh,
  layout,
  modeKey,
  noLookupKey,
  segment,
  tlb,
  vector,
  type X86Cpu,
} from '../isa/x86/index.ts';
import { BlockWriter } from './block-writer.ts';
import type { CodeCache } from './code-cache.ts';
import type { HandlerTable } from './handler-table.ts';
import type { HotCode } from './hot-code.ts';
import type { FoundBlock, KeptBlocks } from './kept-blocks.ts';
import { record } from './record.ts';
import { isInUpperPart, publishTarget } from './target-cache.ts';

/** Of a basic block. */
export const maximumInstructions = 48;
const pageBytes = 4096;
const longestInstruction = 15;
/** Each instruction takes at most two records, and one more ends the block. */
const maximumBlockBytes = (2 * maximumInstructions + 2) * record.bytes;

/** The vCPU whose turn it is. */
export interface RunningCpu {
  readonly cpu: X86Cpu;
  /** A page of RAM has code from now on: no vCPU may write there unnoticed. */
  protectCodePage(ramPage: number): void;
}

/** Linear address, as two words, of the page behind that of another. */
function nextPage(low: number, high: number, mode: number): readonly [number, number] {
  const nextLow = ((low | (pageBytes - 1)) + 1) | 0;
  const is64 = (mode & modeKey.codeMask) === modeKey.code64;
  return [nextLow, nextLow === 0 && is64 ? (high + 1) | 0 : high];
}

export interface TranslatorOptions {
  /** Takes over code that runs often. */
  readonly hot?: HotCode | undefined;
  /** Blocks that were decoded before. Theirs begin with a counter if there is `hot`. */
  readonly kept?: KeptBlocks | undefined;
}

/** Decodes guest code into records, one basic block at a time. */
export class Translator {
  readonly #running: RunningCpu;
  readonly #cache: CodeCache;
  readonly #writer: BlockWriter;
  readonly #hot: HotCode | undefined;
  readonly #kept: KeptBlocks | undefined;
  readonly #bytes: Uint8Array;
  readonly #straddle = new Uint8Array(2 * longestInstruction);
  #low = 0;
  #high = 0;
  #decoded = 0;
  #flushes = 0;
  #moves = 0;

  constructor(
    running: RunningCpu,
    cache: CodeCache,
    table: HandlerTable,
    memory: WebAssembly.Memory,
    { hot, kept }: TranslatorOptions = {},
  ) {
    this.#hot = hot;
    this.#kept = kept;
    this.#running = running;
    this.#cache = cache;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#writer = new BlockWriter(table, memory);
    this.#writer.at = layout.records;
  }

  get #cpu(): X86Cpu {
    return this.#running.cpu;
  }

  /** Called when a guest first uses an instruction whose handlers are not there yet. */
  set needsFurther(load: () => void) {
    this.#writer.needsFurther = load;
  }

  /** Instructions decoded, blocks that needed no decoding, and how often the record area was full. */
  get counters(): { decodedInstructions: number; keptBlocks: number; recordFlushes: number } {
    return { decodedInstructions: this.#decoded, keptBlocks: this.#kept?.hits ?? 0, recordFlushes: this.#flushes };
  }

  /** Changes whenever records may have been written where others were. */
  get recordGeneration(): number {
    return this.#flushes + this.#moves;
  }

  /**
   * The record where execution at `rip` starts, decoded now if it was not before; -1 when the fetch faults (recorded).
   * Only legal while no generated code runs.
   */
  blockAt(mode: number): number {
    const { state } = this.#cpu;
    const address = this.#fetchAddress(mode);
    if (address < 0) return -1;
    const ripLow = state.word(layout.rip) >>> 0;
    const pageOffset = this.#low & (pageBytes - 1);
    state.setWord(layout.codePage, (ripLow - pageOffset) | 0);
    state.setWord(layout.codePage + 4, state.word(layout.rip + 4) - (ripLow < pageOffset ? 1 : 0));
    const isWatched = this.#cpu.breakpoints.isCodePage(this.#low, this.#high);
    const start = this.#cache.find(address, mode) ?? this.#decode(address, mode, this.#low, this.#high);
    if (start >= 0 && !isWatched && mode === state.word(layout.modeKey)) publishTarget(state, start);
    return start;
  }

  /** Linear-memory address of the byte at RIP, whose linear address goes into #low and #high; -1: the fetch faults. */
  #fetchAddress(mode: number): number {
    const { state } = this.#cpu;
    const is64 = (mode & modeKey.codeMask) === modeKey.code64;
    const ripLow = state.word(layout.rip) >>> 0;
    if (!is64 && ripLow > state.word(layout.codeLimit) >>> 0) {
      this.#cpu.recordFault(vector.generalProtection, 0);
      return -1;
    }
    this.#low = (ripLow + (is64 ? 0 : state.word(layout.segmentBase + 8 * segment.cs))) | 0;
    this.#high = is64 ? state.word(layout.rip + 4) : 0;
    return this.#translate(this.#low, this.#high);
  }

  #translate(low: number, high: number): number {
    const address = this.#cpu.translateCode(low, high);
    return address === -1 ? -1 : address >>> 0;
  }

  /** Whether the memory operand of the instruction at RIP lies in the stack segment. */
  addressesThroughStack(): boolean {
    return this.#instruction()?.memory?.segment === segment.ss;
  }

  /** How many bytes the instruction at RIP has; 0 when it cannot be fetched. */
  instructionLength(): number {
    return this.#instruction()?.length ?? 0;
  }

  #instruction(): Instruction | undefined {
    const mode = this.#cpu.state.word(layout.modeKey);
    const address = this.#fetchAddress(mode);
    if (address < 0) return undefined;
    const limit = address - (address % pageBytes) + pageBytes;
    const whole = cachedDecoder.decode(this.#bytes, address, limit, mode);
    return whole ?? this.#straddling(address, mode, this.#low, this.#high)?.instruction;
  }

  /**
   * The TLB did not know the second page of the page-crossing instruction at RIP as the one that it was decoded from, at
   * `expected`. If it is that one, the TLB knows it now; else what is decoded of the first page is dropped.
   */
  checkCrossing(expected: number): void {
    const { state, mmu } = this.#cpu;
    const mode = state.word(layout.modeKey);
    const address = this.#fetchAddress(mode);
    const [low, high] = nextPage(this.#low, this.#high, mode);
    if (address < 0 || this.#translate(low, high) < 0) this.#cpu.deliverPendingFault();
    else if (mmu.tlb.probe(currentBank(state), low, high, tlb.executeTag) !== expected)
      this.#cache.dropPage(address >>> 12);
  }

  #decode(address: number, mode: number, low: number, high: number): number {
    if (this.#writer.at + maximumBlockBytes > layout.ram) this.flush();
    const start = this.#writer.at;
    const pageOffset = address & (pageBytes - 1);
    const limit = address - pageOffset + pageBytes;
    const most = mode & modeKey.single ? 1 : maximumInstructions;
    let at = address;
    let count = 0;
    let isOpen = true;
    const kept = mode & modeKey.single ? undefined : this.#kept;
    const found = kept?.find(this.#bytes, address, mode);
    if (found) return this.#takeKept(address, mode, found);
    if (this.#hot && !(mode & modeKey.single)) {
      this.#writer.counter({ pageOffset, count: 1, mode }, this.#hot.entriesUntilHot(address, mode));
    }
    while (isOpen && count < most && at < limit) {
      const instruction = cachedDecoder.decode(this.#bytes, at, limit, mode);
      if (!instruction) break;
      count++;
      this.#writer.instruction(instruction, { pageOffset: at & (pageBytes - 1), count, mode });
      at += instruction.length;
      isOpen = instruction.variant?.row.ends !== true && instruction.variant !== undefined;
    }
    if (count === 0) this.#writer.at = start;
    if (count === 0) return this.#decodeCrossing(address, mode, low, high);
    this.#writer.continuation({ pageOffset: pageOffset + (at - address), count, mode });
    kept?.add(this.#bytes, address, at - address, mode, this.#writer.recordsFrom(start));
    this.#decoded += count;
    return this.#finish(address, mode, start, count, [{ address, length: at - address }]);
  }

  /** Writes the block at an address as it was decoded before. */
  #takeKept(address: number, mode: number, found: FoundBlock): number {
    const start = this.#writer.at;
    const count = this.#writer.copy(found);
    if (this.#hot) this.#writer.setCounter(start, this.#hot.entriesUntilHot(address, mode));
    return this.#finish(address, mode, start, count, [{ address, length: found.length }]);
  }

  /** An instruction whose bytes go on in the next page is a block of its own, which checks that page each time. */
  #decodeCrossing(address: number, mode: number, low: number, high: number): number {
    const start = this.#writer.at;
    const straddling = this.#straddling(address, mode, low, high);
    if (!straddling) return -1;
    const { instruction, second, inFirst, isWatched } = straddling;
    const position = { pageOffset: address & (pageBytes - 1), count: 1, mode };
    // Nothing may be fetched through the TLB from a page with breakpoints: such a block is good for one time only.
    if (!isWatched) this.#writer.crossing(position, second);
    this.#writer.instruction(instruction, position);
    this.#writer.continuation({ ...position, pageOffset: position.pageOffset + instruction.length });
    if (isWatched) return start;
    this.#decoded++;
    return this.#finish(address, mode, start, 1, [
      { address, length: inFirst },
      { address: second, length: Math.max(1, instruction.length - inFirst) },
    ]);
  }

  /** The instruction that begins in the page of `address` and goes on at `second`; undefined: its fetch faults. */
  #straddling(
    address: number,
    mode: number,
    low: number,
    high: number,
  ): { instruction: Instruction; second: number; inFirst: number; isWatched: boolean } | undefined {
    const inFirst = pageBytes - (address & (pageBytes - 1));
    const [nextLow, nextHigh] = nextPage(low, high, mode);
    const second = this.#translate(nextLow, nextHigh);
    if (second < 0) return undefined;
    this.#straddle.fill(0);
    this.#straddle.set(this.#bytes.subarray(address, address + inFirst));
    this.#straddle.set(this.#bytes.subarray(second, second + longestInstruction), inFirst);
    const instruction = cachedDecoder.decode(this.#straddle, 0, this.#straddle.length, mode);
    if (!instruction) throw new RangeError('Cannot decode instruction: it goes on past fifteen bytes');
    return { instruction, second, inFirst, isWatched: this.#cpu.breakpoints.isCodePage(nextLow, nextHigh) };
  }

  #finish(
    address: number,
    mode: number,
    start: number,
    count: number,
    pieces: { address: number; length: number }[],
  ): number {
    this.#cpu.effort += count * effort.decodedInstruction;
    const placed = this.#place(address, mode, start);
    for (const piece of pieces) {
      if (!this.#cache.hasCode(piece.address >>> 12)) this.#running.protectCodePage(piece.address >>> 12);
    }
    this.#cache.add(address, mode, placed.start, placed.end, pieces);
    this.#hot?.decoded(address, mode, placed.start);
    return placed.start;
  }

  /** Where the records written last are to stay: code that is written over and over must not fill the record area. */
  #place(address: number, mode: number, start: number): { start: number; end: number } {
    const end = this.#writer.at;
    const old = this.#cache.takeDropped(address, mode, end - start);
    if (old === undefined) return { start, end };
    this.#moves++;
    this.#bytes.copyWithin(old, start, end);
    this.#writer.at = start;
    return { start: old, end: old + (end - start) };
  }

  /** The block whose counter ran out, at RIP, is hot. */
  noteHot(): void {
    const { state } = this.#cpu;
    const mode = state.word(layout.modeKey);
    const address = this.#fetchAddress(mode);
    if (address >= 0) this.#hot?.note({ address, mode, start: state.word(layout.exitRecord) >>> 0 });
    else this.#cpu.deliverPendingFault();
  }

  /** See EngineParts.codePageAt. */
  codePageAt(index: number, walks: boolean): number {
    const { state, mmu } = this.#cpu;
    if (state.word(layout.lookupKey) === noLookupKey) return -1;
    const is64 = (state.word(layout.modeKey) & modeKey.codeMask) === modeKey.code64;
    const sum = (state.word(layout.codePage) >>> 0) + index * pageBytes;
    const carry = Math.floor(sum / 2 ** 32);
    const [low, high] = [sum | 0, is64 ? (state.word(layout.codePage + 4) + carry) | 0 : 0];
    const isUpper = isInUpperPart(state, state.word(layout.codePage), state.word(layout.codePage + 4));
    if (isInUpperPart(state, low, high) !== isUpper) return -1; // The region goes by one key.
    if (this.#cpu.breakpoints.isCodePage(low, high)) return -1;
    const bankNumber = currentBank(state);
    const known = mmu.tlb.probe(bankNumber, low, high, tlb.executeTag);
    if (known >= 0 || !walks || (is64 && !isCanonicalHigh(high))) return known;
    return mmu.translateFetch(low, high, bankNumber) ? mmu.ramAddress : -1;
  }

  /** Drops everything decoded. Only legal while no generated code runs. */
  flush(): void {
    this.#flushes++;
    this.#hot?.cleared();
    this.#cache.clear();
    this.#writer.at = layout.records;
  }
}
