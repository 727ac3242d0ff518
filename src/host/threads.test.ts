import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Thread } from '../base/index.ts';
import { startThread } from './threads.ts';

/** A module for a thread, as a URL. */
const moduleOf = (serve: string): string =>
  `data:text/javascript,${encodeURIComponent(`export function serve(port) { ${serve} }`)}`;

const nextMessage = (thread: Thread): Promise<unknown> =>
  new Promise((resolve) => {
    thread.onMessage = resolve;
  });
const ended = (thread: Thread): Promise<void> =>
  new Promise((resolve) => {
    thread.onEnd = resolve;
  });

/** Threads do not keep the program: tests that wait for them do. */
async function awake<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}

test('a thread serves with its module, and ends when it is stopped', async () => {
  const thread = startThread(moduleOf('port.onMessage = (message) => port.post({ got: message.length }, []);'));
  const bytes = new Uint8Array(5);
  const [answer, end] = [nextMessage(thread), ended(thread)];

  thread.post(bytes, [bytes.buffer]);

  assert.deepEqual(await awake(answer), { got: 5 });
  assert.equal(bytes.length, 0);
  thread.stop();
  await awake(end);
});

test('a thread whose module fails ends with a warning, and nothing else does', async () => {
  for (const broken of ['throw new Error("no")', 'port.onMessage = () => { throw new Error("no"); }']) {
    const thread = startThread(moduleOf(broken));
    const end = ended(thread);
    const warned = once(process, 'warning');
    thread.post('anything', []);
    await awake(end);
    assert.match((await warned)[0].message, /^A thread has failed and is done without: no$/);
  }
});

test('a thread does not keep a program from ending', () => {
  const url = new URL('./threads.ts', import.meta.url).href;
  const program = `import { startThread } from ${JSON.stringify(url)};
    startThread(${JSON.stringify(moduleOf('port.onMessage = () => {};'))}).post(1, []);`;

  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 });

  assert.equal(status, 0);
});
