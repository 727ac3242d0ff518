import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add } from './arithmetic.ts';
import { cell, Float80Unit, setCell } from './unit.ts';

const nearestOf64Bits = 0x37f;

test('a sum just above the middle of two numbers rounds up (QEMU says so in tests/privileged, forms-32)', () => {
  const u = new Float80Unit();
  u.begin(nearestOf64Bits);
  setCell(u, cell.a, 0x403e, -1, -1);
  setCell(u, cell.b, 0x4000, 0x80000000 | 0, 1);

  add(u, 0);

  const [lo = 0, hi = 0, signExponent] = u.words.subarray(cell.r, cell.r + 3);
  assert.deepEqual([signExponent, hi >>> 0, lo >>> 0], [0x403f, 0x80000000, 1]);
});
