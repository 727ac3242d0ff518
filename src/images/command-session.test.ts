import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CommandError, CommandSession } from './command-session.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A session whose streams are lists. */
function startSession(input: readonly (string | Error)[]) {
  const pieces = [...input];
  const sent: string[] = [];
  const output: string[] = [];
  const session = new CommandSession({
    writeToPort: (port, data) => sent.push(`${port}:${new TextDecoder().decode(data)}`),
    onOutput: (stream, data) => output.push(`${stream}:${new TextDecoder().decode(data)}`),
    readInput: async () => {
      const piece = pieces.shift();
      if (piece instanceof Error) throw piece;
      return piece === undefined ? undefined : bytes(piece);
    },
  });
  return { session, sent, output };
}

test('output comes through by stream, and the exit line gives the status', async () => {
  const { session, output } = startSession([]);
  session.receive(0, bytes('kernel log'));
  session.receive(1, bytes('out'));
  session.receive(2, bytes('err'));
  session.receive(3, bytes('exit 7\n'));
  assert.deepEqual(output, ['stdout:out', 'stderr:err']);
  assert.equal(await session.exitStatus, 7);
});

test('input is sent in pieces, each when the guest asks, and ends with a zero', async () => {
  const { session, sent } = startSession(['hello', 'you']);
  await nextTurn();
  assert.deepEqual(sent, []);
  for (let i = 0; i < 3; i++) {
    session.receive(3, bytes('want\n'));
    await nextTurn();
  }
  assert.deepEqual(sent, ['1:5\n', '1:hello', '1:3\n', '1:you', '1:0\n']);
});

test('a guest that asks twice before its answer gets one answer', async () => {
  const { session, sent } = startSession(['a', 'b']);
  session.receive(3, bytes('want\nwant\n'));
  await nextTurn();
  assert.deepEqual(sent, ['1:1\n', '1:a']);
});

test('control lines may arrive in parts and end as terminals end them; others are ignored', async () => {
  const { session } = startSession([]);
  for (const part of ['\n\0nonsense\nexit 1', '43\r', '\n', 'exit 5\n']) session.receive(3, bytes(part));
  assert.equal(await session.exitStatus, 143);
});

test('an endless control line takes no memory and says nothing', async () => {
  const { session } = startSession([]);
  session.receive(3, new Uint8Array(1 << 20).fill(0x65));
  session.receive(3, bytes('xit 1\nexit 2\n'));
  assert.equal(await session.exitStatus, 2);
});

test('a machine that stops before the command ends is an error', async () => {
  const { session } = startSession([]);
  session.machineStopped();
  await assert.rejects(session.exitStatus, CommandError);
});

test('input that cannot be read is an error with its cause', async () => {
  const cause = new Error('broken');
  const { session } = startSession([cause]);
  session.receive(3, bytes('want\n'));
  await assert.rejects(session.exitStatus, { name: 'CommandError', cause });
});
