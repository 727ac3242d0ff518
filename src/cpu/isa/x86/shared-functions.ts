import { segmentFunctions } from './data-segment.ts';
import { aesFunctions } from './definitions/aes.ts';
import { bitManipulationFunctions } from './definitions/bit-manipulation.ts';
import { carrylessFunctions } from './definitions/carryless.ts';
import { shaFunctions } from './definitions/sha.ts';
import { stringCompareFunctions } from './definitions/string-compare.ts';
import type { SharedFunction, SharedFunctions } from './shared-function.ts';
import { sseFunctions } from './sse/index.ts';
import { x87Functions } from './x87/index.ts';

/** Everything that instruction bodies may call by `X86Target.shared`, in the order of definition. */
export const sharedFunctions: SharedFunctions = {
  ...x87Functions,
  ...segmentFunctions,
  ...sseFunctions,
  ...aesFunctions,
  ...carrylessFunctions,
  ...shaFunctions,
  ...stringCompareFunctions,
  ...bitManipulationFunctions,
};

export function sharedFunction(name: string): SharedFunction {
  const found = sharedFunctions[name];
  if (!found) throw new RangeError(`Cannot call shared function "${name}": no such function`);
  return found;
}
