import type { Installed } from './live-code.ts';
import type { ModuleDraft, WrittenModule } from './module-writer.ts';
import type { PlacedRegion } from './region-module.ts';

/** Instructions that are compiled together at most: about 64 KiB of Wasm. */
const mostInstructions = 640;
/** Slices that hot code waits for more of its kind to be compiled with; they may be short, so for so many ms of them at most. */
const patience = { least: 16, most: 160, ms: 16 } as const;

/** Regions that become one module, and wait for each other. */
export class Batch {
  readonly regions: Installed[] = [];
  readonly #draft: ModuleDraft;
  readonly #mostRegions: number;
  readonly #sinceMs = performance.now();
  #instructions = 0;
  #slices = 0;

  constructor(draft: ModuleDraft, mostRegions: number) {
    this.#draft = draft;
    this.#mostRegions = mostRegions;
  }

  get isFull(): boolean {
    return this.regions.length >= this.#mostRegions || this.#instructions >= mostInstructions;
  }

  add(placed: PlacedRegion): void {
    this.#draft.add(placed);
    this.#instructions += placed.region.instructionCount;
  }

  /** One more slice has passed: whether it has waited for long enough. */
  isDue(): boolean {
    const slices = ++this.#slices;
    if (slices <= patience.least) return false;
    return slices > patience.most || performance.now() - this.#sinceMs > patience.ms;
  }

  finish(arrive: (module: WrittenModule) => void): void {
    this.#draft.finish(arrive);
  }
}
