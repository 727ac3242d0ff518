import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Generator } from './generator.ts';

const seeds = [0, 1, 2, 3, 4, 5, 6, 7];
const lengthsOf = (...names: string[]): number[] => {
  const generator = new Generator({ mode: 64, units: ['integer', 'sse'], names: new Set(names) });
  return seeds.map((seed) => generator.generate(seed).instructions.length);
};

test('a sequence ends where nothing that is drawn from can come next', () => {
  const lengths = lengthsOf('maskmovdqu', 'add');

  assert.ok(Math.max(...lengths) > 1);
  // It needs RDI for itself.
  assert.deepEqual(lengthsOf('maskmovdqu'), [1, 1, 1, 1, 1, 1, 1, 1]);
});

test('a generator that has nothing to draw from says so', () => {
  assert.throws(() => lengthsOf('daa'), /no instruction of those to draw from can be its first/);
});
