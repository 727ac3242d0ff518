import type { CodeContext } from '../interpreter/index.ts';
import type { PackedRegions } from './region-codec.ts';

/** To the thread that translates. A context is told once, before the first module that refers to it by its number. */
export type TranslationRequest =
  | { readonly kind: 'context'; readonly number: number; readonly context: CodeContext }
  | { readonly kind: 'module'; readonly number: number; readonly context: number; readonly regions: PackedRegions };

/** From the thread: a module, the bytes of WebAssembly that it was compiled from, and how long that took. */
export interface TranslationAnswer {
  readonly number: number;
  readonly module: WebAssembly.Module;
  readonly byteLength: number;
  readonly ms: number;
}
