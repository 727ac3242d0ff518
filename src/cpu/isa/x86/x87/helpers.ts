/** Every x87 instruction by name, for generated code to call. */
import { arithmeticHelpers } from './instructions/arithmetic.ts';
import { compareHelpers } from './instructions/compare.ts';
import { controlHelpers } from './instructions/control.ts';
import type { X87Helpers } from './instructions/helper.ts';
import { loadStoreHelpers } from './instructions/load-store.ts';
import { stackHelpers } from './instructions/stack.ts';
import { transcendentalHelpers } from './instructions/transcendental.ts';

export const x87Helpers: X87Helpers = {
  ...arithmeticHelpers,
  ...compareHelpers,
  ...controlHelpers,
  ...loadStoreHelpers,
  ...stackHelpers,
  ...transcendentalHelpers,
};
