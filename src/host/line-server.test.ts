import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { askLine } from './ask-line.ts';
import { FileError } from './files.ts';
import { LineServer, type LineServerOptions } from './line-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'mezz-line-server-'));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;
const newPath = (): string => join(folder, `socket${sockets++}`);

const what = 'test socket';
const echo = (line: string): string => `<${line}>`;
const open = (path: string, options: Partial<LineServerOptions> = {}): Promise<LineServer> =>
  LineServer.open({ path, what, longestLineBytes: 100, answer: echo, ...options });
const ask = (path: string, line: string, longestAnswerBytes = 1 << 20): Promise<string> =>
  askLine({ path, what, line, longestAnswerBytes, timeoutMs: 10_000 });

/** What a peer gets until its connection ends; an error of the connection is an end. */
async function receivedBy(socket: Socket): Promise<string> {
  let text = '';
  socket
    .on('error', () => {})
    .on('data', (bytes) => {
      text += bytes;
    });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

test('a question is answered, and the socket is its owner’s alone and goes when the server is closed', async () => {
  const path = newPath();
  const server = await open(path);

  assert.equal(await ask(path, 'ä?'), '<ä?>');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  server.close();
  assert.equal(existsSync(path), false);
});

test('questions sent at once, or in pieces, are answered one after the other', async () => {
  const path = newPath();
  const server = await open(path);
  const socket = connect(path);
  let text = '';
  const has = async (wanted: string): Promise<void> => {
    while (!text.includes(wanted)) text += String(await once(socket, 'data'));
  };
  socket.write('one\ntwo\nth');
  await has('<one>');
  socket.write('ree\n');
  await has('<three>\n');
  socket.destroy();
  assert.equal(text, '<one>\n<two>\n<three>\n');
  server.close();
});

test('a file in the way stays there', async () => {
  const path = newPath();
  writeFileSync(path, 'mine');
  await assert.rejects(
    open(path),
    new FileError(`open ${what}`, path, new Error('there is something that is no socket')),
  );
  assert.equal(statSync(path).size, 4);
});

test('a socket that nobody listens at is replaced', async () => {
  const path = newPath();
  const stale = createServer().listen(path);
  await once(stale, 'listening');
  // Its listener goes, as when its program was killed, without removing it.
  const moved = `${path}-moved`;
  linkSync(path, moved);
  stale.close();
  await once(stale, 'close');

  const server = await open(moved);

  assert.equal(await ask(moved, 'x'), '<x>');
  server.close();
});

test('a socket that another program listens at is left alone', async () => {
  const path = newPath();
  const first = await open(path);
  await assert.rejects(open(path), /another program listens there/);
  assert.equal(await ask(path, 'x'), '<x>');
  first.close();
});

for (const [name, bytes] of [
  ['a line that is too long', `${'x'.repeat(101)}\n`],
  ['a line that is too long and never ends', 'x'.repeat(500)],
  ['a megabyte without an end', 'x'.repeat(1 << 20)],
] as const) {
  test(`${name} ends its connection and no other`, async () => {
    const path = newPath();
    const server = await open(path);
    const socket = connect(path);
    socket.write(bytes);
    assert.equal(await receivedBy(socket), '');
    assert.equal(await ask(path, 'x'), '<x>');
    server.close();
  });
}

test('bytes that are no text are a line like others', async () => {
  const path = newPath();
  const server = await open(path);
  const socket = connect(path);
  socket.end(Buffer.from([0xff, 0, 0xfe, 10]));
  assert.equal(await receivedBy(socket), '<\ufffd\0\ufffd>\n');
  server.close();
});

test('a peer that says nothing, or half a line, is sent away in the end', async () => {
  const path = newPath();
  const server = await open(path, { longestConnectionMs: 50 });
  const [silent, half] = [connect(path), connect(path)];
  half.write('hal');
  assert.deepEqual(await Promise.all([receivedBy(silent), receivedBy(half)]), ['', '']);
  server.close();
});

test('a peer that asks on and on without reading costs one answer', async () => {
  const path = newPath();
  let answers = 0;
  const answer = (): string => {
    answers++;
    return 'x'.repeat(8 << 20);
  };
  const server = await open(path, { answer, longestConnectionMs: 300 });
  const socket = connect(path).pause();
  socket.on('error', () => {});
  socket.write('?\n'.repeat(1000));
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(answers, 1);
  socket.destroy();
  server.close();
});

test('answering takes a tenth of the time at most', async () => {
  const path = newPath();
  const answer = (): string => {
    for (const until = performance.now() + 20; performance.now() < until; );
    return 'done';
  };
  const server = await open(path, { answer });
  const begunMs = performance.now();
  for (let i = 0; i < 3; i++) await ask(path, '?');
  assert.ok(performance.now() - begunMs > 2 * 10 * 20 - 5);
  server.close();
});

test('an answer that is too long is not taken, and nobody at the socket is told', async () => {
  const path = newPath();
  const server = await open(path, { answer: () => 'x'.repeat(100_000) });
  await assert.rejects(ask(path, '?', 1000), /the answer is longer than 1000 bytes/);
  server.close();
  await assert.rejects(ask(path, '?'), /Cannot ask at test socket ".*": no such file/);
});
