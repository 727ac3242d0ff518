import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mezz, scratchFile, wantsImage } from './support/mezz.ts';
import { echoUntil, haltForever, powerOff, print, spinForever, tinyGuest, tripleFault } from './support/tiny-guest.ts';

const minutes = 60_000;

function lockstep(name: string, code: readonly number[], options: readonly string[] = []) {
  const kernel = scratchFile(`${name}.bin`, tinyGuest(code));
  return mezz(['debug', 'lockstep', '--kernel', kernel, '--memory', '16M', ...options]);
}

test('a guest that powers off in lock-step ends with status 0 and what was executed', async () => {
  const { status, stdout, stderr } = await lockstep('lockstep-off', [...print('hello\n'), ...powerOff]);
  assert.deepEqual([status, stdout], [0, 'hello\n']);
  assert.match(stderr, /^mezz: In lock-step for \d+ instructions, 0 faults, 0 interrupts, \d+ regions translated\n$/);
});

test('what is to be typed reaches the guest', async () => {
  const { status, stdout } = await lockstep('lockstep-echo', [...echoUntil('!'), ...powerOff], ['--input', 'abc!']);
  assert.deepEqual([status, stdout], [0, 'abc!']);
});

test('a run in lock-step ends after the instructions that were asked for', async () => {
  const { status, stderr } = await lockstep('lockstep-spin', spinForever, ['--instructions', '1M']);
  assert.equal(status, 0);
  const [, instructions] = /for (\d+) instructions/.exec(stderr) ?? [];
  assert.ok(Math.abs(Number(instructions) - 1e6) < 1e4, stderr);
});

test('a guest that nothing will wake ends, and one that dies tells how', async () => {
  const idle = await lockstep('lockstep-idle', haltForever);
  const dead = await lockstep('lockstep-dead', tripleFault);
  assert.deepEqual([idle.status, dead.status], [0, 70]);
});

test('two runs in lock-step are the same run', async () => {
  const run = () => lockstep('lockstep-twice', [...echoUntil('!'), ...powerOff], ['--input', 'once more!']);
  assert.deepEqual(await run(), await run());
});

for (const [option, value] of [
  ['slice', 'many'],
  ['threshold', '0'],
  ['console', 'file:x'],
] as const) {
  test(`--${option} ${value} is refused`, async () => {
    const { status, stderr } = await lockstep('lockstep-refused', powerOff, [`--${option}`, value]);
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(value));
  });
}

const skip = wantsImage('debian');
test('a Debian kernel boots and powers off in lock-step', { skip, timeout: 10 * minutes }, async () => {
  const { status, stdout, stderr } = await mezz(['debug', 'lockstep', 'debian', '--slice', '20000']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /reboot: Power down/);
  const [, instructions, interrupts, regions] =
    /(\d+) instructions, .* (\d+) interrupts, (\d+) regions/.exec(stderr) ?? [];
  assert.ok(Number(instructions) > 500e6 && Number(interrupts) > 100 && Number(regions) > 1000, stderr);
});
