import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layout } from '../isa/x86/index.ts';
import { ParkedKeys } from './parked-keys.ts';

function setUp() {
  const memory = new Int32Array(layout.regionProfiles / 4);
  const [one, two] = [new ParkedKeys(memory), new ParkedKeys(memory)];
  const set = (...keys: number[]): void => {
    memory.set(keys, layout.regionKeys / 4);
    memory.set(keys, layout.linkKeys / 4);
  };
  const keys = (): number[][] =>
    [layout.regionKeys, layout.linkKeys].map((at) => [...memory.subarray(at / 4, at / 4 + 3)]);
  return { one, two, set, keys };
}

test('a vCPU finds its own keys again, and none of a region that came since', () => {
  const { one, two, set, keys } = setUp();
  set(11, 12);
  one.leave(2);
  two.enter(2);
  assert.deepEqual(keys(), [
    [0, 0, 0],
    [0, 0, 0],
  ]);
  for (const each of [one, two]) each.forget(1);
  set(21, 22, 23);
  two.leave(3);
  one.enter(3);
  assert.deepEqual(keys(), [
    [11, 0, 0],
    [11, 0, 0],
  ]);
});

test('keys of an earlier round of generations are forgotten', () => {
  const { one, set, keys } = setUp();
  set(11, 12, 13);
  one.leave(3);
  one.forgetAll();
  one.enter(3);
  assert.deepEqual(keys(), [
    [0, 0, 0],
    [0, 0, 0],
  ]);
});
