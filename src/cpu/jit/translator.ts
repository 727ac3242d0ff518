import {
  type EngineParts,
  type HotBlock,
  type HotCode,
  record,
  specialIndex,
  type TranslatedRegion,
} from '../interpreter/index.ts';
import { layout, modeKey, noLookupKey } from '../isa/x86/index.ts';
import { describeRegion } from './describe-region.ts';
import { upperPartOf } from './exits.ts';
import { codeBytesLimit, type Installed, LiveCode } from './live-code.ts';
import { localWriter, type ModuleDraft, type ModuleWriter } from './module-writer.ts';
import { beginProfile, continueProfile, profiledOffsets } from './profile.ts';
import {
  type CodeSource,
  formRegion,
  type Inlining,
  type Region,
  type RegionLimits,
  type RegionPage,
} from './region.ts';

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
}

const defaults = {
  threshold: 2_000,
  batch: 48,
  followsWarmOnly: true,
  regionInstructions: 250,
  profiledJumps: 300_000,
} as const;
/** Entries of a region's further blocks before they begin regions of their own. */
const deferral = 8_000;
const regionPages = 12;
/** How often a region looks up what it leads to, after translations changed, before the pages there are checked. */
const linkPatience = 32;
const mostProfiles = 3;
const mostTargets = 96;
const farthestTarget = 28 * pageBytes;
/** Instructions of a region with several entries. */
const dispatchingInstructions = 700;
/** Instructions that are compiled together at most: about 64 KiB of Wasm. */
const moduleInstructions = 640;
/** Entries after which a block is hot once more that was hot while the writer was busy; calls, for a region that was to be translated again. */
const retry = { entries: 500, profiledJumps: 10_000 } as const;
/** Slices that hot code waits for more of its kind to be compiled with; they may be short, so for so many ms of them at most. */
const patience = { least: 16, most: 160, ms: 16 } as const;

/** Places of translated code that statistics remember at most. */
const mostNoted = 1_000_000;

/** Instructions of the copies of callees in a region, and of one callee. */
const inlinedInstructions = 300;
const calleeInstructions = 48;

const inliningOf = (callTargets: readonly number[] | undefined): Inlining | undefined =>
  callTargets && { instructions: inlinedInstructions, calleeInstructions, callTargets };

/** A module that regions are added to. */
interface Pending {
  readonly draft: ModuleDraft;
  readonly regions: Installed[];
  instructions: number;
}

