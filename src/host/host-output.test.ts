import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { HostOutput } from './host-output.ts';

/** A reader that takes a piece only when the test lets it. */
function setUp() {
  const taken: (() => void)[] = [];
  const stream = new Writable({ write: (_chunk, _encoding, done) => void taken.push(done) });
  const events: string[] = [];
  const output = new HostOutput(stream, {
    onFull: () => events.push('full'),
    onDrained: () => events.push('drained'),
    onClosed: () => events.push('closed'),
  });
  const take = async () => {
    taken.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { output, events, take, stream };
}

test('host output says when too much waits for its reader, and when that is over', async () => {
  const { output, events, take } = setUp();
  output.write(new Uint8Array(1 << 20));
  assert.deepEqual(events, []);
  output.write(new Uint8Array(1));
  assert.deepEqual(events, ['full']);
  await take();
  assert.deepEqual(events, ['full', 'drained']);
});

test('host output is flushed when the reader has all of it', async () => {
  const { output, take } = setUp();
  let isFlushed = false;
  output.write(new Uint8Array(3));
  void output.flushed().then(() => (isFlushed = true));
  await Promise.resolve();
  assert.equal(isFlushed, false);
  await take();
  assert.equal(isFlushed, true);
});

test('host output whose reader is gone says so and lets a full guest go on', async () => {
  const { output, events, stream } = setUp();
  output.write(new Uint8Array((1 << 20) + 1));
  stream.destroy(new Error('EPIPE'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(events, ['full', 'drained', 'closed']);
  await output.flushed();
});
