import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InstructionClock } from './instruction-clock.ts';

function setUp() {
  const waiting: (() => void)[] = [];
  const idle: string[] = [];
  const host = {
    yieldToHost: (callback: () => void) => void waiting.push(callback),
    resources: () => ({ processorSeconds: 0, peakRssBytes: 0 }),
  };
  const clock = new InstructionClock(host, () => idle.push('idle'));
  return { clock, idle, hostTurn: () => waiting.shift()?.() };
}

test('time is instructions, and a little for each look at the clock', () => {
  const { clock } = setUp();
  const first = clock.nowNs();

  clock.reached(1000);

  assert.equal(clock.nowNs() - first, 1000 + first);
});

test('a sleep is over at once, and the clock has moved on', () => {
  const { clock, hostTurn } = setUp();
  const before = clock.nowNs();
  let woken = 0;
  clock.sleep(5000, () => woken++);
  hostTurn();

  assert.ok(clock.nowNs() - before >= 5000);
  assert.equal(woken, 1);
});

test('a sleep that is called off moves nothing', () => {
  const { clock, hostTurn } = setUp();
  const before = clock.nowNs();
  const cancel = clock.sleep(5000, () => assert.fail('it was called off'));
  cancel();
  hostTurn();

  assert.ok(clock.nowNs() - before < 5000);
});

test('a guest that nothing will wake is told of', () => {
  const { clock, idle } = setUp();
  clock.sleep(3600e9, () => {});

  assert.deepEqual(idle, ['idle']);
});
