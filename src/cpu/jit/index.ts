export { createJitEngine } from './engine.ts';
export type { ModuleWriter } from './module-writer.ts';
export { ThreadWriter } from './thread-writer.ts';
export type { JitOptions } from './translator.ts';
