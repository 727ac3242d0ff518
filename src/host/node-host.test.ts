import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeHost } from './node-host.ts';

for (const durationNs of [0, 300e3, 2.5e6]) {
  test(`a sleep of ${durationNs} ns ends`, async () => {
    await new Promise<void>((resolve) => nodeHost.sleep(durationNs, resolve));
  });
  test(`a sleep of ${durationNs} ns can be called off`, async () => {
    let isOver = false;
    nodeHost.sleep(durationNs, () => {
      isOver = true;
    })();
    await new Promise<void>((resolve) => nodeHost.sleep(10e6, resolve));
    assert.equal(isOver, false);
  });
}
