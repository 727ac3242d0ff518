import type { CodeCache } from './code-cache.ts';

/** What must be known to write code for an engine: plain data, which other threads may have too. */
export interface CodeContext {
  /** Places in the table from here on are room for translated regions. */
  readonly firstSlot: number;
  /** Places of helpers and of shared functions in the table, by name. */
  readonly helperSlots: ReadonlyMap<string, number>;
  readonly sharedSlots: ReadonlyMap<string, number>;
  /** Regions count what they retire at `layout.translatedCount`: this costs time. */
  readonly countsInstructions: boolean;
}

/** What generated code outside of the interpreter's module may use. */
export interface EngineParts extends CodeContext {
  readonly memory: WebAssembly.Memory;
  /** Handlers, helpers and shared functions, then `firstSlot` and on: room for translated regions. */
  readonly table: WebAssembly.Table;
  readonly slots: number;
  /** `env` imports of the interpreter's module. */
  readonly env: WebAssembly.ModuleImports;
  /** Exports of the interpreter's module: `lookup`, `access`, `table`. */
  readonly core: WebAssembly.ModuleImports;
  readonly cache: CodeCache;
  /** A region has this place from now on. */
  onPlaced(slot: number): void;
  /**
   * Linear-memory address of the code page so many pages behind the one at `layout.codePage`, or -1 where it is not mapped
   * for fetches, or code is not flat. `walks`: look it up in the page tables when the TLB does not know.
   */
  codePageAt(index: number, walks: boolean): number;
}

/** A block that has been entered often. */
export interface HotBlock {
  /** Of its code, in linear memory. */
  readonly address: number;
  readonly mode: number;
  /** Its first record. */
  readonly start: number;
}

/** A translator behind the interpreter: it hears of blocks that run often, and may replace them. */
export interface HotCode {
  /** Entries after which a block is hot. */
  readonly threshold: number;
  /** The same for the block of this code. */
  entriesUntilHot(address: number, mode: number): number;
  /** The block of this code is decoded now, and begins with the record at `start`. */
  decoded(address: number, mode: number, start: number): void;
  attach(parts: EngineParts): void;
  /** The block at RIP is hot. Called while no generated code runs. */
  note(block: HotBlock): void;
  /** Called while no generated code runs: time to compile what waits, and to make room. */
  settle(): void;
  /** Everything decoded was dropped. */
  cleared(): void;
  counters(): Readonly<Record<string, number>>;
  /** For whoever looks at what was translated: the regions in use, and one of them as text. */
  regions(): readonly TranslatedRegion[];
  show(rip: bigint): string | undefined;
}

/** A translated region in use. */
export interface TranslatedRegion {
  /** Where it was entered first. */
  readonly rip: bigint;
  readonly mode: number;
  readonly pages: number;
  /** Places where it may be entered. */
  readonly entries: number;
}
