import { InterpreterEngine, type InterpreterOptions } from '../interpreter/index.ts';
import type { CodeInUse } from './kept-modules.ts';
import type { ModuleWriter } from './module-writer.ts';
import { type JitOptions, RegionTranslator } from './translator.ts';

/** The interpreter with a translator behind it. */
export class JitEngine extends InterpreterEngine {
  readonly #hot: RegionTranslator;

  constructor(options: InterpreterOptions, hot: RegionTranslator) {
    super({ ...options, hot });
    this.#hot = hot;
  }

  /** The translated code that is to be kept for later runs; `JitOptions.keeper` says where it comes from. */
  keep(): CodeInUse {
    return this.#hot.keep();
  }
}

/** The interpreter with a translator behind it: code that runs often becomes Wasm of its own, written by `writer`. */
export function createJitEngine(options: InterpreterOptions, jit: JitOptions = {}, writer?: ModuleWriter): JitEngine {
  return new JitEngine(options, new RegionTranslator(jit, writer));
}
