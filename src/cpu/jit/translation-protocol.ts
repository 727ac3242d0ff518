import type { CodeContext } from '../interpreter/index.ts';
import type { CompiledModule } from './module-writer.ts';
import type { PackedRegions } from './region-codec.ts';

/** To the thread that translates. A context is told once, before the first module that refers to it by its number. */
export type TranslationRequest =
  | { readonly kind: 'context'; readonly number: number; readonly context: CodeContext }
  | { readonly kind: 'module'; readonly number: number; readonly context: number; readonly regions: PackedRegions };

/** From the thread: that it is there, then a module for each request. */
export type TranslationAnswer =
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'module'; readonly number: number } & CompiledModule);
