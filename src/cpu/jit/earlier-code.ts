import { codeKey, type EngineParts, type HotBlock } from '../interpreter/index.ts';
import type { KeptModule, ModuleKeeper } from './kept-modules.ts';
import { linkPlace, lookupRecord, mostLinks } from './links.ts';
import type { RegionPage } from './region.ts';
import { type RawBlock, type RawRegion, readRegions } from './region-codec.ts';
import type { RunningCode } from './running-code.ts';

const pageBytes = 4096;
/** Code that is waited for at most; what comes besides is looked up. */
const mostOpenLinks = 50_000;

/** A module of an earlier run, and what has become of it in this one. */
export interface EarlierModule {
  readonly kept: KeptModule;
  /** Undefined until it is looked at. */
  regions: readonly EarlierRegion[] | undefined;
  /** While it is in use. */
  module: WebAssembly.Module | undefined;
  /** Its code cannot be had, or other code has its places. */
  isLost: boolean;
  /** It has been in use. */
  wasUsed: boolean;
}

interface EarlierRegion {
  readonly raw: RawRegion;
  /** Indices of the pages that it has code of. */
  readonly codePages: ReadonlySet<number>;
  /** Where its pages are, as long as some block leads to it. */
  mapped: ReadonlyMap<number, number> | undefined;
}

/** A region of an earlier run whose code is there again. */
export interface Match {
  readonly module: EarlierModule;
  readonly region: EarlierRegion;
  readonly slot: number;
  /** Linear-memory addresses of its pages, by index. */
  readonly mapped: ReadonlyMap<number, number>;
}

interface Place {
  readonly module: EarlierModule;
  readonly slot: number;
}

/** A link whose code is not decoded yet. */
interface OpenLink {
  readonly mode: number;
  readonly place: number;
  readonly region: EarlierRegion;
  readonly mapped: ReadonlyMap<number, number>;
}

/** Regions that earlier runs have translated, found by the code that they were made of. */
export class EarlierCode {
  readonly modules: readonly EarlierModule[];
  readonly #keeper: ModuleKeeper;
  readonly #parts: EngineParts;
  readonly #code: RunningCode;
  readonly #view: DataView;
  /** Newer ones first. */
  readonly #byKey = new Map<number, Place[]>();
  readonly #openLinks = new Map<number, OpenLink[]>();

  constructor(keeper: ModuleKeeper, parts: EngineParts, code: RunningCode) {
    this.#keeper = keeper;
    this.#parts = parts;
    this.#code = code;
    this.#view = new DataView(parts.memory.buffer);
    this.modules = keeper.modules.map((kept) => ({
      kept,
      regions: undefined,
      module: undefined,
      isLost: kept.slots.first + kept.slots.count > parts.slots,
      wasUsed: false,
    }));
    for (const module of this.modules) {
      module.kept.keys.forEach((key, i) => {
        const place = { module, slot: module.kept.slots.first + i };
        const places = this.#byKey.get(key);
        if (places) places.unshift(place);
        else this.#byKey.set(key, [place]);
      });
    }
  }

  /** The first slot behind all of theirs. */
  get endSlot(): number {
    return Math.max(
      0,
      ...this.modules.filter(({ isLost }) => !isLost).map(({ kept: { slots } }) => slots.first + slots.count),
    );
  }

  /** Whether there may be a translation of the code at this address. */
  mayHave(address: number, mode: number): boolean {
    return this.#byKey.has(codeKey(this.#code.bytes, address, mode));
  }

  /** The regions that a block of the running page may lead to. */
  *matches({ address, mode }: HotBlock): Generator<Match> {
    for (const { module, slot } of this.#byKey.get(codeKey(this.#code.bytes, address, mode)) ?? []) {
      if (module.isLost) continue;
      const region = this.#regionAt(module, slot);
      const mapped = region?.raw.place.mode === mode ? this.#map(module, region, slot, address) : undefined;
      if (region && mapped) yield { module, region, slot, mapped };
    }
  }

  /** The compiled module; undefined, now and from now on: it cannot be had. */
  compile(module: EarlierModule): WebAssembly.Module | undefined {
    const compiled = this.#keeper.compile(module.kept);
    if (!compiled) module.isLost = true;
    return compiled;
  }

  /** Other code than where the region was found before: what leads there, or did, is not this code's. */
  isElsewhere({ region, mapped }: Match): boolean {
    const before = region.mapped;
    return before !== undefined && [...mapped].some(([index, page]) => (before.get(index) ?? page) !== page);
  }

