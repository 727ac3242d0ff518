import { setFlagsFromString } from 'node:v8';

/**
 * Asks V8 for what the JIT's code counts on, before any of it is compiled. Branch hints keep the slow ways of memory
 * accesses out of the way of the fast ones (docs/decisions/0002-regions.md). A V8 that does not know a flag says so on
 * standard error and goes on.
 */
export function tuneWasm(): void {
  setFlagsFromString('--experimental-wasm-branch-hinting');
}

/**
 * From now on V8's baseline compiler does its work when a module is made, in the thread that makes it and others, not in the
 * thread that first calls a function. For the JIT's code, which is called at once; the interpreter's module, of which a guest
 * uses a part, has been compiled before.
 */
export function compileEagerly(): void {
  setFlagsFromString('--no-wasm-lazy-compilation');
}
