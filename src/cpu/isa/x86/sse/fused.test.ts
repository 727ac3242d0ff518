import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatOf } from './element.ts';
import { fused as fuse } from './fused.ts';
import { halfOf, singleOf } from './half.ts';
import { SseUnit } from './unit.ts';

const unit = new SseUnit();
const masked = 0x1f80;
const view = new DataView(new ArrayBuffer(8));

function wordsOf(value: number): readonly [number, number] {
  view.setFloat64(0, value);
  return [view.getInt32(4), view.getInt32(0)];
}

/** a * b + c in doubles, and the flags. */
function fused(status: number, a: number, b: number, c: number): [number, number] {
  unit.begin(status);
  fuse(unit, formatOf(64), wordsOf(a), wordsOf(b), wordsOf(c), { product: false, addend: false });
  view.setInt32(0, unit.high);
  view.setInt32(4, unit.low);
  return [view.getFloat64(0), unit.raised];
}

const [IE, PE] = [1, 0x20];

test('a product and a sum are rounded once', () => {
  const e = 2 ** -30;

  assert.deepEqual(fused(masked, 1 + e, 1 - e, -1), [-(2 ** -60), 0]);
  assert.deepEqual(fused(masked, 1 + e, 1 + e, 1), [2 + 2 * e, PE]);
  assert.deepEqual(fused(masked | 0x4000, 1 + e, 1 + e, 1), [2 + 2 * e + 2 ** -51, PE]);
});

test('what cancels is a zero as the rounding has it, and infinities do not cancel', () => {
  assert.deepEqual(fused(masked, 2, 3, -6), [0, 0]);
  assert.ok(Object.is(fused(masked | 0x2000, 2, 3, -6)[0], -0));
  assert.ok(Object.is(fused(masked, -0, 3, -0)[0], -0));
  assert.deepEqual(fused(masked, Infinity, 1, -Infinity), [Number.NaN, IE]);
  assert.deepEqual(fused(masked, Infinity, 0, 1), [Number.NaN, IE]);
});

test('every half comes back from single precision', () => {
  for (let half = 0; half < 0x10000; half++) {
    const isSignaling = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0 && !(half & 0x200);
    const { word, raised } = singleOf(half);
    assert.equal(raised, isSignaling ? IE : 0);
    assert.deepEqual(halfOf(word, masked, 0), { word: isSignaling ? half | 0x200 : half, raised: 0 });
  }
});
