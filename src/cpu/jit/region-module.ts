import type { EngineParts } from '../interpreter/index.ts';
import { type Val, WasmEmitter } from '../isa/index.ts';
import { layout } from '../isa/x86/index.ts';
import { type FunctionBody, ModuleBuilder } from '../wasm/index.ts';
import { parameter } from './exits.ts';
import { dispatchParams, importInto, type RegionImports, regionParams, regionResults } from './imports.ts';
import type { RegionPlace } from './position.ts';
import type { Region } from './region.ts';
import { translateRegion } from './translate.ts';

/** Regions that are being written into one module. Their slots follow each other. */
export interface PendingModule {
  readonly codeBytes: number;
  add(region: Region, place: RegionPlace): void;
  /** A region of several entries, which take the place's slot and those behind it. */
  addDispatching(region: Region, place: RegionPlace, entries: readonly DispatchEntry[]): void;
  /** Compiles it and fills the slots; bytes of the module. */
  instantiate(callbacks: RegionCallbacks): number;
}

/** What regions call of their translator; see `RegionImports`. */
export interface RegionCallbacks extends WebAssembly.ModuleImports {
  verify(slot: number): number;
  noteProfile(slot: number): void;
}

/** Where a region may be entered: how many pages behind its first, and where in that page. */
export interface DispatchEntry {
  readonly page: number;
  readonly pageOffset: number;
  readonly is64: boolean;
}

/** An entry's function: tells the region's where to begin and where its first page is. */
function writeEntry(body: FunctionBody, whole: number, { page, pageOffset, is64 }: DispatchEntry): void {
  const e = new WasmEmitter(body);
  const codePage = e.loadMemory('i64.load', e.i32(0), layout.codePage);
  const moved = (by: number): Val => {
    const address = e.op('i64.add', codePage, e.i64(BigInt(by)));
    return is64 ? address : e.op('i64.and', address, e.i64(0xffffffffn));
  };
  const [rip, first] = [moved(pageOffset), moved(-4096 * page)];
  body.get(parameter.record).get(parameter.budget).get(parameter.frames);
  e.push(rip, first);
  body.returnCall(whole);
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

  addDispatching(region: Region, place: RegionPlace, entries: readonly DispatchEntry[]): void {
    if (this.#functions.length === 0) this.#firstSlot = place.slot;
    const write = (body: Parameters<typeof translateRegion>[0]): void =>
      translateRegion(body, region, { ...place, hasEntries: true }, this.#imports);
    const whole = this.#module.define(dispatchParams, regionResults, write);
    for (const entry of entries) {
      this.#functions.push(this.#module.define(regionParams, regionResults, (body) => writeEntry(body, whole, entry)));
    }
  }

  instantiate(callbacks: RegionCallbacks): number {
    const { env, core, firstSlot } = this.#parts;
    this.#module.setElements(firstSlot + this.#firstSlot, this.#functions);
    const bytes = this.#module.encode();
    new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { ...env, ...callbacks }, core });
    return bytes.length;
  }
}