  /** What a running region leads to and what was not mapped before, if some of that is now. */
  extended({ region, mapped, ...match }: Match): Match | undefined {
    const found = region.raw.farPages.flatMap(({ index }): [number, number][] => {
      const page = mapped.has(index) ? -1 : this.#parts.codePageAt(index, true);
      return page < 0 ? [] : [[index, page]];
    });
    return found.length > 0 ? { ...match, region, mapped: new Map([...mapped, ...found]) } : undefined;
  }

  /** A block leads to a region from now on: where that leads is noted, or will be when it is decoded. */
  link({ region, mapped }: Match): void {
    const { links, place, entries } = region.raw;
    region.mapped = mapped;
    for (const [i, [offset]] of links.slice(0, mostLinks({ slot: place.slot, slotCount: entries?.length })).entries()) {
      const page = mapped.get(offset >> 12);
      const address = page === undefined ? undefined : page + (offset & (pageBytes - 1));
      const record = address === undefined ? undefined : this.#parts.cache.peek(address, place.mode);
      const at = linkPlace(place.slot, i);
      this.#view.setUint32(at, record ?? lookupRecord(offset), true);
      if (address === undefined || record !== undefined) continue;
      this.#open(address, { mode: place.mode, place: at, region, mapped });
    }
  }

  #open(address: number, link: OpenLink): void {
    if (this.#openLinks.size >= mostOpenLinks) this.#openLinks.clear();
    const others = (this.#openLinks.get(address) ?? []).filter(({ place }) => place !== link.place);
    this.#openLinks.set(address, [...others, link]);
  }

  /** The code at an address is decoded now, and begins with this record. */
  decoded(address: number, mode: number, start: number): void {
    const open = this.#openLinks.get(address);
    if (!open) return;
    this.#openLinks.delete(address);
    const others = open.filter((link) => link.mode !== mode && link.region.mapped === link.mapped);
    if (others.length > 0) this.#openLinks.set(address, others);
    for (const link of open) {
      if (link.mode === mode && link.region.mapped === link.mapped) this.#view.setUint32(link.place, start, true);
    }
  }

  /** A module is not in use any more. */
  unload(module: EarlierModule): void {
    module.module = undefined;
    for (const region of module.regions ?? []) region.mapped = undefined;
  }

  /** Everything decoded was dropped. */
  clear(): void {
    this.#openLinks.clear();
  }

  #regionAt(module: EarlierModule, slot: number): EarlierRegion | undefined {
    module.regions ??= this.#read(module);
    return module.regions.find(
      ({ raw }) => slot >= raw.place.slot && slot < raw.place.slot + (raw.entries?.length ?? 1),
    );
  }

  #read(module: EarlierModule): EarlierRegion[] {
    try {
      return readRegions(module.kept.regions).map((raw) => ({ raw, codePages: codePagesOf(raw), mapped: undefined }));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      module.isLost = true;
      return [];
    }
  }

  /** Where the pages of a region are now that a block at an address is an entry of; undefined: there is other code, or none. */
  #map(
    module: EarlierModule,
    region: EarlierRegion,
    slot: number,
    address: number,
  ): ReadonlyMap<number, number> | undefined {
    const { raw, codePages } = region;
    const own = raw.entries?.[slot - raw.place.slot]?.page ?? 0;
    const mapped = new Map<number, number>();
    for (const { index } of [...raw.pages, ...raw.farPages]) {
      const page = index === own ? address - (address % pageBytes) : this.#parts.codePageAt(index - own, true);
      if (page >= 0) mapped.set(index, page);
      else if (codePages.has(index)) return undefined;
    }
    const { code } = module.kept.regions;
    return raw.blocks.every((block) => this.#isSame(block, mapped, code)) ? mapped : undefined;
  }

  #isSame({ start, end, codeAt }: RawBlock, mapped: ReadonlyMap<number, number>, code: Uint8Array): boolean {
    const { bytes } = this.#code;
    for (let offset = start; offset < end; ) {
      const page = mapped.get(offset >> 12);
      const pieceEnd = Math.min(end, ((offset >> 12) + 1) * pageBytes);
      if (page === undefined) return false;
      const by = page - (offset >> 12) * pageBytes;
      for (; offset < pieceEnd; offset++) if (bytes[by + offset] !== code[codeAt + offset - start]) return false;
    }
    return true;
  }
}

function codePagesOf({ blocks }: RawRegion): Set<number> {
  const pages = new Set<number>();
  for (const { start, end } of blocks) for (let page = start >> 12; page <= (end - 1) >> 12; page++) pages.add(page);
  return pages;
}

/** As much of a list of pages as is mapped. */
export const pagesIn = (pages: readonly RegionPage[], mapped: ReadonlyMap<number, number>): RegionPage[] =>
  pages.flatMap(({ index }) => {
    const address = mapped.get(index);
    return address === undefined ? [] : [{ index, address }];
  });
