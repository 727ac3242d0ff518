import { readFileSync } from 'node:fs';

const file = new URL('../cpu/interpreter/interpreter.wasm', import.meta.url);
let isRead = false;

/**
 * The interpreter's module as the build left it (tools/build.mjs); undefined when this runs from the sources, and when it
 * was asked before: what was made of it lasts as long as the process.
 */
export function builtInterpreter(): Uint8Array<ArrayBuffer> | undefined {
  if (isRead) return undefined;
  isRead = true;
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
