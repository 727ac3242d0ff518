import {
  type EngineParts,
  type HotBlock,
  type HotCode,
  record,
  specialIndex,
  type TranslatedRegion,
} from '../interpreter/index.ts';
import { layout, modeKey, noLookupKey } from '../isa/x86/index.ts';
import { Batch } from './batch.ts';
import { describeRegion } from './describe-region.ts';
import { codeBytesLimit, type Installed, LiveCode } from './live-code.ts';
import { type CompiledModule, localWriter, type ModuleWriter, type WrittenModule } from './module-writer.ts';
import { beginProfile, continueProfile } from './profile.ts';
import type { Region } from './region.ts';
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
/** How often a region looks up what it leads to, after translations changed, before the pages there are checked. */
const linkPatience = 32;
const mostProfiles = 3;
/** Entries after which a block is hot once more that was hot while the writer was busy; calls, for a region that was to be translated again. */
const retry = { entries: 500, profiledJumps: 10_000 } as const;
/** Places of translated code that statistics remember at most. */
const mostNoted = 1_000_000;

/** What is known of a region's calls and jumps by having seen them. */
type Profiled = Pick<Installed, 'callTargets' | 'profiles'>;

const notProfiled: Profiled = { callTargets: undefined, profiles: 0 };

/** What there is once an engine is attached. */
interface Attached {
  readonly parts: EngineParts;
  readonly view: DataView;
  readonly code: RunningCode;
  readonly live: LiveCode;
}

/** Translates hot code region by region, several to a Wasm module, and leads the blocks' first records there. */
export class RegionTranslator implements HotCode {
  readonly threshold: number;
  readonly #options: Required<JitOptions>;
  readonly #writer: ModuleWriter;
  #engine: Attached | undefined;
  #pending: Batch | undefined;
  /** Modules that can be had, of regions that are not installed yet. */
  #arrived: { readonly regions: readonly Installed[]; readonly written: WrittenModule }[] = [];
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
    this.#engine = {
      parts,
      view: new DataView(parts.memory.buffer),
      code: new RunningCode(parts, this.#options),
      live: new LiveCode(parts, this.threshold),
    };
    this.#writer.prepare();
  }

  note(block: HotBlock): void {
    const { live, view, code } = this.#attached;
    if (live.handlerOf(block) !== specialIndex('count')) return;
    if (this.#writer.isBusy) {
      view.setUint32(block.start + record.immediate, retry.entries, true);
      return;
    }
    const begun = performance.now();
    const region = code.form(block, { targets: [], callTargets: undefined });
    if (region.instructionCount > 0) this.#add(block, region, notProfiled);
    this.#translationMs += performance.now() - begun;
    if (this.#pending?.isFull) this.#finish();
  }

  settle(): void {
    this.#installArrived();
    if (this.#pending?.isDue()) this.#finish();
    this.#attached.live.trim();
    this.#writer.rest();
  }

  cleared(): void {
    this.#attached.live.clear();
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
    this.#pending ??= new Batch(this.#writer.begin(this.#attached.parts), this.#options.batch);
    return this.#pending;
  }

  #add(block: HotBlock, region: Region, profiled: Profiled): void {
    const { live, code, parts } = this.#attached;
    if (!live.takeSlots(1, () => this.#finish())) return;
    const slot = live.nextSlot;
    this.#cover(block, region);
    this.#defer(block, region);
    const isFinal = profiled.callTargets !== undefined;
    this.#batch.add({ region, place: { mode: block.mode, slot, isFinal } });
    const { pages, farPages } = region;
    const rip = code.ripAt(block.address % pageBytes);
    this.#place({ block, slot, pages, farPages, targets: [], ...profiled, rip });
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
    const { live, view, parts } = this.#attached;
    const { slot } = installed;
    this.#batch.regions.push(installed);
    live.place(installed);
    view.setUint32(layout.regionKeys + 4 * slot, 0, true);
    view.setUint32(layout.linkKeys + 4 * slot, 0, true);
    parts.onPlaced(slot);
    view.setUint32(layout.linkMisses + 4 * slot, linkPatience, true);
    beginProfile(view, slot, this.#options.profiledJumps << (2 * installed.profiles));
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
    const profiled = { callTargets, profiles: installed.profiles + 1 };
    if (targets.length > installed.targets.length) this.#addDispatching(installed, targets, profiled);
    else if (!installed.callTargets) {
      const region = code.form(installed.block, { targets: [], callTargets });
      if (region.inlinedCount > 0) this.#add(installed.block, region, profiled);
    }
    this.#translationMs += performance.now() - begun;
  }

  #addDispatching({ block }: Installed, targets: readonly number[], profiled: Profiled): void {
    const { live, code } = this.#attached;
    const region = code.form(block, { targets, callTargets: profiled.callTargets });
    const entries = this.#entriesOf(block, region);
    if (entries.length === 0 || !live.takeSlots(entries.length, () => this.#finish())) return;
    const slot = live.nextSlot;
    const is64 = (block.mode & modeKey.codeMask) === modeKey.code64;
    const places = entries.map(({ offset }) => ({ page: offset >> 12, pageOffset: offset & (pageBytes - 1), is64 }));
    const isFinal = profiled.callTargets !== undefined;
    this.#batch.add({ region, place: { mode: block.mode, slot, isFinal }, entries: places });
    for (const [i, entry] of entries.entries()) {
      this.#cover(entry.block, region);
      const { pages, farPages } = region;
      const rip = code.ripAt(entry.offset);
      this.#place({ block: entry.block, slot: slot + i, pages, farPages, targets, ...profiled, rip });
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
  #cover(block: HotBlock, { blocks, pages, farPages }: Region): void {
    const { cache } = this.#attached.parts;
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
    const { view, parts } = this.#attached;
    const counter = specialIndex('count');
    for (const { instructions } of blocks) {
      const offset = instructions[0]?.offset;
      const page = offset === undefined ? undefined : pages.find(({ index }) => index === offset >> 12);
      if (offset === undefined || !page) continue;
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
      if (epoch === this.#epoch) this.#arrived.push({ regions: pending.regions, written });
    });
    this.#installArrived();
  }

  #installArrived(): void {
    if (this.#arrived.length === 0) return;
    const begun = performance.now();
    for (const { regions, written } of this.#arrived.splice(0)) this.#install(regions, written());
    this.#compilationMs += performance.now() - begun;
  }

  /** Fills the slots, and leads blocks there that are still as they were when they were translated. */
  #install(regions: readonly Installed[], { module, byteLength }: CompiledModule): void {
    const { parts, live } = this.#attached;
    const { env, core } = parts;
    const callbacks = {
      verify: (slot: number) => (slot < 0 ? this.#verifyLinks(~slot) : this.#verify(slot)),
      noteProfile: (slot: number) => this.#noteProfile(slot),
    };
    new WebAssembly.Instance(module, { env: { ...env, ...callbacks }, core });
    live.install({ regions, bytes: byteLength });
    this.#counters.translatedModules++;
    this.#counters.translatedBytes += byteLength;
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
