import type { CodeInUse, KeptModule, PackedBlocks, TranslationKeeper } from '../cpu/index.ts';

/** Keeps translated code in memory, for as many engines as there are. */
export class MemoryKeeper implements TranslationKeeper {
  modules: readonly KeptModule[] = [];
  blocks: PackedBlocks | undefined;
  readonly #bytes = new Map<KeptModule, Uint8Array<ArrayBuffer>>();

  compile(module: KeptModule): WebAssembly.Module | undefined {
    const bytes = this.#bytes.get(module);
    return bytes && new WebAssembly.Module(bytes);
  }

  compileInterpreter(): undefined {}

  close(): void {}

  keep({ modules, blocks }: CodeInUse): void {
    this.blocks = blocks.packed();
    this.modules = modules.map(({ kept }) => kept);
    for (const { kept, bytes } of modules) if (bytes) this.#bytes.set(kept, bytes);
  }
}
