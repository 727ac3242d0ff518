import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimeSampler } from './time-sampler.ts';

function spin(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

test('a sampler tells the time of what ran under a function from the rest', () => {
  const sampler = new TimeSampler((stack) =>
    stack.some(({ functionName, url }) => functionName === 'spin' && url === import.meta.url) ? 'spinning' : 'rest',
  );

  sampler.start();
  spin(200);
  const { spinning = 0, rest = 0 } = sampler.stop();

  assert.ok(spinning > 0.1 && spinning < 10, `${spinning} s`);
  assert.ok(rest < spinning, `${rest} s`);
});
