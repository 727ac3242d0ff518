/** The list of `npm run mutate` fits the sources. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { mutated, readTarget } from './apply.ts';
import { families, type Mutation } from './mutation.ts';
import { mutations } from './mutations.ts';

const root = resolve(import.meta.dirname, '../../..');

test('each mutation applies to its file, once', () => {
  for (const mutation of mutations) {
    const source = readTarget(root, mutation);

    assert.notEqual(mutated(mutation, source), source, mutation.fault);
  }
});

test('there are at least thirty, several for each family', () => {
  const counts = families.map((family) => mutations.filter((mutation) => mutation.family === family).length);

  assert.ok(mutations.length >= 30);
  assert.ok(Math.min(...counts) >= 3, String(counts));
});

test('each is checked by tests that are there', () => {
  const missing = mutations.filter(({ check }) => !existsSync(join(root, check.file)));

  assert.deepEqual(missing, []);
});

describe('a mutation', () => {
  const mutation: Mutation = { ...(mutations[0] as Mutation), before: 'x + y', after: '$& - y' };

  test('replaces its text as it stands', () => {
    assert.equal(mutated(mutation, 'f(x + y)'), 'f($& - y)');
  });

  test('is refused where its text is missing, or there twice', () => {
    assert.throws(() => mutated(mutation, 'x'), /has its text 0 times/);
    assert.throws(() => mutated(mutation, 'x + y; x + y'), /has its text 2 times/);
  });
});
