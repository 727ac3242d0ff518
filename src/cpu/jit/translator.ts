import {
  type EngineParts,
  type HotBlock,
  type HotCode,
  interpreterModule,
  record,
  specialIndex,
  type TranslatedRegion,
} from '../interpreter/index.ts';
import { layout, modeKey, noLookupKey } from '../isa/x86/index.ts';
import { Batch } from './batch.ts';
import { describeRegion } from './describe-region.ts';
import { EarlierCode, type EarlierModule, pagesIn } from './earlier-code.ts';
import type { CodeInUse, ModuleInUse, ModuleKeeper } from './kept-modules.ts';
import { setLinks } from './links.ts';
import { codeBytesLimit, type Installed, LiveCode, type LiveModule } from './live-code.ts';
import { type CompiledModule, localWriter, type ModuleWriter, type WrittenModule } from './module-writer.ts';
import { beginProfile, continueProfile } from './profile.ts';
import type { Region, RegionPage } from './region.ts';
import type { Profiled } from './region-module.ts';
import { RunningCode } from './running-code.ts';

const pageBytes = 4096;

export interface JitOptions {
  /** Entries after which a block is hot. */
  readonly threshold?: number;
  /** Hot regions that wait for each other to be compiled together. */
  readonly batch?: number;
  /** Follow only code that has run already. Tests of few instructions follow all. */
  readonly followsWarmOnly?: boolean;
  /** Instructions of a region. */
  readonly regionInstructions?: number;
  /** Calls and indirect jumps that are seen before a region is translated with what they lead to; four times as many before the next. */
  readonly profiledJumps?: number;
  /** Where the code of earlier runs is, and this one's is to be kept. */
  readonly keeper?: ModuleKeeper | undefined;
}

const defaults = {
  threshold: 2_000,
  batch: 48,
  followsWarmOnly: true,
  regionInstructions: 250,
  profiledJumps: 300_000,
  keeper: undefined,
} as const;
/** Entries after which a block is looked for in the code of earlier runs. */
const entriesOfKept = 4;
/** Entries of a region's further blocks before they begin regions of their own. */
const deferral = 8_000;
/** How often a region looks up what it leads to, after translations changed, before the pages there are checked. */
const linkPatience = 32;
const mostProfiles = 3;
/** Entries after which a block is hot once more that was hot while the writer was busy; calls, for a region that was to be translated again. */
const retry = { entries: 500, profiledJumps: 10_000 } as const;
/** Places of translated code that statistics remember at most. */
const mostNoted = 1_000_000;

const notProfiled: Profiled = { targets: [], callTargets: undefined, profiles: 0 };

/** What there is once an engine is attached. */
interface Attached {
  readonly parts: EngineParts;
  readonly view: DataView;
  readonly code: RunningCode;
  readonly live: LiveCode;
  readonly earlier: EarlierCode | undefined;
}

/** A module that is in use, and what it takes to keep it. */
interface KeptInUse extends LiveModule {
  readonly inUse?: Omit<ModuleInUse, 'functions'>;
}

