import { type EngineParts, type HotBlock, record, specialIndex } from '../interpreter/index.ts';
import { layout } from '../isa/x86/index.ts';
import { upperPartOf } from './exits.ts';
import type { Installed } from './live-code.ts';
import { profiledOffsets } from './profile.ts';
import {
  type CodeSource,
  formRegion,
  type Inlining,
  type Region,
  type RegionLimits,
  type RegionPage,
} from './region.ts';

const pageBytes = 4096;
const regionPages = 12;
const mostTargets = 96;
const farthestTarget = 28 * pageBytes;
/** Instructions of a region with several entries. */
const dispatchingInstructions = 700;
/** Instructions of the copies of callees in a region, and of one callee. */
const inlinedInstructions = 300;
const calleeInstructions = 48;
/** A block is followed when it was entered at least this part as often as the hot one: others would be translated for nothing. */
const warmDivisor = 32;

/** What a region is formed with besides its first block. */
export interface Known {
  readonly targets: readonly number[];
  readonly callTargets: readonly number[] | undefined;
}

export interface RunningCodeOptions {
  readonly threshold: number;
  readonly followsWarmOnly: boolean;
  readonly regionInstructions: number;
}

/** The guest's code around RIP, of which regions are formed, as it is decoded and mapped now. */
export class RunningCode {
  readonly bytes: Uint8Array;
  readonly #parts: EngineParts;
  readonly #view: DataView;
  readonly #followsWarmOnly: boolean;
  readonly #regionInstructions: number;
  readonly #threshold: number;
  readonly #leastEntries: number;

  constructor(parts: EngineParts, options: RunningCodeOptions) {
    this.#parts = parts;
    this.bytes = new Uint8Array(parts.memory.buffer);
    this.#view = new DataView(parts.memory.buffer);
    this.#followsWarmOnly = options.followsWarmOnly;
    this.#regionInstructions = options.regionInstructions;
    this.#threshold = options.threshold;
    this.#leastEntries = Math.floor(options.threshold / warmDivisor);
  }

  /** The region that begins with a block of the running page. */
  form(block: HotBlock, known: Known): Region {
    return this.#form(this.#sourceOf(block), block, known);
  }

  /** A region that was formed before, wherever the code that runs now is. */
  formAgain({ rip, block, pages, farPages, ...known }: Installed): Region {
    const all = [...pages, ...farPages];
    const pageAt = (index: number): number => all.find((page) => page.index === index)?.address ?? -1;
    const verifiesFar = BigInt.asUintN(64, rip) >= upperPartOf(block.mode);
    return this.#form({ ...this.#sourceOf(block), pageAt, verifiesFar }, block, known);
  }

  /** RIP of an offset from the running page. */
  ripAt(offset: number): bigint {
    return BigInt.asUintN(64, this.#view.getBigInt64(layout.codePage, true) + BigInt(offset));
  }

  /** Whether a kernel's code runs, whose translations seldom change. */
  isInUpperPart(): boolean {
    return this.#view.getBigUint64(layout.codePage, true) >= this.#view.getBigUint64(layout.upperPart, true);
  }

  areMapped(pages: readonly RegionPage[]): boolean {
    return pages.every(({ index, address }) => this.#parts.codePageAt(index, true) === address);
  }

  /** Offsets that a region's indirect jumps have led to, and so on from the regions there. */
  jumpTargetsOf({ slot, block, targets }: Installed): number[] {
    const { firstSlot } = this.#parts;
    const found = new Set(targets);
    const open = [slot];
    for (let from = open.pop(); from !== undefined; from = open.pop()) {
      for (const offset of this.#profiled(from, 'jumps')) {
        const start = this.blockAt(offset, block.mode)?.start;
        if (start === undefined || found.has(offset) || found.size >= mostTargets) continue;
        found.add(offset);
        const handler = this.#view.getUint16(start + record.handler, true);
        if (handler >= firstSlot) open.push(handler - firstSlot);
      }
    }
    return [...found];
  }

  /** Offsets that a region's indirect calls have led to. */
  callTargetsOf({ slot }: Installed): number[] {
    return this.#profiled(slot, 'calls');
  }

  /** The decoded block at an offset from the running page. */
  blockAt(offset: number, mode: number): HotBlock | undefined {
    const page = this.#parts.codePageAt(offset >> 12, false);
    const address = page + (offset & (pageBytes - 1));
    const start = page < 0 ? undefined : this.#parts.cache.peek(address, mode);
    return start === undefined ? undefined : { address, mode, start };
  }

  #form(source: CodeSource, { address }: HotBlock, { targets, callTargets }: Known): Region {
    const inlining: Inlining | undefined = callTargets && {
      instructions: inlinedInstructions,
      calleeInstructions,
      callTargets,
    };
    const instructions = targets.length > 0 ? dispatchingInstructions : this.#regionInstructions;
    const limits: RegionLimits = { instructions, pages: regionPages };
    return formRegion(source, address % pageBytes, limits, { targets, inlining });
  }

  #sourceOf({ address, mode }: HotBlock): CodeSource {
    const { cache, codePageAt } = this.#parts;
    const page = address - (address % pageBytes);
    const followsWarmOnly = this.#followsWarmOnly;
    return {
      bytes: this.bytes,
      mode,
      pageAt: (index) => (index === 0 ? page : codePageAt(index, !followsWarmOnly)),
      isWarm: (at) => !followsWarmOnly || this.#isWarm(at, mode),
      recordAt: (at) => cache.peek(at, mode),
      verifiesFar: this.isInUpperPart(),
    };
  }

  /** Whether a block has been entered often enough, compared with a hot one. */
  #isWarm(address: number, mode: number): boolean {
    const start = this.#parts.cache.peek(address, mode);
    if (start === undefined) return false;
    const isCounting = this.#view.getUint16(start + record.handler, true) === specialIndex('count');
    const left = isCounting ? this.#view.getUint32(start + record.immediate, true) : 0;
    return left <= this.#threshold - this.#leastEntries || left > this.#threshold;
  }

  #profiled(slot: number, of: 'jumps' | 'calls'): number[] {
    const codePage = this.#view.getBigInt64(layout.codePage, true);
    return profiledOffsets(this.#view, slot, { codePage, farthest: farthestTarget, of });
  }
}
