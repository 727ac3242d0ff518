import type { EngineParts } from '../interpreter/index.ts';
import { type PlacedRegion, RegionModule } from './region-module.ts';

/** A Wasm module of regions that is on its way. */
export interface ModuleDraft {
  /** The guest's code is taken as it is now. */
  add(placed: PlacedRegion): void;
  /** Calls back when the module can be had, now or later. */
  finish(arrive: (module: WrittenModule) => void): void;
}

export interface CompiledModule {
  readonly module: WebAssembly.Module;
  /** The WebAssembly that it was compiled from. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Gives the module, writing what is not written yet: for the engine that wants it to call, which a failure belongs to. */
export type WrittenModule = () => CompiledModule;

/** Who makes WebAssembly of regions. */
export interface ModuleWriter {
  /** So much is on its way that more would only wait. */
  readonly isBusy: boolean;
  /** An engine is going to use it. */
  prepare(): void;
  begin(parts: EngineParts): ModuleDraft;
  /** Called now and then: time to let go of what is not used. */
  rest(): void;
}

export function compiled(module: RegionModule): CompiledModule {
  const bytes = module.encode();
  return { module: new WebAssembly.Module(bytes), bytes };
}

/** Writes in the thread that runs the guest. */
export const localWriter: ModuleWriter = {
  isBusy: false,
  prepare: () => {},
  rest: () => {},
  begin(parts) {
    const module = new RegionModule(parts);
    return {
      add: (placed) => module.add(placed),
      finish: (arrive) => arrive(() => compiled(module)),
    };
  },
};
