import { InterpreterEngine, type InterpreterOptions } from '../interpreter/index.ts';
import type { ModuleWriter } from './module-writer.ts';
import { type JitOptions, RegionTranslator } from './translator.ts';

/** The interpreter with a translator behind it: code that runs often becomes Wasm of its own, written by `writer`. */
export function createJitEngine(
  options: InterpreterOptions,
  jit: JitOptions = {},
  writer?: ModuleWriter,
): InterpreterEngine {
  return new InterpreterEngine({ ...options, hot: new RegionTranslator(jit, writer) });
}
