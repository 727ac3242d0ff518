import { setFlagsFromString } from 'node:v8';

/*
 * What V8's optimizing compiler made of a module, as bytes that another process can have. V8 offers this to programs that
 * embed it, and to scripts only as natives of its own tests, which end the process when they are used in another way than
 * this. So they are used on the V8 whose source says what that is; others compile again.
 */
const knownVersion = /^13\.6\./;

interface Natives {
  isOptimized(wasmFunction: unknown): boolean;
  serialize(module: WebAssembly.Module): ArrayBuffer;
  /** undefined: made by another V8, with other flags, or for another processor. */
  deserialize(code: ArrayBuffer, wasm: Uint8Array): WebAssembly.Module | undefined;
}

let natives: Natives | undefined;

function theNatives(): Natives | undefined {
  if (natives || !knownVersion.test(process.versions.v8)) return natives;
  setFlagsFromString('--allow-natives-syntax');
  natives = {
    isOptimized: new Function('f', 'return %IsTurboFanFunction(f)') as Natives['isOptimized'],
    serialize: new Function('m', 'return %SerializeWasmModule(m)') as Natives['serialize'],
    deserialize: new Function('c', 'w', 'return %DeserializeWasmModule(c, w)') as Natives['deserialize'],
  };
  return natives;
}

/** How many of these functions are optimized. */
export function optimizedCount(functions: readonly unknown[]): number {
  const known = theNatives();
  if (!known) return 0;
  return functions.filter((item) => typeof item === 'function' && known.isOptimized(item)).length;
}

/** Of a module that has an optimized function: without one, V8 refuses. */
export function machineCodeOf(module: WebAssembly.Module): Uint8Array<ArrayBuffer> | undefined {
  const known = theNatives();
  return known && new Uint8Array(known.serialize(module));
}

/** Undefined when it does not fit this V8. */
export function moduleFrom(code: Uint8Array<ArrayBuffer>, wasm: Uint8Array): WebAssembly.Module | undefined {
  const bytes = code.byteLength === code.buffer.byteLength ? code.buffer : code.slice().buffer;
  return theNatives()?.deserialize(bytes, wasm);
}
