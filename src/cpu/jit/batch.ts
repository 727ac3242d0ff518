import { codeKey } from '../interpreter/index.ts';
import type { KeptModule } from './kept-modules.ts';
import type { Installed } from './live-code.ts';
import type { ModuleDraft, WrittenModule } from './module-writer.ts';
import { RegionPacker } from './region-codec.ts';
import type { PlacedRegion } from './region-module.ts';

/** Instructions that are compiled together at most: about 64 KiB of Wasm. */
const mostInstructions = 640;
/** Slices that hot code waits for more of its kind to be compiled with; they may be short, so for so many ms of them at most. */
const patience = { least: 16, most: 160, ms: 16 } as const;

export interface BatchOptions {
  readonly mostRegions: number;
  /** Linear memory, when what comes of it is to be kept. */
  readonly keeps: Uint8Array | undefined;
}

/** Regions that become one module, and wait for each other. */
export class Batch {
  readonly regions: Installed[] = [];
  readonly #draft: ModuleDraft;
  readonly #mostRegions: number;
  readonly #memory: Uint8Array | undefined;
  readonly #packer: RegionPacker | undefined;
  readonly #keys: number[] = [];
  readonly #sinceMs = performance.now();
  #instructions = 0;
  #slices = 0;

  constructor(draft: ModuleDraft, { mostRegions, keeps }: BatchOptions) {
    this.#draft = draft;
    this.#mostRegions = mostRegions;
    this.#memory = keeps;
    this.#packer = keeps && new RegionPacker();
  }

  get isFull(): boolean {
    return this.regions.length >= this.#mostRegions || this.#instructions >= mostInstructions;
  }

  get slots(): KeptModule['slots'] {
    return { first: this.regions[0]?.slot ?? 0, count: this.regions.length };
  }

  add(placed: PlacedRegion): void {
    this.#draft.add(placed);
    if (this.#memory) this.#packer?.add(placed, this.#memory);
    this.#instructions += placed.region.instructionCount;
  }

  /** A block leads to a region that was added. */
  place(installed: Installed): void {
    this.regions.push(installed);
    const { address, mode } = installed.block;
    if (this.#memory) this.#keys.push(codeKey(this.#memory, address, mode));
  }

  /** What it takes to know its regions again; undefined when it is not to be kept. Nothing can be added then. */
  kept(byteLength: number): KeptModule | undefined {
    const { slots } = this;
    return this.#packer && { slots, byteLength, regions: this.#packer.finish(), keys: Int32Array.from(this.#keys) };
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
