import { existsSync, readFileSync } from 'node:fs';

const fileOf = (name: string): URL => new URL(`../cpu/interpreter/${name}.wasm`, import.meta.url);

/** The interpreter's modules as the build left them (tools/build.mjs); undefined when this runs from the sources. */
export const builtInterpreter = existsSync(fileOf('main'))
  ? { main: () => readFileSync(fileOf('main')), further: () => readFileSync(fileOf('further')) }
  : undefined;
