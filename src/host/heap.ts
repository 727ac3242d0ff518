import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives the memory back that starting up has used. The collector would leave its young generation, which grew with what
 * survived the start, at 32 MiB for good, and a VM that only executes guest code hardly makes it run again.
 */
export function compactMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('globalThis.gc');
  // This kind also shrinks the young generation to its first size.
  if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
