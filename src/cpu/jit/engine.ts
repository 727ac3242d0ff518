import { InterpreterEngine, type InterpreterOptions } from '../interpreter/index.ts';
import { type JitOptions, RegionTranslator } from './translator.ts';

/** The interpreter with a translator behind it: code that runs often becomes Wasm of its own. */
export function createJitEngine(options: InterpreterOptions, jit: JitOptions = {}): InterpreterEngine {
  return new InterpreterEngine({ ...options, hot: new RegionTranslator(jit) });
}
