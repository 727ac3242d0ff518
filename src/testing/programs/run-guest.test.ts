import assert from 'node:assert/strict';
import { test } from 'node:test';
import { marker } from './guest-script.ts';
import { runGuest } from './run-guest.ts';

const program = (name: string, pattern: RegExp) => ({
  name,
  folder: 'here',
  command: 'unused',
  expected: { kind: 'verdict' as const, pattern },
});
const programs = [program('one', /^(\d+) right$/m), program('two', /^fine$/m), program('three', /^fine$/m)];
const guest = (...lines: readonly string[]): string[] => ['sh', '-c', lines.join('\n')];
const begin = (index: number): string => `echo '${marker} begin ${index}'`;
const end = (index: number, status: number): string => `echo; echo '${marker} end ${index} ${status}'`;
const judged = (outcomes: Awaited<ReturnType<typeof runGuest>>['outcomes']) =>
  outcomes.map(({ name, failure, tests }) => [name, failure, tests]);

test('programs are judged by what they print and how they end', async () => {
  const command = guest(
    ...[begin(0), 'echo 12 right', end(0, 0)],
    ...[begin(1), 'echo fine', end(1, 3)],
    ...[begin(2), 'echo bad', end(2, 0)],
  );

  const { outcomes } = await runGuest(command, programs, 60);

  assert.deepEqual(judged(outcomes), [
    ['one', undefined, 12],
    ['two', 'it ended with status 3', 1],
    ['three', 'it does not say /^fine$/m', 0],
  ]);
});

test('a guest that ends within a program has run no more than that', async () => {
  const { outcomes, remarks } = await runGuest(
    guest(begin(0), 'echo 12 right', end(0, 0), begin(1), 'echo panic', 'exit 7'),
    programs,
    60,
  );

  assert.deepEqual(judged(outcomes), [
    ['one', undefined, 12],
    ['two', 'its guest ended before it', 0],
  ]);
  assert.match(remarks, /ended with status 7/);
});

test('a program that takes more of the processor than its limit is stopped with its guest', async () => {
  const { outcomes } = await runGuest(
    guest(begin(0), 'echo 12 right', end(0, 0), begin(1), 'while :; do :; done'),
    programs,
    0.1,
  );

  assert.deepEqual(judged(outcomes), [
    ['one', undefined, 12],
    ['two', 'it was stopped after 0.1 s', 0],
  ]);
});

test('a guest that waits for nothing is stopped, too', async () => {
  const { outcomes, remarks } = await runGuest(guest('exec sleep 1000'), programs, 0.1);

  assert.deepEqual(outcomes, []);
  assert.match(remarks, /stopped after 0.1 s/);
});
