import { segmentFunctions } from './data-segment.ts';
import type { SharedFunction, SharedFunctions } from './shared-function.ts';
import { sseFunctions } from './sse/index.ts';
import { x87Functions } from './x87/index.ts';

/** Everything that instruction bodies may call by `X86Target.shared`, in the order of definition. */
export const sharedFunctions: SharedFunctions = { ...x87Functions, ...segmentFunctions, ...sseFunctions };

export function sharedFunction(name: string): SharedFunction {
  const found = sharedFunctions[name];
  if (!found) throw new RangeError(`Cannot call shared function "${name}": no such function`);
  return found;
}
