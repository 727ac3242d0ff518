import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Activity } from './activity.ts';

/** Runs and sleeps in turn, for so long each. */
function live(activity: Activity, fromNs: number, rounds: number, runNs: number, sleepNs: number): number {
  let now = fromNs;
  for (let i = 0; i < rounds; i++) {
    activity.fellAsleep(now + runNs);
    activity.wokeUp(now + runNs + sleepNs);
    now += runNs + sleepNs;
  }
  return now;
}

test('a guest that has just started is not at rest', () => {
  const activity = new Activity();
  live(activity, 0, 1, 1e6, 10e6);
  assert.equal(activity.isResting, false);
});

test('a guest that runs for half a millisecond ten times a second comes to rest within some seconds', () => {
  const activity = new Activity();
  live(activity, 0, 50, 0.5e6, 100e6);
  assert.equal(activity.isResting, true);
});

test('a guest that is woken up often enough is not at rest, however short it runs', () => {
  const activity = new Activity();
  const now = live(activity, 0, 50, 0.5e6, 100e6);
  live(activity, now, 1000, 0.5e6, 2e6);
  assert.equal(activity.isResting, false);
});
