export type { CodeCache } from './code-cache.ts';
export { InterpreterEngine, type InterpreterOptions } from './engine.ts';
export { specialIndex } from './handler-table.ts';
export type { CodeContext, EngineParts, HotBlock, HotCode, TranslatedRegion } from './hot-code.ts';
export {
  type BuiltInterpreter,
  buildInterpreter,
  interpreterModule,
  prepareInterpreter,
} from './interpreter-module.ts';
export { codeKey, KeptBlocks, type PackedBlocks } from './kept-blocks.ts';
export { exit, pointOffsetShift, record } from './record.ts';
export { emitTargetProbe } from './target-cache.ts';
