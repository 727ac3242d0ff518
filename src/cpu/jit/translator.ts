import {
  type EngineParts,
  type HotBlock,
  type HotCode,
  record,
  specialIndex,
  type TranslatedRegion,
} from '../interpreter/index.ts';
import { modeKey } from '../isa/x86/index.ts';
import { Batch } from './batch.ts';
import { Comeback, type KeptInUse } from './comeback.ts';
import { describeRegion } from './describe-region.ts';
import { EarlierCode } from './earlier-code.ts';
import type { CodeInUse, ModuleKeeper } from './kept-modules.ts';
import { setLinks, writeLookupRecords } from './links.ts';
import { codeBytesLimit, type Installed, LiveCode } from './live-code.ts';
import { type CompiledModule, localWriter, type ModuleWriter, type WrittenModule } from './module-writer.ts';
import { continueProfile } from './profile.ts';
import type { Region } from './region.ts';
import type { Profiled } from './region-module.ts';
import { piecesOf, RegionPlacement } from './region-placement.ts';
import { RunningCode } from './running-code.ts';
import { Verification } from './verification.ts';

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
  readonly placement: RegionPlacement;
  readonly verification: Verification;
  readonly comeback: Comeback | undefined;
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
    const live = new LiveCode(parts, this.threshold, earlier?.endSlot);
    const placement = new RegionPlacement(parts, this.#options.profiledJumps);
    const instantiate = (module: WebAssembly.Module) => this.#instantiate(module);
    const verification = new Verification(live, code);
    const comeback = earlier && new Comeback({ parts, earlier, live, code, placement, instantiate });
    if (comeback) verification.onLinks = (slot) => comeback.complete(slot);
    const view = new DataView(parts.memory.buffer);
    writeLookupRecords(view);
    this.#engine = { parts, view, code, live, placement, verification, comeback };
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
    return Math.min(this.#attached.comeback?.entriesUntilTried(address, mode) ?? this.threshold, this.threshold);
  }

  decoded(address: number, mode: number, start: number): void {
    this.#attached.comeback?.decoded(address, mode, start);
  }

  settle(): void {
    this.#installArrived();
    if (this.#pending?.isDue()) this.#finish();
    this.#attached.live.trim();
    this.#writer.rest();
  }

  cleared(): void {
    this.#attached.live.clear();
    this.#attached.comeback?.cleared();
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
    const { live, verification, comeback } = this.#attached;
    return {
      ...this.#counters,
      ...comeback?.counters,
      verifications: verification.count,
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
    const { live, code, parts, view, placement } = this.#attached;
    if (!live.takeSlots(1, () => this.#finish())) return;
    const slot = live.nextSlot;
    const pieces = piecesOf(region);
    placement.cover(block, pieces, [...region.pages, ...region.farPages]);
    placement.defer(block, pieces, region.pages);
    const isFinal = profiled.callTargets !== undefined;
    setLinks(view, region, { slot });
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
    this.#attached.placement.begin(installed);
  }

  /** Whether a block needs no translation now, because of what earlier runs have made of its code. */
  #comesBack(block: HotBlock): boolean {
    const { comeback } = this.#attached;
    if (!comeback) return false;
    const begun = performance.now();
    const isHandled = comeback.handles(block, this.threshold);
    this.#compilationMs += performance.now() - begun;
    return isHandled;
  }

  /** What is to be kept of this run for others; RangeError without a keeper. */
  keep(): Omit<CodeInUse, 'blocks'> {
    const { comeback } = this.#attached;
    if (!comeback) throw new RangeError('Cannot keep translated code: there is no keeper');
    return comeback.keep();
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
    const { live, code, view, placement } = this.#attached;
    const region = code.form(block, profiled);
    const entries = this.#entriesOf(block, region);
    if (entries.length === 0 || !live.takeSlots(entries.length, () => this.#finish())) return;
    const slot = live.nextSlot;
    const is64 = (block.mode & modeKey.codeMask) === modeKey.code64;
    const places = entries.map(({ offset }) => ({ page: offset >> 12, pageOffset: offset & (pageBytes - 1), is64 }));
    const isFinal = profiled.callTargets !== undefined;
    setLinks(view, region, { slot, slotCount: entries.length });
    this.#batch.add({ region, place: { mode: block.mode, slot, isFinal }, entries: places, known: profiled });
    for (const [i, entry] of entries.entries()) {
      const { pages, farPages } = region;
      placement.cover(entry.block, piecesOf(region), [...pages, ...farPages]);
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
    const { parts, verification } = this.#attached;
    const { env, core } = parts;
    const callbacks = {
      verify: (slot: number) => (slot < 0 ? verification.links(~slot) : verification.region(slot)),
      noteProfile: (slot: number) => this.#noteProfile(slot),
    };
    new WebAssembly.Instance(module, { env: { ...env, ...callbacks }, core });
  }
}
