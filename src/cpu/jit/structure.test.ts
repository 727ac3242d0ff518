import assert from 'node:assert/strict';
import { test } from 'node:test';
import { structureOf } from './structure.ts';

test('a loop has its header, and the way out is no merge', () => {
  const structure = structureOf({ successors: [[1], [1, 2], []] });

  assert.deepEqual(structure.isLoopHeader, [false, true, false]);
  assert.deepEqual(structure.isMerge, [false, false, false]);
});

test('the two ways of a branch merge under the node that branched', () => {
  const structure = structureOf({ successors: [[1, 2], [3], [3], []] });

  assert.deepEqual(structure.merges[0], [3]);
});

test('a loop with two entries is irreducible, whichever way it is entered', () => {
  const structure = structureOf({ successors: [[1, 2], [2], [1]] });

  assert.equal(structure.isIrreducible(1, 2) || structure.isIrreducible(2, 1), true);
});
