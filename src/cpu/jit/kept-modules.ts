import type { PackedBlocks } from '../interpreter/index.ts';
import type { PackedRegions } from './region-codec.ts';

/** A module of translated code that outlives the engine that made it, without its WebAssembly. */
export interface KeptModule {
  /** Its places in the function table, whose numbers are in its code. */
  readonly slots: { readonly first: number; readonly count: number };
  /** Of its WebAssembly, in bytes. */
  readonly byteLength: number;
  readonly regions: PackedRegions;
  /** For each slot a number that tells the code there (`codeKey`). */
  readonly keys: Int32Array<ArrayBuffer>;
}

/** Translated code of earlier runs, as a host keeps it. */
export interface ModuleKeeper {
  /** Older ones first. */
  readonly modules: readonly KeptModule[];
  /** What earlier runs have decoded; undefined: nothing. */
  readonly blocks: PackedBlocks | undefined;
  /** Undefined when it cannot be read, or is not what was kept. */
  compile(module: KeptModule): WebAssembly.Module | undefined;
}

/** What an engine has to be kept when it ends: modules that were made or used, and those that nothing came to. */
export interface ModuleInUse {
  readonly kept: KeptModule;
  /** What the module is now; undefined: it was not used. */
  readonly module: WebAssembly.Module | undefined;
  /** Of a module that was made by this engine: its WebAssembly. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Its functions in the table, as far as they are there. */
  readonly functions: readonly unknown[];
}

/** What an engine has when it ends. */
export interface CodeInUse {
  /** The interpreter's module, and those of its functions that are handlers. */
  readonly interpreter: Pick<ModuleInUse, 'functions'> & { readonly module: WebAssembly.Module };
  readonly modules: readonly ModuleInUse[];
  /** Decoded blocks, and whether many of them are new. */
  readonly blocks: { readonly isNew: boolean; packed(): PackedBlocks };
}

/** A keeper that takes that. */
export interface TranslationKeeper extends ModuleKeeper {
  /** The interpreter's module from its WebAssembly, where something of it was kept; else undefined. */
  compileInterpreter(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module | undefined;
  keep(code: CodeInUse): void;
  /** Nothing is asked for any more. */
  close(): void;
}
