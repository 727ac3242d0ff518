import type { EngineParts } from '../interpreter/index.ts';
import { sharedFunction } from '../isa/x86/index.ts';
import type { ModuleBuilder, WasmType } from '../wasm/index.ts';

/** (record, budget, frames) -> as a handler of the interpreter; helpers have the same type. */
export const regionParams: readonly WasmType[] = ['i32', 'i32', 'i32'];
export const regionResults: readonly WasmType[] = ['i32'];

/** What a region's code calls besides its own: function indices, and places in the table. */
export interface RegionImports {
  /** (rip i64, budget, frames) -> as a region. */
  readonly lookup: number;
  /** (linear i64, point of the fault's exit, size | kind << 8) -> where to access, 0: faulted. */
  readonly access: number;
  /** (where a write was done) -> not zero when translated code was dropped since the region began. */
  readonly afterWrite: number;
  /** `access`, for the stack: remembers its page in memory too. */
  readonly stackAccess: number;
  readonly settleFlags: number;
  readonly raise: number;
  /** (slot) -> 1 when the pages of the region in that slot are mapped as it was translated. */
  readonly verify: number;
  readonly regionType: number;
  helperSlot(name: string): number;
  /** Place and type of a shared function. */
  shared(name: string): { readonly slot: number; readonly type: number };
}

/** Places in the function table. */
type Slots = Pick<EngineParts, 'helperSlot' | 'sharedSlot'>;

/** The same for every module: each import makes an instance dearer. */
export function importInto(module: ModuleBuilder, { helperSlot, sharedSlot }: Slots): RegionImports {
  module.importMemory('env', 'memory', 65536);
  module.importTable('core', 'table');
  return {
    lookup: module.importFunction('core', 'lookup', ['i64', 'i32', 'i32'], ['i32']),
    access: module.importFunction('core', 'access', ['i64', 'i32', 'i32'], ['i32']),
    afterWrite: module.importFunction('core', 'afterWrite', ['i32'], ['i32']),
    stackAccess: module.importFunction('core', 'stackAccess', ['i64', 'i32', 'i32'], ['i32']),
    settleFlags: module.importFunction('core', 'settleFlags', [], []),
    raise: module.importFunction('env', 'raise', ['i32', 'i32'], []),
    verify: module.importFunction('env', 'verify', ['i32'], ['i32']),
    regionType: module.type(regionParams, regionResults),
    helperSlot,
    shared: (name) => {
      const { params, results } = sharedFunction(name);
      return { slot: sharedSlot(name), type: module.type(params, results) };
    },
  };
}
