import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf } from './dispatch.ts';

const placesOf = (offsets: readonly number[]): number[] => {
  const hash = hashOf(offsets);
  return hash ? offsets.map((offset) => (offset >> hash.shift) & hash.mask) : [];
};

test('every offset has a place of its own, also below the first page', () => {
  const offsets = [-0x1230, -0x20, 0, 0x10, 0x44, 0x45, 0xfff, 0x2340];

  assert.equal(new Set(placesOf(offsets)).size, offsets.length);
});

test('offsets that no table of a sensible size tells apart have none', () => {
  assert.equal(hashOf([0, 1 << 20]), undefined);
});
