import type { FunctionBody } from '../wasm/index.ts';

/** What handlers call besides their own code. */
export interface CoreFunctions {
  /**
   * Function type of handlers: (record, budget, frames left) -> what is left of the budget, more than 0, when the guest
   * has returned from a call and goes on at `layout.rip`; 0 when generated code is to be left, for `layout.exitCode`.
   */
  readonly handlerType: number;
  /** (rip i64, budget, frames) -> as a handler: goes on at `rip`. */
  readonly lookup: number;
  /** The same when the target cache does not know. */
  readonly lookupSlowly: number;
  /** Gives the flags that translated code left the form of words. */
  readonly settleFlags: number;
  readonly slowAccess: number;
  readonly flushBounce: number;
  readonly raise: number;
  /** Writes the call of a helper, or of a shared function, whose arguments are on the Wasm stack. */
  callHelper(body: FunctionBody, name: string): void;
  callShared(body: FunctionBody, name: string): void;
}
