export { createJitEngine } from './engine.ts';
export type { JitOptions } from './translator.ts';
