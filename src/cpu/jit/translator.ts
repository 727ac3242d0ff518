import { type EngineParts, type HotCode, record } from '../interpreter/index.ts';
import { Decoder, x86OpcodeMaps } from '../isa/x86/index.ts';
import { ModuleBuilder } from '../wasm/index.ts';
import { formRegion, type Region } from './region.ts';
import type { RegionImports } from './target.ts';
import { regionParams, translateRegion } from './translate.ts';
import { helpersOf } from './usage.ts';

const pageBytes = 4096;
const regionInstructions = 200;
/** Regions that are compiled together. */
const batchRegions = 16;
/** Wasm bytes after which everything is dropped and translated anew as it gets hot again. */
const codeBytesLimit = 48 << 20;

interface Candidate {
  readonly address: number;
  readonly mode: number;
  readonly start: number;
}

export interface JitOptions {
  readonly threshold?: number;
  /** Hot regions that wait for each other to be compiled together. */
  readonly batch?: number;
}

/** Translates hot code region by region, several to a Wasm module, and leads the blocks' first records there. */
export class RegionTranslator implements HotCode {
  readonly threshold: number;
  readonly #batch: number;
  readonly #decoder = new Decoder(x86OpcodeMaps);
  #parts: EngineParts | undefined;
  #code: Uint8Array = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));
  #waiting: Candidate[] = [];
  #usedSlots = 0;
  #liveBytes = 0;
  #regions = 0;
  #modules = 0;
  #bytes = 0;
  #evictions = 0;
  #milliseconds = 0;

  constructor({ threshold = 10_000, batch = batchRegions }: JitOptions = {}) {
    this.#batch = batch;
    this.threshold = threshold;
  }

  attach(parts: EngineParts): void {
    this.#parts = parts;
    this.#code = new Uint8Array(parts.memory.buffer);
    this.#view = new DataView(parts.memory.buffer);
  }

  note(address: number, mode: number, start: number): void {
    this.#waiting.push({ address, mode, start });
    if (this.#waiting.length >= this.#batch) this.#translateWaiting();
  }

  settle(): boolean {
    this.#translateWaiting();
    const { slots } = this.#attached;
    const isFull = this.#usedSlots + batchRegions > slots || this.#liveBytes > codeBytesLimit;
    if (isFull) this.#evictions++;
    return isFull;
  }

  cleared(): void {
    const { table, firstSlot } = this.#attached;
    for (let slot = 0; slot < this.#usedSlots; slot++) table.set(firstSlot + slot, null);
    this.#waiting = [];
    this.#usedSlots = 0;
    this.#liveBytes = 0;
  }

  counters(): Readonly<Record<string, number>> {
    return {
      translatedRegions: this.#regions,
      translatedModules: this.#modules,
      translatedBytes: this.#bytes,
      evictions: this.#evictions,
      translationMs: Math.round(this.#milliseconds),
    };
  }

  get #attached(): EngineParts {
    if (!this.#parts) throw new RangeError('Cannot translate: no engine is attached');
    return this.#parts;
  }

  #translateWaiting(): void {
    const { cache, slots } = this.#attached;
    const candidates = this.#waiting.filter(({ address, mode, start }) => cache.find(address, mode) === start);
    this.#waiting = [];
    if (candidates.length === 0 || this.#usedSlots + candidates.length > slots) return;
    const begun = performance.now();
    this.#translate(candidates);
    this.#milliseconds += performance.now() - begun;
  }

  #translate(candidates: readonly Candidate[]): void {
    const { imports, lookup, table, firstSlot, memory } = this.#attached;
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', 65536);
    const regions = candidates.map((candidate) => this.#form(candidate));
    const regionImports = importsOf(module, regions);
    for (const [index, candidate] of candidates.entries()) {
      const region = regions[index] as Region;
      const write = (body: Parameters<typeof translateRegion>[0]): void =>
        translateRegion(body, region, candidate.mode, regionImports);
      module.define(regionParams, ['i32'], write, `r${index}`);
    }
    const bytes = module.encode();
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      ...imports,
      env: { ...imports.env, memory },
      core: { lookup },
    });
    for (const [index, candidate] of candidates.entries()) {
      const slot = firstSlot + this.#usedSlots++;
      table.set(slot, instance.exports[`r${index}`]);
      this.#view.setUint16(candidate.start + record.handler, slot, true);
    }
    this.#regions += candidates.length;
    this.#modules++;
    this.#bytes += bytes.length;
    this.#liveBytes += bytes.length;
  }

  #form({ address, mode }: Candidate): Region {
    const { cache } = this.#attached;
    const page = address - (address % pageBytes);
    const limits = { instructions: regionInstructions };
    const region = formRegion(this.#decoder, this.#code, page, address - page, mode, limits);
    for (const { instructions, end } of region.blocks) {
      const from = instructions[0]?.pageOffset ?? end;
      if (end > from) cache.cover(page + from, end - from);
    }
    return region;
  }
}

/** Only what these regions call: every import makes an instance dearer. */
function importsOf(module: ModuleBuilder, regions: readonly Region[]): RegionImports {
  const lookup = module.importFunction('core', 'lookup', ['i64', 'i32'], ['i32']);
  const slowAccess = module.importFunction('env', 'slowAccess', ['i32', 'i32', 'i32', 'i32'], ['i32']);
  const flushBounce = module.importFunction('env', 'flushBounce', [], []);
  const raise = module.importFunction('env', 'raise', ['i32', 'i32'], []);
  const names = new Set(regions.flatMap((region) => [...helpersOf(region)]));
  const helpers = new Map<string, number>();
  for (const name of names) helpers.set(name, module.importFunction('helper', name, ['i32', 'i32', 'i32'], ['i32']));
  const helper = (name: string): number => {
    const index = helpers.get(name);
    if (index === undefined) throw new RangeError(`Cannot translate: helper "${name}" is not imported`);
    return index;
  };
  return { lookup, slowAccess, flushBounce, raise, helper };
}
