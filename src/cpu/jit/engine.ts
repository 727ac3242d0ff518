import { InterpreterEngine, type InterpreterOptions, KeptBlocks } from '../interpreter/index.ts';
import type { CodeInUse } from './kept-modules.ts';
import type { ModuleWriter } from './module-writer.ts';
import { type JitOptions, RegionTranslator } from './translator.ts';

/** The interpreter with a translator behind it. */
export class JitEngine extends InterpreterEngine {
  readonly #hot: RegionTranslator;
  readonly #kept: KeptBlocks | undefined;

  constructor(options: InterpreterOptions, hot: RegionTranslator, kept?: KeptBlocks) {
    super({ ...options, hot, kept });
    this.#hot = hot;
    this.#kept = kept;
  }

  /** The code that is to be kept for later runs; `JitOptions.keeper` says where it comes from. RangeError without it. */
  keep(): CodeInUse {
    if (!this.#kept) throw new RangeError('Cannot keep translated code: there is no keeper');
    return { ...this.#hot.keep(), blocks: this.#kept };
  }
}

/** The interpreter with a translator behind it: code that runs often becomes Wasm of its own, written by `writer`. */
export function createJitEngine(options: InterpreterOptions, jit: JitOptions = {}, writer?: ModuleWriter): JitEngine {
  const kept = jit.keeper && new KeptBlocks(jit.keeper.blocks);
  return new JitEngine(options, new RegionTranslator(jit, writer), kept);
}
