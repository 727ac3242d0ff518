import type { EngineParts } from '../interpreter/index.ts';
import { ModuleBuilder } from '../wasm/index.ts';
import { importInto, type RegionImports, regionParams, regionResults } from './imports.ts';
import type { Region } from './region.ts';
import { type RegionPlace, translateRegion } from './translate.ts';

/** Regions that are being written into one module. Their slots follow each other. */
export interface PendingModule {
  readonly codeBytes: number;
  add(region: Region, place: RegionPlace): void;
  /** Compiles it and fills the slots; bytes of the module. */
  instantiate(verify: (slot: number) => number): number;
}

export class RegionModule implements PendingModule {
  readonly #parts: EngineParts;
  readonly #module = new ModuleBuilder();
  readonly #imports: RegionImports;
  readonly #functions: number[] = [];
  #firstSlot = 0;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#imports = importInto(this.#module, parts);
  }

  get codeBytes(): number {
    return this.#module.codeBytes;
  }

  add(region: Region, place: RegionPlace): void {
    if (this.#functions.length === 0) this.#firstSlot = place.slot;
    const write = (body: Parameters<typeof translateRegion>[0]): void =>
      translateRegion(body, region, place, this.#imports);
    this.#functions.push(this.#module.define(regionParams, regionResults, write));
  }

  instantiate(verify: (slot: number) => number): number {
    const { env, core, firstSlot } = this.#parts;
    this.#module.setElements(firstSlot + this.#firstSlot, this.#functions);
    const bytes = this.#module.encode();
    new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { ...env, verify }, core });
    return bytes.length;
  }
}
