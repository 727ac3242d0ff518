import type { CodeContext } from '../interpreter/index.ts';
import { sharedFunction } from '../isa/x86/index.ts';
import type { ModuleBuilder, WasmType } from '../wasm/index.ts';
import { emitOwnLookup } from './exits.ts';

/** (record, budget, frames) -> as a handler of the interpreter; helpers have the same type. */
export const regionParams: readonly WasmType[] = ['i32', 'i32', 'i32'];
/** The same, then the RIP where a region of several entries begins, and the address of its first page. */
export const dispatchParams: readonly WasmType[] = ['i32', 'i32', 'i32', 'i64', 'i64'];
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
  /** (slot) -> 1 when the pages of the region in that slot are mapped as it was translated. ~slot: those that it leads to. */
  readonly verify: number;
  /** (slot): the region's indirect jumps have been seen often enough (see profile.ts). */
  readonly noteProfile: number;
  readonly regionType: number;
  /** Regions count what they retire. */
  readonly countsInstructions: boolean;
  /** Places in the table from here on are regions'. */
  readonly firstRegion: number;
  helperSlot(name: string): number;
  /** Place and type of a shared function. */
  shared(name: string): { readonly slot: number; readonly type: number };
}

function slotIn(slots: ReadonlyMap<string, number>, name: string): number {
  const slot = slots.get(name);
  if (slot === undefined) throw new RangeError(`Cannot call helper "${name}": no instruction has it`);
  return slot;
}

/** The same for every module: each import makes an instance dearer. Defines the module's own `lookup`. */
export function importInto(
  module: ModuleBuilder,
  { helperSlots, sharedSlots, firstSlot, countsInstructions }: CodeContext,
): RegionImports {
  module.importMemory('env', 'memory', 65536);
  module.importTable('core', 'table');
  const lookup = module.importFunction('core', 'lookup', ['i64', 'i32', 'i32'], ['i32']);
  const imports = {
    access: module.importFunction('core', 'access', ['i64', 'i32', 'i32'], ['i32']),
    afterWrite: module.importFunction('core', 'afterWrite', ['i32'], ['i32']),
    stackAccess: module.importFunction('core', 'stackAccess', ['i64', 'i32', 'i32'], ['i32']),
    settleFlags: module.importFunction('core', 'settleFlags', [], []),
    raise: module.importFunction('env', 'raise', ['i32', 'i32'], []),
    verify: module.importFunction('env', 'verify', ['i32'], ['i32']),
    noteProfile: module.importFunction('env', 'noteProfile', ['i32'], []),
    regionType: module.type(regionParams, regionResults),
    countsInstructions,
    firstRegion: firstSlot,
    helperSlot: (name: string) => slotIn(helperSlots, name),
    shared: (name: string) => {
      const { params, results } = sharedFunction(name);
      return { slot: slotIn(sharedSlots, name), type: module.type(params, results) };
    },
  };
  const own = module.define(['i64', 'i32', 'i32'], ['i32'], (body) => emitOwnLookup(body, imports, lookup));
  return { ...imports, lookup: own };
}