/** Translates hot code region by region, several to a Wasm module, and leads the blocks' first records there. */
export class RegionTranslator implements HotCode {
  readonly threshold: number;
  readonly #options: Required<JitOptions>;
  readonly #writer: ModuleWriter;
  #engine: Attached | undefined;
  #pending: Batch | undefined;
  /** Modules that can be had, of regions that are not installed yet. */
  #arrived: { readonly batch: Batch; readonly written: WrittenModule }[] = [];
  /** Counts the times that everything was dropped. */
  #epoch = 0;
  #counters = {
    translatedRegions: 0,
    dispatchingRegions: 0,
    translatedInstructions: 0,
    /** Of these, in copies of callees. */
    copiedInstructions: 0,
    translatedModules: 0,
    translatedBytes: 0,
    /** Of code that was translated before, at the same address; noted for statistics only. */
    retranslatedRegions: 0,
    verifications: 0,
    keptModules: 0,
    keptRegions: 0,
  };
  readonly #translated = new Set<string>();
  #translationMs = 0;
  #compilationMs = 0;

  constructor(options: JitOptions = {}, writer = localWriter) {
    this.#options = { ...defaults, ...options };
    this.#writer = writer;
    this.threshold = this.#options.threshold;
  }

  attach(parts: EngineParts): void {
    const { keeper } = this.#options;
    const code = new RunningCode(parts, this.#options);
    const earlier = keeper && new EarlierCode(keeper, parts, code);
    this.#engine = {
      parts,
      view: new DataView(parts.memory.buffer),
      code,
      live: new LiveCode(parts, this.threshold, earlier?.endSlot),
      earlier,
    };
    this.#writer.prepare();
  }

  note(block: HotBlock): void {
    const { live, view, code } = this.#attached;
    if (live.handlerOf(block) !== specialIndex('count') || this.#comesBack(block)) return;
    if (this.#writer.isBusy) {
      view.setUint32(block.start + record.immediate, retry.entries, true);
      return;
    }
    const begun = performance.now();
    const region = code.form(block, notProfiled);
    if (region.instructionCount > 0) this.#add(block, region, notProfiled);
    this.#translationMs += performance.now() - begun;
    if (this.#pending?.isFull) this.#finish();
  }

  entriesUntilHot(address: number, mode: number): number {
    return this.#attached.earlier?.mayHave(address, mode) ? Math.min(entriesOfKept, this.threshold) : this.threshold;
  }

  decoded(address: number, mode: number, start: number): void {
    this.#attached.earlier?.decoded(address, mode, start);
  }

  settle(): void {
    this.#installArrived();
    if (this.#pending?.isDue()) this.#finish();
    this.#attached.live.trim();
    this.#writer.rest();
  }

  cleared(): void {
    this.#attached.live.clear();
    this.#attached.earlier?.clear();
    this.#pending = undefined;
    this.#arrived = [];
    this.#epoch++;
  }

  /** The regions in use. */
  regions(): readonly TranslatedRegion[] {
    return this.#attached.live.inUse().map(({ rip, block, pages, targets }) => ({
      rip,
      mode: block.mode,
      pages: pages.length,
      entries: targets.length + 1,
    }));
  }

  /** What was made of the code at a RIP, as text: guest instructions, and below each its Wasm. */
  show(rip: bigint): string | undefined {
    const { live, code, parts } = this.#attached;
    const installed = live.inUse().find((region) => region.rip === rip);
    if (!installed) return undefined;
    const { block, slot, callTargets } = installed;
    const place = { mode: block.mode, slot, isFinal: callTargets !== undefined };
    return describeRegion(code.formAgain(installed), place, rip, parts, code.bytes);
  }

  counters(): Readonly<Record<string, number>> {
    const { live } = this.#attached;
    return {
      ...this.#counters,
      ...live.counters,
      liveModules: live.moduleCount,
      liveBytes: live.bytes,
      liveBytesLimit: codeBytesLimit,
      translationMs: Math.round(this.#translationMs),
      compilationMs: Math.round(this.#compilationMs),
    };
  }

  get #attached(): Attached {
    if (!this.#engine) throw new RangeError('Cannot translate: no engine is attached');
    return this.#engine;
  }

  /** The batch that waits, or a new one. */
  get #batch(): Batch {
    const { parts, code } = this.#attached;
    this.#pending ??= new Batch(this.#writer.begin(parts), {
      mostRegions: this.#options.batch,
      keeps: this.#options.keeper ? code.bytes : undefined,
    });
    return this.#pending;
  }

  #add(block: HotBlock, region: Region, profiled: Profiled): void {
    const { live, code, parts, view } = this.#attached;
    if (!live.takeSlots(1, () => this.#finish())) return;
    const slot = live.nextSlot;
    const pieces = piecesOf(region);
    this.#cover(block, pieces, [...region.pages, ...region.farPages]);
    this.#defer(block, pieces, region.pages);
    const isFinal = profiled.callTargets !== undefined;
    setLinks(view, region, slot);
    this.#batch.add({ region, place: { mode: block.mode, slot, isFinal }, known: profiled });
    const { pages, farPages } = region;
    const rip = code.ripAt(block.address % pageBytes);
    this.#place({ block, slot, pages, farPages, ...profiled, rip });
    this.#counters.translatedRegions++;
    this.#countIn(region);
    if (parts.countsInstructions) this.#noteAgain(block);
  }

  #countIn({ instructionCount, inlinedCount }: Region): void {
    this.#counters.translatedInstructions += instructionCount;
    this.#counters.copiedInstructions += inlinedCount;
  }

  #noteAgain({ address, mode }: HotBlock): void {
    const key = `${address} ${mode}`;
    if (this.#translated.has(key)) this.#counters.retranslatedRegions++;
    else if (this.#translated.size < mostNoted) this.#translated.add(key);
  }

  #place(installed: Installed): void {
    this.#batch.place(installed);
    this.#attached.live.place(installed);
    this.#begin(installed);
  }

  #begin({ slot, profiles }: Installed): void {
    const { view, parts } = this.#attached;
    view.setUint32(layout.regionKeys + 4 * slot, 0, true);
    view.setUint32(layout.linkKeys + 4 * slot, 0, true);
    parts.onPlaced(slot);
    view.setUint32(layout.linkMisses + 4 * slot, linkPatience, true);
    beginProfile(view, slot, this.#options.profiledJumps << (2 * profiles));
  }

  /** Leads a block to the region that an earlier run has made of the same code, if there is one. */
  #comesBack(block: HotBlock): boolean {
    const { earlier, live, code } = this.#attached;
    if (!earlier) return false;
    const begun = performance.now();
    let isBack = false;
    for (const match of earlier.matches(block)) {
      const { slot, region, mapped, module } = match;
      const { place, entries, known, pages, farPages, blocks } = region.raw;
      const slots = Array.from({ length: entries?.length ?? 1 }, (_, i) => live.at(place.slot + i));
      const isElsewhere = slots.some((other) => other && live.isUsed(other.block, other.slot));
      if ((isElsewhere && earlier.isElsewhere(match)) || !this.#use(earlier, module)) continue;
      const [own, far] = [pagesIn(pages, mapped), pagesIn(farPages, mapped)];
      this.#cover(block, blocks, [...own, ...far]);
      this.#defer(block, blocks, own);
      earlier.link(match);
      const rip = code.ripAt(block.address % pageBytes);
      const installed = { block, slot, pages: own, farPages: far, ...known, rip };
      this.#begin(installed);
      live.placeAgain(installed);
      this.#counters.keptRegions++;
      isBack = true;
      break;
    }
    this.#compilationMs += performance.now() - begun;
    return isBack;
  }

  /** Sees that a module of an earlier run is in use, in its own slots. */
  #use(earlier: EarlierCode, module: EarlierModule): boolean {
    if (module.module) return true;
    const { live } = this.#attached;
    const { kept } = module;
    if (!live.areFree(kept.slots)) {
      module.isLost = true;
      return false;
    }
    const compiled = earlier.compile(module);
    if (!compiled) return false;
    this.#instantiate(compiled);
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
    this.#counters.keptModules++;
    return true;
  }

  /** What is to be kept of this run for others: what was made and what was used, and what nothing came to. */
  keep(): CodeInUse {
    const { earlier, live, parts } = this.#attached;
    const functionsAt = (first: number, count: number): unknown[] =>
      Array.from({ length: count }, (_, i) => parts.table.get(first + i) as unknown);
    const inUse = live.modules.flatMap(({ slots: { first, count }, inUse: module }: KeptInUse) =>
      module ? [{ ...module, functions: functionsAt(parts.firstSlot + first, count) }] : [],
    );
    const unused = (earlier?.modules ?? [])
      .filter(({ isLost, wasUsed, kept }) => !isLost && !wasUsed && live.areFree(kept.slots))
      .map(({ kept }) => ({ kept, module: undefined, bytes: undefined, functions: [] }));
    const { module, table } = interpreterModule();
    const interpreter = { module, functions: functionsAt(0, table.size) };
    return { interpreter, modules: [...unused, ...inUse] };
  }

  /**
   * A region's indirect jumps have been seen: translates it anew together with what they led to, and what that led to.
   * Called by generated code while the region runs, so that its pages are mapped.
   */
  #noteProfile(slot: number): void {
    const { live, view, code } = this.#attached;
    const installed = live.at(slot);
    if (!installed || installed.profiles >= mostProfiles) return;
    if (this.#writer.isBusy) {
      continueProfile(view, slot, retry.profiledJumps);
      return;
    }
    const begun = performance.now();
    const targets = code.jumpTargetsOf(installed);
    const callTargets = installed.callTargets ?? code.callTargetsOf(installed);
    const profiled = { targets, callTargets, profiles: installed.profiles + 1 };
    if (targets.length > installed.targets.length) this.#addDispatching(installed, profiled);
    else if (!installed.callTargets) {
      const known = { ...profiled, targets: [] };
      const region = code.form(installed.block, known);
      if (region.inlinedCount > 0) this.#add(installed.block, region, known);
    }
    this.#translationMs += performance.now() - begun;
  }

  #addDispatching({ block }: Installed, profiled: Profiled): void {
    const { live, code, view } = this.#attached;
    const region = code.form(block, profiled);
    const entries = this.#entriesOf(block, region);
    if (entries.length === 0 || !live.takeSlots(entries.length, () => this.#finish())) return;
    const slot = live.nextSlot;
    const is64 = (block.mode & modeKey.codeMask) === modeKey.code64;
    const places = entries.map(({ offset }) => ({ page: offset >> 12, pageOffset: offset & (pageBytes - 1), is64 }));
    const isFinal = profiled.callTargets !== undefined;
    setLinks(view, region, slot);
    this.#batch.add({ region, place: { mode: block.mode, slot, isFinal }, entries: places, known: profiled });
    for (const [i, entry] of entries.entries()) {
      const { pages, farPages } = region;
      this.#cover(entry.block, piecesOf(region), [...pages, ...farPages]);
      const rip = code.ripAt(entry.offset);
      this.#place({ block: entry.block, slot: slot + i, pages, farPages, ...profiled, rip });
    }
    this.#counters.dispatchingRegions++;
    this.#countIn(region);
  }

  /** The blocks where a dispatching region may be entered, its own first. */
  #entriesOf({ mode }: HotBlock, { blocks }: Region): { offset: number; block: HotBlock }[] {
    return (blocks[0]?.targets ?? []).flatMap((index) => {
      const offset = blocks[index]?.instructions[0]?.offset ?? 0;
      const block = this.#attached.code.blockAt(offset, mode);
      return block ? [{ offset, block }] : [];
    });
  }

  /** Writes to any code of the region drop it. */
  #cover(block: HotBlock, pieces: readonly Piece[], pages: readonly RegionPage[]): void {
    const { cache } = this.#attached.parts;
    for (const { index, address } of pages) {
      const [from, to] = [index * pageBytes, (index + 1) * pageBytes];
      for (const { start, end } of pieces) {
        const first = Math.max(start, from);
        const length = Math.min(end, to) - first;
        if (length > 0) cache.cover(block, address + first - from, length);
      }
    }
  }

  /**
   * The region's other blocks run as often as its first one until it is there, and seldom begin one of their own when it is:
   * they begin to count anew. Half of all regions were made for nothing without this.
   */
  #defer({ mode }: HotBlock, pieces: readonly Piece[], pages: readonly RegionPage[]): void {
    const { view, parts } = this.#attached;
    const counter = specialIndex('count');
    for (const { start: offset, end } of pieces) {
      const page = end === offset ? undefined : pages.find(({ index }) => index === offset >> 12);
      if (!page) continue;
      const start = parts.cache.peek(page.address + (offset & (pageBytes - 1)), mode);
      if (start === undefined || view.getUint16(start + record.handler, true) !== counter) continue;
      view.setUint32(start + record.immediate, deferral, true);
    }
  }

  /** Has what waits written. */
  #finish(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (!pending || pending.regions.length === 0) return;
    const epoch = this.#epoch;
    pending.finish((written) => {
      if (epoch === this.#epoch) this.#arrived.push({ batch: pending, written });
    });
    this.#installArrived();
  }

  #installArrived(): void {
    if (this.#arrived.length === 0) return;
    const begun = performance.now();
    for (const { batch, written } of this.#arrived.splice(0)) this.#install(batch, written());
    this.#compilationMs += performance.now() - begun;
  }

  /** Fills the slots, and leads blocks there that are still as they were when they were translated. */
  #install(batch: Batch, { module, bytes }: CompiledModule): void {
    const { live } = this.#attached;
    this.#instantiate(module);
    for (const region of batch.regions) live.lead(region);
    const kept = batch.kept(bytes.length);
    const inUse = kept && { kept, module, bytes };
    const entry: KeptInUse = { slots: batch.slots, bytes: bytes.length, ...(inUse && { inUse }) };
    live.install(entry);
    this.#counters.translatedModules++;
    this.#counters.translatedBytes += bytes.length;
  }

  /** An instance fills its slots. */
  #instantiate(module: WebAssembly.Module): void {
    const { env, core } = this.#attached.parts;
    const callbacks = {
      verify: (slot: number) => (slot < 0 ? this.#verifyLinks(~slot) : this.#verify(slot)),
      noteProfile: (slot: number) => this.#noteProfile(slot),
    };
    new WebAssembly.Instance(module, { env: { ...env, ...callbacks }, core });
  }

  /** Whether the pages of a region that was just entered are mapped as they were; 1 holds until translations change. */
  #verify(slot: number): number {
    const installed = this.#attached.live.at(slot);
    if (!installed || !this.#areMapped(installed.pages)) return 0;
    this.#noteVerified(layout.regionKeys, slot);
    return 1;
  }

  /** The same for the pages that the running region leads to, when it has often looked up what is there. */
  #verifyLinks(slot: number): number {
    const { live, view } = this.#attached;
    const installed = live.at(slot);
    const areMapped = installed !== undefined && this.#areMapped(installed.farPages);
    view.setUint32(layout.linkMisses + 4 * slot, areMapped ? linkPatience : 64 * linkPatience, true);
    if (areMapped) this.#noteVerified(layout.linkKeys, slot);
    return areMapped ? 1 : 0;
  }

  #areMapped(pages: Installed['pages']): boolean {
    this.#counters.verifications++;
    return this.#attached.code.areMapped(pages);
  }

  /** Code that is not flat has no key that changes with translations: it is verified each time. */
  #noteVerified(keys: number, slot: number): void {
    const { view, code } = this.#attached;
    const key = view.getInt32(code.isInUpperPart() ? layout.lookupKeyHigh : layout.lookupKey, true);
    if (key !== noLookupKey) view.setInt32(keys + 4 * slot, key, true);
  }
}

/** Code from one offset to another. */
interface Piece {
  readonly start: number;
  readonly end: number;
}

const piecesOf = ({ blocks }: Region): Piece[] =>
  blocks.map(({ instructions, end }) => ({ start: instructions[0]?.offset ?? end, end }));
