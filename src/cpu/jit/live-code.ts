import { type EngineParts, type HotBlock, record, specialIndex } from '../interpreter/index.ts';
import type { RegionPage } from './region.ts';
import type { Profiled } from './region-module.ts';

/** Wasm bytes of live modules, above which the oldest quarter goes and is translated anew when it gets hot again. */
export const codeBytesLimit = 24 << 20;

/** A translated region that is in use, or will be. */
export interface Installed extends Profiled {
  readonly block: HotBlock;
  readonly slot: number;
  readonly pages: readonly RegionPage[];
  readonly farPages: readonly RegionPage[];
  /** Where it was first entered. */
  readonly rip: bigint;
}

/** A module in use, of which all slots are taken: one that was kept has regions that nothing leads to yet. */
export interface LiveModule {
  readonly slots: { readonly first: number; readonly count: number };
  readonly bytes: number;
  /** It is given up. */
  onEvicted?(): void;
}

/** What V8 holds for a module of translated code, in bytes of its WebAssembly. */
const weightFactor = 8;

/**
 * As large as what V8 holds for so many bytes of WebAssembly, and never touched. V8's collector does not see what modules
 * take; with one of these beside each it knows when enough of them are dropped to look for them.
 */
export function weightOf(bytes: number): ArrayBuffer {
  const length = weightFactor * bytes;
  return new ArrayBuffer(length, { maxByteLength: length });
}

/** Places in the function table, which modules take in a ring, and the translated code that has them. */
export class LiveCode {
  readonly counters = { evictedModules: 0, evictedRegions: 0, mostLiveBytes: 0 };
  readonly #parts: EngineParts;
  readonly #view: DataView;
  readonly #threshold: number;
  readonly #bySlot = new Map<number, Installed>();
  /** Slots of modules in use and of regions that wait to be compiled. */
  readonly #taken = new Set<number>();
  /** Oldest first. */
  #modules: { readonly module: LiveModule; readonly weight: ArrayBuffer }[] = [];
  #nextSlot = 0;
  #bytes = 0;

  /** `threshold`: entries after which code is hot. `firstSlot`: slots before it are left for code that was kept. */
  constructor(parts: EngineParts, threshold: number, firstSlot = 0) {
    this.#parts = parts;
    this.#nextSlot = firstSlot;
    this.#view = new DataView(parts.memory.buffer);
    this.#threshold = threshold;
  }

  get moduleCount(): number {
    return this.#modules.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get modules(): LiveModule[] {
    return this.#modules.map(({ module }) => module);
  }

  get nextSlot(): number {
    return this.#nextSlot;
  }

  at(slot: number): Installed | undefined {
    return this.#bySlot.get(slot);
  }

  /** What the interpreter goes to now. */
  inUse(): Installed[] {
    return [...this.#bySlot.values()].filter(({ block, slot }) => this.isUsed(block, slot));
  }

  /** Whether a block's record leads to a slot. */
  isUsed(block: HotBlock, slot: number): boolean {
    return this.handlerOf(block) === this.#parts.firstSlot + slot;
  }

  handlerOf({ start }: HotBlock): number {
    return this.#view.getUint16(start + record.handler, true);
  }

  /**
   * Sees that the next slots are free: a module's follow each other. Makes room by evicting the oldest. `endModule` is called
   * where the ring begins anew: a module does not go across.
   */
  takeSlots(count: number, endModule: () => void): boolean {
    if (this.#nextSlot + count > this.#parts.slots) {
      endModule();
      this.#nextSlot = 0;
    }
    for (let slot = this.#nextSlot; slot < this.#nextSlot + count; slot++) {
      while (this.#taken.has(slot)) {
        if (this.#modules.length === 0) return false;
        this.#evict(1);
      }
    }
    return true;
  }

  /** Whether a module that was kept can have its slots again. */
  areFree({ first, count }: LiveModule['slots']): boolean {
    for (let slot = first; slot < first + count; slot++) if (this.#taken.has(slot)) return false;
    return true;
  }

  /** A region takes the next slot, which is its own. */
  place(installed: Installed): void {
    this.#bySlot.set(installed.slot, installed);
    this.#taken.add(installed.slot);
    this.#nextSlot = installed.slot + 1;
  }

  /** A region takes its slot in a module that is in use; whatever block had it before has it no more. */
  placeAgain(installed: Installed): void {
    this.#bySlot.set(installed.slot, installed);
    this.lead(installed);
  }

  /** More is known of the region in a slot. */
  update(installed: Installed): void {
    this.#bySlot.set(installed.slot, installed);
  }

  /** A compiled module is in use, and its slots are taken. */
  install(module: LiveModule): void {
    const { first, count } = module.slots;
    for (let slot = first; slot < first + count; slot++) this.#taken.add(slot);
    this.#modules.push({ module, weight: weightOf(module.bytes) });
    this.#bytes += module.bytes;
    this.counters.mostLiveBytes = Math.max(this.counters.mostLiveBytes, this.#bytes);
  }

  /** Leads a region's block there, if it is still as it was when it was translated. */
  lead({ block, slot }: Installed): void {
    const { cache, firstSlot } = this.#parts;
    const isCurrent = cache.find(block.address, block.mode) === block.start;
    const handler = this.handlerOf(block);
    if (!isCurrent || (handler !== specialIndex('count') && handler < firstSlot)) return;
    this.#view.setUint16(block.start + record.handler, firstSlot + slot, true);
  }

  /** Gives up the oldest modules when there is too much code. */
  trim(): void {
    if (this.#bytes > codeBytesLimit) this.#evict(this.#bytes - (codeBytesLimit * 3) / 4);
  }

  clear(): void {
    const { table, firstSlot } = this.#parts;
    for (const slot of this.#taken) table.set(firstSlot + slot, null);
    for (const { module } of this.#modules) module.onEvicted?.();
    this.#bySlot.clear();
    this.#taken.clear();
    this.#modules = [];
    this.#bytes = 0;
  }

  /** Gives up the oldest modules, at least so many bytes of them. */
  #evict(bytes: number): void {
    for (let left = bytes; left > 0; ) {
      const { module } = this.#modules.shift() ?? {};
      if (!module) return;
      left -= module.bytes;
      this.#bytes -= module.bytes;
      this.counters.evictedModules++;
      for (let i = 0; i < module.slots.count; i++) this.#remove(module.slots.first + i);
      module.onEvicted?.();
    }
  }

  #remove(slot: number): void {
    const { table, firstSlot } = this.#parts;
    const region = this.#bySlot.get(slot);
    if (region) {
      this.counters.evictedRegions++;
      if (this.isUsed(region.block, slot)) {
        this.#view.setUint16(region.block.start + record.handler, specialIndex('count'), true);
        this.#view.setUint32(region.block.start + record.immediate, this.#threshold, true);
      }
    }
    table.set(firstSlot + slot, null);
    this.#bySlot.delete(slot);
    this.#taken.delete(slot);
  }
}