/** Translates hot code region by region, several to a Wasm module, and leads the blocks' first records there. */
export class RegionTranslator implements HotCode {
  readonly threshold: number;
  readonly #options: Required<JitOptions>;
  #parts: EngineParts | undefined;
  #code: Uint8Array = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));
  readonly #writer: ModuleWriter;
  #pending: Pending | undefined;
  /** Counts the times that everything was dropped. */
  #epoch = 0;
  #waited = 0;
  #pendingSince = 0;
  #live: LiveCode | undefined;
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
    this.#parts = parts;
    this.#code = new Uint8Array(parts.memory.buffer);
    this.#view = new DataView(parts.memory.buffer);
    this.#live = new LiveCode(parts, this.threshold);
  }

  note(block: HotBlock): void {
    if (this.#room.handlerOf(block) !== specialIndex('count')) return;
    if (this.#writer.isBusy) {
      this.#view.setUint32(block.start + record.immediate, retry.entries, true);
      return;
    }
    const begun = performance.now();
    const region = this.#form(block);
    if (region.instructionCount > 0) this.#add(block, region, { callTargets: undefined, profiles: 0 });
    this.#translationMs += performance.now() - begun;
    if (this.#pending && this.#isFull(this.#pending)) this.#finish();
  }

  settle(): void {
    if (this.#pending && ++this.#waited > patience.least && this.#isOverdue()) this.#finish();
    this.#room.trim();
    this.#writer.rest();
  }

  #isOverdue(): boolean {
    return this.#waited > patience.most || performance.now() - this.#pendingSince > patience.ms;
  }

  cleared(): void {
    this.#room.clear();
    this.#pending = undefined;
    this.#epoch++;
  }

  /** The regions in use. */
  regions(): readonly TranslatedRegion[] {
    return this.#room.inUse().map(({ rip, block, pages, targets }) => ({
      rip,
      mode: block.mode,
      pages: pages.length,
      entries: targets.length + 1,
    }));
  }

  /** What was made of the code at a RIP, as text: guest instructions, and below each its Wasm. */
  show(rip: bigint): string | undefined {
    for (const { rip: at, block, slot, pages, farPages, targets, callTargets } of this.#room.inUse()) {
      if (at !== rip) continue;
      const known = [...pages, ...farPages];
      const pageAt = (index: number): number => known.find((page) => page.index === index)?.address ?? -1;
      const verifiesFar = BigInt.asUintN(64, rip) >= upperPartOf(block.mode);
      const source = { ...this.#sourceOf(block), pageAt, verifiesFar };
      const region = formRegion(source, block.address % pageBytes, this.#limitsOf(targets), {
        targets,
        inlining: inliningOf(callTargets),
      });
      const isFinal = callTargets !== undefined;
      return describeRegion(region, { mode: block.mode, slot, isFinal }, rip, this.#attached, this.#code);
    }
    return undefined;
  }

  counters(): Readonly<Record<string, number>> {
    return {
      ...this.#counters,
      ...this.#room.counters,
      liveModules: this.#room.moduleCount,
      liveBytes: this.#room.bytes,
      liveBytesLimit: codeBytesLimit,
      translationMs: Math.round(this.#translationMs),
      compilationMs: Math.round(this.#compilationMs),
    };
  }

  get #room(): LiveCode {
    if (!this.#live) throw new RangeError('Cannot translate: no engine is attached');
    return this.#live;
  }

  get #attached(): EngineParts {
    if (!this.#parts) throw new RangeError('Cannot translate: no engine is attached');
    return this.#parts;
  }

  #form(block: HotBlock, targets: readonly number[] = [], callTargets?: readonly number[]): Region {
    const inlining = inliningOf(callTargets);
    return formRegion(this.#sourceOf(block), block.address % pageBytes, this.#limitsOf(targets), { targets, inlining });
  }

  #limitsOf(targets: readonly number[]): RegionLimits {
    const instructions = targets.length > 0 ? dispatchingInstructions : this.#options.regionInstructions;
    return { instructions, pages: regionPages };
  }

  #sourceOf({ address, mode }: HotBlock): CodeSource {
    const { cache, codePageAt } = this.#attached;
    const page = address - (address % pageBytes);
    const { followsWarmOnly } = this.#options;
    return {
      bytes: this.#code,
      mode,
      pageAt: (index) => (index === 0 ? page : codePageAt(index, !followsWarmOnly)),
      isWarm: (at) => !followsWarmOnly || cache.peek(at, mode) !== undefined,
      recordAt: (at) => cache.peek(at, mode),
      verifiesFar: this.#isInUpperPart(),
    };
  }

  /** RIP of an offset from the running code's page. */
  #ripAt(offset: number): bigint {
    return BigInt.asUintN(64, this.#view.getBigInt64(layout.codePage, true) + BigInt(offset));
  }

  #add(block: HotBlock, region: Region, profiled: Pick<Installed, 'callTargets' | 'profiles'>): void {
    if (!this.#room.takeSlots(1, () => this.#finish())) return;
    const slot = this.#room.nextSlot;
    const pending = (this.#pending ??= this.#begin());
    this.#cover(block, region);
    this.#defer(block, region);
    pending.draft.add({ region, place: { mode: block.mode, slot, isFinal: profiled.callTargets !== undefined } });
    pending.instructions += region.instructionCount;
    const { pages, farPages } = region;
    const rip = this.#ripAt(block.address % pageBytes);
    this.#place(pending.regions, { block, slot, pages, farPages, targets: [], ...profiled, rip });
    this.#counters.translatedRegions++;
    this.#counters.translatedInstructions += region.instructionCount;
    this.#counters.copiedInstructions += region.inlinedCount;
    if (this.#attached.countsInstructions) this.#noteAgain(block);
  }

  #noteAgain({ address, mode }: HotBlock): void {
    const key = `${address} ${mode}`;
    if (this.#translated.has(key)) this.#counters.retranslatedRegions++;
    else if (this.#translated.size < mostNoted) this.#translated.add(key);
  }

  #place(regions: Installed[], installed: Installed): void {
    const { slot } = installed;
    regions.push(installed);
    this.#room.place(installed);
    this.#view.setUint32(layout.regionKeys + 4 * slot, 0, true);
    this.#view.setUint32(layout.linkKeys + 4 * slot, 0, true);
    this.#view.setUint32(layout.linkMisses + 4 * slot, linkPatience, true);
    beginProfile(this.#view, slot, this.#options.profiledJumps << (2 * installed.profiles));
  }

  /**
   * A region's indirect jumps have been seen: translates it anew together with what they led to, and what that led to.
   * Called by generated code while the region runs, so that its pages are mapped.
   */
  #noteProfile(slot: number): void {
    const installed = this.#room.at(slot);
    if (!installed || installed.profiles >= mostProfiles) return;
    if (this.#writer.isBusy) {
      continueProfile(this.#view, slot, retry.profiledJumps);
      return;
    }
    const begun = performance.now();
    const targets = this.#targetsOf(installed);
    const callTargets = installed.callTargets ?? this.#profiled(slot, 'calls');
    const profiles = installed.profiles + 1;
    if (targets.length > installed.targets.length) this.#addDispatching(installed, targets, { callTargets, profiles });
    else if (!installed.callTargets) {
      const region = this.#form(installed.block, [], callTargets);
      if (region.inlinedCount > 0) this.#add(installed.block, region, { callTargets, profiles });
    }
    this.#translationMs += performance.now() - begun;
  }

  /** Offsets that a region's indirect jumps have led to, and so on from the regions there. */
  #targetsOf({ slot, block, targets }: Installed): number[] {
    const { cache, codePageAt, firstSlot } = this.#attached;
    const found = new Set(targets);
    const open = [slot];
    for (let from = open.pop(); from !== undefined; from = open.pop()) {
      for (const offset of this.#profiled(from, 'jumps')) {
        const page = codePageAt(offset >> 12, false);
        const start = page < 0 ? undefined : cache.peek(page + (offset & (pageBytes - 1)), block.mode);
        if (start === undefined || found.has(offset) || found.size >= mostTargets) continue;
        found.add(offset);
        const handler = this.#view.getUint16(start + record.handler, true);
        if (handler >= firstSlot) open.push(handler - firstSlot);
      }
    }
    return [...found];
  }

  #profiled(slot: number, of: 'jumps' | 'calls'): number[] {
    const codePage = this.#view.getBigInt64(layout.codePage, true);
    return profiledOffsets(this.#view, slot, { codePage, farthest: farthestTarget, of });
  }

  #addDispatching(
    { block }: Installed,
    targets: readonly number[],
    profiled: Pick<Installed, 'callTargets' | 'profiles'>,
  ): void {
    const region = this.#form(block, targets, profiled.callTargets);
    const entries = this.#entriesOf(block, region);
    if (entries.length === 0 || !this.#room.takeSlots(entries.length, () => this.#finish())) return;
    const pending = (this.#pending ??= this.#begin());
    const slot = this.#room.nextSlot;
    const is64 = (block.mode & modeKey.codeMask) === modeKey.code64;
    const places = entries.map(({ offset }) => ({ page: offset >> 12, pageOffset: offset & (pageBytes - 1), is64 }));
    const isFinal = profiled.callTargets !== undefined;
    pending.draft.add({ region, place: { mode: block.mode, slot, isFinal }, entries: places });
    pending.instructions += region.instructionCount;
    for (const [i, entry] of entries.entries()) {
      this.#cover(entry.block, region);
      const rip = this.#ripAt(entry.offset);
      const { pages, farPages } = region;
      const installed = { block: entry.block, slot: slot + i, pages, farPages, targets, ...profiled, rip };
      this.#place(pending.regions, installed);
    }
    this.#counters.dispatchingRegions++;
    this.#counters.translatedInstructions += region.instructionCount;
    this.#counters.copiedInstructions += region.inlinedCount;
  }

  /** The blocks where a dispatching region may be entered, its own first. */
  #entriesOf(own: HotBlock, { blocks }: Region): { offset: number; block: HotBlock }[] {
    const { cache, codePageAt } = this.#attached;
    return (blocks[0]?.targets ?? []).flatMap((index) => {
      const offset = blocks[index]?.instructions[0]?.offset ?? 0;
      const address = codePageAt(offset >> 12, false) + (offset & (pageBytes - 1));
      const start = cache.peek(address, own.mode);
      return start === undefined ? [] : [{ offset, block: { address, mode: own.mode, start } }];
    });
  }

  #begin(): Pending {
    this.#waited = 0;
    this.#pendingSince = performance.now();
    return { draft: this.#writer.begin(this.#attached), regions: [], instructions: 0 };
  }

  /** Writes to any code of the region drop it. */
  #cover(block: HotBlock, { blocks, pages, farPages }: Region): void {
    const { cache } = this.#attached;
    for (const { index, address } of [...pages, ...farPages]) {
      const [from, to] = [index * pageBytes, (index + 1) * pageBytes];
      for (const { instructions, end } of blocks) {
        const start = Math.max(instructions[0]?.offset ?? end, from);
        const length = Math.min(end, to) - start;
        if (length > 0) cache.cover(block, address + start - from, length);
      }
    }
  }

  /**
   * The region's other blocks run as often as its first one until it is there, and seldom begin one of their own when it is:
   * they begin to count anew. Half of all regions were made for nothing without this.
   */
  #defer({ mode }: HotBlock, { blocks, pages }: Region): void {
    const { cache } = this.#attached;
    const counter = specialIndex('count');
    for (const { instructions } of blocks) {
      const offset = instructions[0]?.offset;
      const page = offset === undefined ? undefined : pages.find(({ index }) => index === offset >> 12);
      if (offset === undefined || !page) continue;
      const start = cache.peek(page.address + (offset & (pageBytes - 1)), mode);
      if (start === undefined || this.#view.getUint16(start + record.handler, true) !== counter) continue;
      this.#view.setUint32(start + record.immediate, deferral, true);
    }
  }

  #isFull({ regions, instructions }: Pending): boolean {
    return regions.length >= this.#options.batch || instructions >= moduleInstructions;
  }

  /** Has what waits written, and installs it when that is done, unless everything was dropped by then. */
  #finish(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (!pending || pending.regions.length === 0) return;
    const epoch = this.#epoch;
    pending.draft.finish((module, byteLength) => {
      if (epoch === this.#epoch) this.#install(pending.regions, module, byteLength);
    });
  }

  /** Fills the slots, and leads blocks there that are still as they were when they were translated. */
  #install(regions: readonly Installed[], module: WebAssembly.Module, byteLength: number): void {
    const { env, core } = this.#attached;
    const callbacks = {
      verify: (slot: number) => (slot < 0 ? this.#verifyLinks(~slot) : this.#verify(slot)),
      noteProfile: (slot: number) => this.#noteProfile(slot),
    };
    const begun = performance.now();
    new WebAssembly.Instance(module, { env: { ...env, ...callbacks }, core });
    this.#compilationMs += performance.now() - begun;
    this.#room.install({ regions, bytes: byteLength });
    this.#counters.translatedModules++;
    this.#counters.translatedBytes += byteLength;
  }

  /** Whether the pages of a region that was just entered are mapped as they were; 1 holds until translations change. */
  #verify(slot: number): number {
    const installed = this.#room.at(slot);
    if (!installed) return 0;
    if (!this.#areMapped(installed.pages)) return 0;
    this.#noteVerified(layout.regionKeys, slot);
    return 1;
  }

  /** The same for the pages that the running region leads to, when it has often looked up what is there. */
  #verifyLinks(slot: number): number {
    const installed = this.#room.at(slot);
    const areMapped = installed !== undefined && this.#areMapped(installed.farPages);
    this.#view.setUint32(layout.linkMisses + 4 * slot, areMapped ? linkPatience : 64 * linkPatience, true);
    if (areMapped) this.#noteVerified(layout.linkKeys, slot);
    return areMapped ? 1 : 0;
  }

  #areMapped(pages: readonly RegionPage[]): boolean {
    this.#counters.verifications++;
    return pages.every(({ index, address }) => this.#attached.codePageAt(index, true) === address);
  }

  /** Code that is not flat has no key that changes with translations: it is verified each time. */
  #noteVerified(keys: number, slot: number): void {
    const key = this.#view.getInt32(this.#isInUpperPart() ? layout.lookupKeyHigh : layout.lookupKey, true);
    if (key !== noLookupKey) this.#view.setInt32(keys + 4 * slot, key, true);
  }

  /** Of the running code: a kernel's, whose translations seldom change. */
  #isInUpperPart(): boolean {
    return this.#view.getBigUint64(layout.codePage, true) >= this.#view.getBigUint64(layout.upperPart, true);
  }
}
