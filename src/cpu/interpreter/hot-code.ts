import type { CodeCache } from './code-cache.ts';

/** What generated code outside of the interpreter's module may use. */
export interface EngineParts {
  readonly memory: WebAssembly.Memory;
  /** Handlers, then `firstSlot` and on: room for translated regions. */
  readonly table: WebAssembly.Table;
  readonly firstSlot: number;
  readonly slots: number;
  /** `env` and `helper` imports of the interpreter's module. */
  readonly imports: WebAssembly.Imports;
  /** (rip i64, budget) -> exit. */
  readonly lookup: WebAssembly.ExportValue;
  readonly cache: CodeCache;
}

/** A translator behind the interpreter: it hears of blocks that run often, and may replace them. */
export interface HotCode {
  /** Entries after which a block is hot. */
  readonly threshold: number;
  attach(parts: EngineParts): void;
  /** The block of this code, at `address` in linear memory, is hot; its first record is `start`. */
  note(address: number, mode: number, start: number): void;
  /** Called while no generated code runs: time to translate. True when everything decoded must be dropped to make room. */
  settle(): boolean;
  /** Everything decoded was dropped. */
  cleared(): void;
  counters(): Readonly<Record<string, number>>;
}
