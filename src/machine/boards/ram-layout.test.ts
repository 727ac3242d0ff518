import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backingSizeBytes } from '../memory/index.ts';
import { ramRangesFor } from './ram-layout.ts';

const mib = 2 ** 20;
const gib = 2 ** 30;

test('a small PC has RAM around the VGA window', () => {
  assert.deepEqual(ramRangesFor(64 * mib), [
    { start: 0, sizeBytes: 0xa0000, offset: 0 },
    { start: 0xc0000, sizeBytes: 64 * mib - 0xc0000, offset: 0xc0000 },
  ]);
});

test('a large PC has the rest of its RAM from 4 GiB', () => {
  const ranges = ramRangesFor(5 * gib);
  assert.equal((ranges[1]?.start ?? 0) + (ranges[1]?.sizeBytes ?? 0), 3 * gib);
  assert.deepEqual(ranges[2], { start: 4 * gib, sizeBytes: 2 * gib, offset: 3 * gib });
  assert.equal(backingSizeBytes(ranges), 5 * gib);
  assert.equal(ramRangesFor(3 * gib).length, 2);
});

test('a PC needs whole pages and a mebibyte', () => {
  assert.throws(() => ramRangesFor(mib - 4096), RangeError);
  assert.throws(() => ramRangesFor(64 * mib + 1), RangeError);
});
