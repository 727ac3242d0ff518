import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mezz, wantsImage } from './support/mezz.ts';

const skip = wantsImage('debian');

test('a command in the guest has its output, its error output and its exit status passed through', {
  skip,
}, async () => {
  const ended = await mezz(['run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
  assert.deepEqual(ended, { status: 7, stdout: 'out\n', stderr: 'err\n' });
});

test('a command in the guest reads standard input, however much, and its arguments as they are', { skip }, async () => {
  const input = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('');
  const script = 'wc -l; echo "$1"; kill -9 $$';
  const ended = await mezz(['run', '--', 'sh', '-c', script, 'sh', `it's "two  words" $HOME`], { input });
  assert.deepEqual(ended, { status: 128 + 9, stdout: `20000\nit's "two  words" $HOME\n`, stderr: '' });
});

test('a command that does not exist ends with 127', { skip }, async () => {
  const { status, stderr } = await mezz(['run', '--', 'no-such-command']);
  assert.equal(status, 127);
  assert.match(stderr, /no-such-command: not found/);
});

test('a command whose machine is turned off under it has no status', { skip }, async () => {
  const { status, stderr } = await mezz(['run', '--', 'poweroff', '-f']);
  assert.equal(status, 74);
  assert.match(stderr, /^mezz: Cannot tell the command's status: the guest powered off before the command ended/);
});

test('a kernel that panics ends with its own status and its own words', { skip }, async () => {
  const { status, stderr } = await mezz(['run', '--serial', 'null', '--append', 'rdinit=/nothing init=/nothing']);
  assert.equal(status, 71);
  assert.match(stderr, /^mezz: The guest's kernel panicked: [^\n]+\n$/);
});

test('too little memory for the kernel is told in one line', { skip }, async () => {
  const { status, stderr } = await mezz(['run', '--memory', '16M']);
  assert.equal(status, 2);
  assert.match(stderr, /^mezz: Cannot load [^\n]+\n$/);
});
