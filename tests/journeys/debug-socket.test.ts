import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { mezz, mezzCommand, scratchFile } from './support/mezz.ts';
import { echoUntil, exitWith, print, tinyGuest } from './support/tiny-guest.ts';

const timeout = 60_000;
/** mov ecx, 20000; dec ecx; jnz: hot before the guest asks for input. */
const warmUp = [0xb9, 0x20, 0x4e, 0, 0, 0x49, 0x75, 0xfd];

test('a running guest shows what the JIT made of its code, and goes on', { timeout }, async () => {
  const guest = scratchFile('looked-at.elf', tinyGuest(warmUp, print('ready'), echoUntil('q'), exitWith(3)));
  const socket = scratchFile('looked-at.socket');
  const [program, ...own] = mezzCommand;
  const run = ['run', '--kernel', guest, '--debug-exit', '0xf4', '--debug-socket', socket];
  const child = spawn(program, [...own, ...run], { stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (bytes) => {
    output += bytes;
  });
  while (!output.includes('ready')) await once(child.stdout, 'data');

  const attach = ['debug', 'translate', '--attach', socket];
  const listed = await untilListed(attach);
  const [rip = ''] = listed.split(' ');
  const shown = await mezz([...attach, '--region', rip]);
  const missing = await mezz([...attach, '--region', '0x1']);
  const mode = statSync(socket).mode & 0o777;
  await annoy(socket);
  child.stdin.write('still here: q');
  const [status] = await once(child, 'close');

  assert.match(listed, /^0x[0-9a-f]{16} {2}mode 0x[0-9a-f]+, \d+ pages, \d+ entries\n/);
  assert.equal(shown.status, 0);
  assert.match(shown.stdout, /^Region at 0x[0-9a-f]+: \d+ instructions in \d+ blocks[\s\S]*i32\.sub/);
  assert.deepEqual([missing.status, missing.stdout], [1, '']);
  assert.equal(missing.stderr, 'mezz: Cannot show the region at 0x1: none is entered there\n');
  assert.equal(mode, 0o600);
  assert.equal(output, 'readystill here: q');
  assert.deepEqual([status, existsSync(socket)], [7, false]);
});

/** Regions become a module after some slices; until then none is in use. */
async function untilListed(attach: readonly string[]): Promise<string> {
  for (;;) {
    const { stdout, stderr } = await mezz(attach);
    assert.equal(stderr, '');
    if (stdout !== '') return stdout;
  }
}

/** Garbage, a line without end, a peer that leaves in the middle, one that says nothing. */
async function annoy(path: string): Promise<void> {
  for (const bytes of ['\xff\0garbage\n', 'x'.repeat(1 << 20), '{"version":1,"ask":"reg']) {
    const socket = connect(path).on('error', () => {});
    await once(socket, 'connect');
    socket.end(bytes, 'latin1');
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }
  connect(path)
    .on('error', () => {})
    .unref();
}

test('there is nothing to attach to', { timeout }, async () => {
  const socket = scratchFile('nobody.socket');
  const { status, stderr } = await mezz(['debug', 'translate', '--attach', socket]);
  assert.deepEqual([status, stderr], [2, `mezz: Cannot ask at debug socket "${socket}": no such file\n`]);
});

test('a guest to run and one to attach to exclude each other', { timeout }, async () => {
  const { status, stderr } = await mezz(['debug', 'translate', '--attach', 'x', '--memory', '64M']);
  assert.deepEqual([status, stderr], [2, 'mezz: Cannot use "memory" with --attach: the guest runs already\n']);
});

test('a file is not replaced by a debug socket', { timeout }, async () => {
  const path = scratchFile('file.txt', 'mine');
  const guest = scratchFile('never.elf', tinyGuest(exitWith(1)));
  const { status, stderr } = await mezz(['run', '--kernel', guest, '--debug-socket', path]);
  assert.equal(status, 2);
  assert.equal(stderr, `mezz: Cannot open debug socket "${path}": there is something that is no socket\n`);
});
