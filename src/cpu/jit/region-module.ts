import type { CodeContext } from '../interpreter/index.ts';
import { type Val, WasmEmitter } from '../isa/index.ts';
import { layout } from '../isa/x86/index.ts';
import { type FunctionBody, ModuleBuilder } from '../wasm/index.ts';
import { parameter } from './exits.ts';
import { dispatchParams, importInto, type RegionImports, regionParams, regionResults } from './imports.ts';
import type { RegionPlace } from './position.ts';
import type { Region } from './region.ts';
import { translateRegion } from './translate.ts';

/** A region and where it goes. */
export interface PlacedRegion {
  readonly region: Region;
  readonly place: RegionPlace;
  /** Of a region of several entries, which take the place's slot and those behind it. */
  readonly entries?: readonly DispatchEntry[] | undefined;
  readonly known: Profiled;
}

/** What is known of a region's calls and jumps by having seen them. */
export interface Profiled {
  /** Offsets that its indirect jumps are known to lead to, and how often that was found out. */
  readonly targets: readonly number[];
  readonly profiles: number;
  /** Offsets that its indirect calls are known to lead to, once it has copies of callees. */
  readonly callTargets: readonly number[] | undefined;
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

/** Regions that become one Wasm module. Their slots follow each other. */
export class RegionModule {
  readonly #context: CodeContext;
  readonly #module = new ModuleBuilder();
  readonly #imports: RegionImports;
  readonly #functions: number[] = [];
  #firstSlot = 0;

  constructor(context: CodeContext) {
    this.#context = context;
    this.#imports = importInto(this.#module, context);
  }

  add({ region, place, entries }: PlacedRegion): void {
    if (this.#functions.length === 0) this.#firstSlot = place.slot;
    const hasEntries = entries !== undefined;
    const slotCount = entries?.length;
    const write = (body: FunctionBody): void =>
      translateRegion(body, region, { ...place, hasEntries, slotCount }, this.#imports);
    const whole = this.#module.define(hasEntries ? dispatchParams : regionParams, regionResults, write);
    if (!entries) this.#functions.push(whole);
    for (const entry of entries ?? []) {
      this.#functions.push(this.#module.define(regionParams, regionResults, (body) => writeEntry(body, whole, entry)));
    }
  }

  /** An instance of it fills the slots. */
  encode(): Uint8Array<ArrayBuffer> {
    this.#module.setElements(this.#context.firstSlot + this.#firstSlot, this.#functions);
    return this.#module.encode();
  }
}
