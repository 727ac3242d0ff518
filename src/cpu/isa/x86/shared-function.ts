import type { WasmType } from '../../wasm/index.ts';
import type { Val, WasmEmitter } from '../index.ts';

/** What a shared function may call. */
export interface SharedScope {
  /** A shared function that was defined before. */
  call(name: string, ...args: readonly Val[]): readonly Val[];
  /** A TypeScript helper, with up to three i32s; `layout.rip` is to be set before. Its i32 result. */
  helper(name: string, ...args: readonly Val[]): Val;
}

/**
 * A Wasm function of the core that instruction bodies call: what is too long to be written into each region, and touches
 * neither general registers nor flags nor guest memory.
 */
export interface SharedFunction {
  readonly params: readonly WasmType[];
  readonly results: readonly WasmType[];
  /** Writes it; its results. */
  readonly emit: (e: WasmEmitter, scope: SharedScope, ...params: Val[]) => readonly Val[];
}

/** By name; each calls only those before it. */
export type SharedFunctions = Readonly<Record<string, SharedFunction>>;

/** Leaves the function that is being written. */
export function returnValues(e: WasmEmitter, ...results: readonly Val[]): void {
  e.push(...results);
  e.body.return();
}

/** Takes what a call of it left on the Wasm stack. */
export function takeResults(e: WasmEmitter, { results }: SharedFunction): readonly Val[] {
  return results
    .toReversed()
    .map((type) => e.pop(type))
    .toReversed();
}
