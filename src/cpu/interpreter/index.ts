export type { CodeCache } from './code-cache.ts';
export { InterpreterEngine, type InterpreterOptions } from './engine.ts';
export type { EngineParts, HotCode } from './hot-code.ts';
export { exit, record } from './record.ts';
