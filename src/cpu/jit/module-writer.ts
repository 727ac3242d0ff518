import type { EngineParts } from '../interpreter/index.ts';
import { type PlacedRegion, RegionModule } from './region-module.ts';

/** A Wasm module of regions that is on its way. */
export interface ModuleDraft {
  /** The guest's code is taken as it is now. */
  add(placed: PlacedRegion): void;
  /** Calls back with the module, now or later, while no generated code runs. */
  finish(take: TakeModule): void;
}

/** Takes a module, and the bytes of WebAssembly that it was compiled from. */
export type TakeModule = (module: WebAssembly.Module, byteLength: number) => void;

/** Who makes WebAssembly of regions. */
export interface ModuleWriter {
  /** So much is on its way that more would only wait. */
  readonly isBusy: boolean;
  begin(parts: EngineParts): ModuleDraft;
  /** Called now and then: time to let go of what is not used. */
  rest(): void;
}

export function compileHere(module: RegionModule, take: TakeModule): void {
  const bytes = module.encode();
  take(new WebAssembly.Module(bytes), bytes.length);
}

/** Writes in the thread that runs the guest. */
export const localWriter: ModuleWriter = {
  isBusy: false,
  rest: () => {},
  begin(parts) {
    const module = new RegionModule(parts);
    return {
      add: (placed) => module.add(placed),
      finish: (take) => compileHere(module, take),
    };
  },
};
