import type { SharedFunctions } from '../../shared-function.ts';
import { arithmeticFunctions } from './arithmetic.ts';
import { compareFunctions } from './compare.ts';
import { kernels } from './kernels.ts';
import { storeFunctions } from './store.ts';
import { transferFunctions } from './transfer.ts';

export { plan as storePlan } from './store.ts';

/**
 * The common cases of x87 instructions as Wasm, by the name of the helper that does the whole instruction: numbers are
 * normal or zero, registers as full as they should be, nothing waits to be reported and nothing but inexactness is
 * raised. Whatever else it is, they call the helper before they have changed anything.
 */
export const x87Functions: SharedFunctions = {
  ...kernels,
  ...arithmeticFunctions,
  ...transferFunctions,
  ...storeFunctions,
  ...compareFunctions,
};
