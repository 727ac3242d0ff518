import { type EngineParts, type HotBlock, record, specialIndex } from '../interpreter/index.ts';
import type { RegionPage } from './region.ts';

/** Wasm bytes of live modules, above which the oldest quarter goes and is translated anew when it gets hot again. */
export const codeBytesLimit = 24 << 20;

/** A translated region that is in use, or will be. */
export interface Installed {
  readonly block: HotBlock;
  readonly slot: number;
  readonly pages: readonly RegionPage[];
  readonly farPages: readonly RegionPage[];
  /** Offsets that its indirect jumps are known to lead to, and how often that was found out. */
  readonly targets: readonly number[];
  /** Offsets that its indirect calls are known to lead to, once it has copies of callees. */
  readonly callTargets: readonly number[] | undefined;
  readonly profiles: number;
  /** Where it was first entered. */
  readonly rip: bigint;
}

interface LiveModule {
  readonly regions: readonly Installed[];
  readonly bytes: number;
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
  /** Oldest first. */
  #modules: (LiveModule & { readonly weight: ArrayBuffer })[] = [];
  #nextSlot = 0;
  #bytes = 0;

  /** `threshold`: entries after which code is hot. */
  constructor(parts: EngineParts, threshold: number) {
    this.#parts = parts;
    this.#view = new DataView(parts.memory.buffer);
    this.#threshold = threshold;
  }

  get moduleCount(): number {
    return this.#modules.length;
  }

  get bytes(): number {
    return this.#bytes;
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
      while (this.#bySlot.has(slot)) {
        if (this.#modules.length === 0) return false;
        this.#evict(1);
      }
    }
    return true;
  }

  /** A region takes the next slot, which is its own. */
  place(installed: Installed): void {
    this.#bySlot.set(installed.slot, installed);
    this.#nextSlot = installed.slot + 1;
  }

  /** Leads the blocks of a compiled module's regions there, those that are still as they were when they were translated. */
  install(module: LiveModule): void {
    const { cache, firstSlot } = this.#parts;
    for (const { block, slot } of module.regions) {
      const isCurrent = cache.find(block.address, block.mode) === block.start;
      const handler = this.handlerOf(block);
      if (!isCurrent || (handler !== specialIndex('count') && handler < firstSlot)) continue;
      this.#view.setUint16(block.start + record.handler, firstSlot + slot, true);
    }
    this.#modules.push({ ...module, weight: weightOf(module.bytes) });
    this.#bytes += module.bytes;
    this.counters.mostLiveBytes = Math.max(this.counters.mostLiveBytes, this.#bytes);
  }

  /** Gives up the oldest modules when there is too much code. */
  trim(): void {
    if (this.#bytes > codeBytesLimit) this.#evict(this.#bytes - (codeBytesLimit * 3) / 4);
  }

  clear(): void {
    const { table, firstSlot } = this.#parts;
    for (const slot of this.#bySlot.keys()) table.set(firstSlot + slot, null);
    this.#bySlot.clear();
    this.#modules = [];
    this.#bytes = 0;
  }

  /** Gives up the oldest modules, at least so many bytes of them. */
  #evict(bytes: number): void {
    for (let left = bytes; left > 0; ) {
      const module = this.#modules.shift();
      if (!module) return;
      left -= module.bytes;
      this.#bytes -= module.bytes;
      this.counters.evictedModules++;
      this.counters.evictedRegions += module.regions.length;
      for (const region of module.regions) this.#remove(region);
    }
  }

  #remove({ block, slot }: Installed): void {
    const { table, firstSlot } = this.#parts;
    if (this.isUsed(block, slot)) {
      this.#view.setUint16(block.start + record.handler, specialIndex('count'), true);
      this.#view.setUint32(block.start + record.immediate, this.#threshold, true);
    }
    table.set(firstSlot + slot, null);
    this.#bySlot.delete(slot);
  }
}
