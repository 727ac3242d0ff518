import { type EngineParts, type HotBlock, interpreterModule, record } from '../interpreter/index.ts';
import { type EarlierCode, type EarlierModule, type Match, pagesIn } from './earlier-code.ts';
import type { CodeInUse, ModuleInUse } from './kept-modules.ts';
import type { LiveCode, LiveModule } from './live-code.ts';
import type { RegionPlacement } from './region-placement.ts';
import type { RunningCode } from './running-code.ts';

const pageBytes = 4096;
/** Entries after which a block is looked for in the code of earlier runs. */
const entriesOfKept = 4;
/** Times that a region's pages are looked for which it leads to and which were not mapped. */
const mostAttempts = 8;

/** A module that is in use, and what it takes to keep it. */
export interface KeptInUse extends LiveModule {
  readonly inUse?: Omit<ModuleInUse, 'functions'>;
}

export interface ComebackParts {
  readonly parts: EngineParts;
  readonly earlier: EarlierCode;
  readonly live: LiveCode;
  readonly code: RunningCode;
  readonly placement: RegionPlacement;
  instantiate(module: WebAssembly.Module): void;
}

/** Leads blocks to what earlier runs have made of their code, and says what later ones should have. */
export class Comeback {
  readonly counters = { keptModules: 0, keptRegions: 0 };
  readonly #parts: ComebackParts;
  readonly #view: DataView;
  /** Regions in use that lead to pages which were not mapped yet, by slot. */
  readonly #incomplete = new Map<number, { readonly match: Match; readonly attempts: number }>();
  /** First records of blocks that were looked for after few entries and not found. */
  readonly #missed = new Set<number>();

  constructor(parts: ComebackParts) {
    this.#parts = parts;
    this.#view = new DataView(parts.parts.memory.buffer);
  }

  /** Entries after which a block is to be looked for; undefined: there is nothing like it. */
  entriesUntilTried(address: number, mode: number): number | undefined {
    return this.#parts.earlier.mayHave(address, mode) ? entriesOfKept : undefined;
  }

  /**
   * A block is hot, or may have been by now: true when it has come back, or is to be entered as often as others until it is
   * translated.
   */
  handles(block: HotBlock, threshold: number): boolean {
    const { address, mode, start } = block;
    if (!this.#parts.earlier.mayHave(address, mode)) return false;
    if (this.#take(block)) return true;
    if (this.#missed.has(start) || threshold <= entriesOfKept) return false;
    this.#missed.add(start);
    this.#view.setUint32(start + record.immediate, threshold, true);
    return true;
  }

  /** The block of this code begins with the record at `start` now. */
  decoded(address: number, mode: number, start: number): void {
    this.#parts.earlier.decoded(address, mode, start);
  }

  /**
   * The region in a slot runs, and is going to have the pages verified that it leads to: some may be mapped by now. True
   * when no more are waited for.
   */
  complete(slot: number): boolean {
    const { match, attempts } = this.#incomplete.get(slot) ?? {};
    const { earlier, live } = this.#parts;
    const installed = live.at(slot);
    this.#incomplete.delete(slot);
    if (!match || !attempts || !installed || match.region.mapped !== match.mapped) return true;
    const extended = earlier.extended(match) ?? match;
    const { farPages } = match.region.raw;
    const far = pagesIn(farPages, extended.mapped);
    if (extended !== match) {
      live.update({ ...installed, farPages: far });
      earlier.link(extended);
    }
    const isComplete = far.length === farPages.length;
    if (!isComplete) this.#incomplete.set(slot, { match: extended, attempts: attempts - 1 });
    return isComplete;
  }

  /** Everything decoded was dropped. */
  cleared(): void {
    this.#incomplete.clear();
    this.#missed.clear();
    this.#parts.earlier.clear();
  }

  /** Leads a block to the region that an earlier run has made of the same code, if there is one. */
  #take(block: HotBlock): boolean {
    const { earlier, live, placement } = this.#parts;
    for (const match of earlier.matches(block)) {
      const { slot, region, mapped, module } = match;
      const { place, entries, known, pages, farPages, blocks } = region.raw;
      const slots = Array.from({ length: entries?.length ?? 1 }, (_, i) => live.at(place.slot + i));
      const isElsewhere = slots.some((other) => other && live.isUsed(other.block, other.slot));
      if ((isElsewhere && earlier.isElsewhere(match)) || !this.#use(module)) continue;
      const [own, far] = [pagesIn(pages, mapped), pagesIn(farPages, mapped)];
      placement.cover(block, blocks, [...own, ...far]);
      placement.defer(block, blocks, own);
      earlier.link(match);
      const rip = this.#parts.code.ripAt(block.address % pageBytes);
      const installed = { block, slot, pages: own, farPages: far, ...known, rip };
      placement.begin(installed);
      live.placeAgain(installed);
      if (far.length < farPages.length) this.#incomplete.set(slot, { match, attempts: mostAttempts });
      else this.#incomplete.delete(slot);
      this.counters.keptRegions++;
      return true;
    }
    return false;
  }

  /** Sees that a module of an earlier run is in use, in its own slots. */
  #use(module: EarlierModule): boolean {
    if (module.module) return true;
    const { earlier, live, instantiate } = this.#parts;
    const { kept } = module;
    if (!live.areFree(kept.slots)) {
      module.isLost = true;
      return false;
    }
    const compiled = earlier.compile(module);
    if (!compiled) return false;
    instantiate(compiled);
    module.module = compiled;
    module.wasUsed = true;
    const inUse = { kept, module: compiled, bytes: undefined };
    const entry: KeptInUse = {
      slots: kept.slots,
      bytes: kept.byteLength,
      onEvicted: () => earlier.unload(module),
      inUse,
    };
    live.install(entry);
    this.counters.keptModules++;
    return true;
  }

  /** What is to be kept of this run for others: what was made and what was used, and what nothing came to. */
  keep(): Omit<CodeInUse, 'blocks'> {
    const { earlier, live, parts } = this.#parts;
    const functionsAt = (first: number, count: number): unknown[] =>
      Array.from({ length: count }, (_, i) => parts.table.get(first + i) as unknown);
    const inUse = live.modules.flatMap(({ slots: { first, count }, inUse: module }: KeptInUse) =>
      module ? [{ ...module, functions: functionsAt(parts.firstSlot + first, count) }] : [],
    );
    const unused = earlier.modules
      .filter(({ isLost, wasUsed, kept }) => !isLost && !wasUsed && live.areFree(kept.slots))
      .map(({ kept }) => ({ kept, module: undefined, bytes: undefined, functions: [] }));
    const { module, table } = interpreterModule();
    const interpreter = { module, functions: functionsAt(0, table.size) };
    return { interpreter, modules: [...unused, ...inUse] };
  }
}
