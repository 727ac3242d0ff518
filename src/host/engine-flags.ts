import { setFlagsFromString } from 'node:v8';

/**
 * Asks V8 for what the JIT's code counts on, before any of it is compiled. Branch hints keep the slow ways of memory
 * accesses out of the way of the fast ones (docs/decisions/0002-regions.md). A V8 that does not know a flag says so on
 * standard error and goes on.
 */
export function tuneWasm(): void {
  setFlagsFromString('--experimental-wasm-branch-hinting');
}
