import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutation } from './mutation.ts';

/** The file of a mutation, changed. Throws RangeError when its text is not there exactly once. */
export function mutated({ file, before, after, fault }: Mutation, source: string): string {
  const count = source.split(before).length - 1;
  if (count !== 1) throw new RangeError(`Cannot apply mutation "${fault}": ${file} has its text ${count} times`);
  return source.replace(before, () => after);
}

export const mutationFile = (root: string, { file }: Mutation): string => join(root, 'src/cpu', file);
export const readTarget = (root: string, mutation: Mutation): string =>
  readFileSync(mutationFile(root, mutation), 'utf8');
