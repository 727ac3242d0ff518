import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mezz, mezzCommand, scratchFile } from './support/mezz.ts';
import {
  echoUntil,
  exitWith,
  haltForever,
  powerOff,
  print,
  reset,
  spinForever,
  tinyGuest,
  tripleFault,
} from './support/tiny-guest.ts';

/** Boots a tiny guest with 16 MiB. */
function run(name: string, code: readonly number[], options: readonly string[] = [], input?: string) {
  const kernel = scratchFile(`${name}.bin`, tinyGuest(code));
  return mezz(['run', '--kernel', kernel, '--memory', '16M', ...options], input === undefined ? {} : { input });
}

test('a guest that powers off ends with status 0 and its console is on standard output', async () => {
  assert.deepEqual(await run('power-off', [...print('hello\n'), ...powerOff]), {
    status: 0,
    stdout: 'hello\n',
    stderr: '',
  });
});

test('a write to the debug-exit port ends with twice the value plus one', async () => {
  const ended = await run('debug-exit', exitWith(3), ['--debug-exit', '0xf4']);
  assert.deepEqual(ended, { status: 7, stdout: '', stderr: '' });
});

test('a debug-exit port where a device answers is refused', async () => {
  const { status, stderr } = await run('taken', exitWith(3), ['--debug-exit', '0x60']);
  assert.deepEqual([status, stderr], [2, 'mezz: Cannot attach at 0x60 of ports: 0x60-0x60 is taken\n']);
});

test('a triple fault ends with its own status, says so and shows the registers', async () => {
  const { status, stderr } = await run('triple-fault', tripleFault);
  assert.equal(status, 70);
  assert.match(stderr, /^mezz: The guest died of a triple fault\n/);
  assert.match(stderr, /rip[= ]+0*100020/i);
});

test('a reset ends with its own status and one line', async () => {
  const ended = await run('reset', reset);
  assert.deepEqual(ended, { status: 72, stdout: '', stderr: 'mezz: The guest asked for a reset and was stopped\n' });
});

for (const [name, code] of [
  ['halts', haltForever],
  ['spins', spinForever],
] as const) {
  test(`a guest that ${name} is stopped when its time is over`, async () => {
    const { status, stderr } = await run(name, code, ['--timeout', '0.5']);
    assert.deepEqual([status, stderr], [124, 'mezz: The guest was stopped: 0.5 s were over\n']);
  });
}

test('a guest reads standard input on its serial port, all of it', async () => {
  const text = `${'0123456789abcdef'.repeat(12_800)}.`;
  const { status, stdout } = await run('echo', [...echoUntil('.'), ...powerOff], [], text);
  assert.equal(status, 0);
  assert.ok(stdout === text, `${stdout.length} of ${text.length} characters came back`);
});

test('the serial port can be a file, or nothing', async () => {
  const path = scratchFile('serial.txt');
  const code = [...print('hello'), ...powerOff];
  assert.deepEqual(await run('to-file', code, ['--serial', `file:${path}`]), { status: 0, stdout: '', stderr: '' });
  assert.equal(readFileSync(path, 'utf8'), 'hello');
  assert.deepEqual(await run('to-null', code, ['--serial', 'null']), { status: 0, stdout: '', stderr: '' });
});

test('statistics are written as JSON', async () => {
  const path = scratchFile('stats.json');
  await run('stats', [...print('hello'), ...powerOff], ['--stats', path]);
  const figures = JSON.parse(readFileSync(path, 'utf8'));
  assert.deepEqual([figures.engine, figures.end], ['jit', 'power-off']);
  assert.ok(figures.instructions >= 15 && figures.counters.instructions === figures.instructions);
  assert.ok(figures.wallSeconds > 0 && figures.secondsToFirstConsoleByte > 0 && figures.peakRssBytes > 2 ** 20);
  const { interpreterInstructions, translatedCodeInstructions } = figures.counters;
  assert.equal(interpreterInstructions + translatedCodeInstructions, figures.instructions);
  assert.ok(Object.keys(figures.sampledSeconds).length > 0);
});

test('a signal ends the run with the status that shells tell', async () => {
  const kernel = scratchFile('signalled.bin', tinyGuest([...print('up'), ...haltForever]));
  const [program, ...args] = mezzCommand;
  const child = spawn(program, [...args, 'run', '--kernel', kernel, '--memory', '16M'], { stdio: 'pipe' });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [143, null]);
});

test('a guest whose reader is gone ends like a program that gets SIGPIPE', async () => {
  const kernel = scratchFile('chatty.bin', tinyGuest([...print('y'), 0xeb, 0xf7]));
  const [program, ...args] = mezzCommand;
  const child = spawn(program, [...args, 'run', '--kernel', kernel, '--memory', '16M'], { stdio: 'pipe' });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  assert.deepEqual(await once(child, 'exit'), [141, null]);
});
