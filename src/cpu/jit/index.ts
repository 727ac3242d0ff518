export { createJitEngine, JitEngine } from './engine.ts';
export type { CodeInUse, KeptModule, ModuleInUse, ModuleKeeper, TranslationKeeper } from './kept-modules.ts';
export type { ModuleWriter } from './module-writer.ts';
export { ThreadWriter } from './thread-writer.ts';
export type { JitOptions } from './translator.ts';
