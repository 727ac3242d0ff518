import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVm, runCommand } from '../../src/sdk.ts';
import { scratchFile, wantsImage } from './support/mezz.ts';
import { echoUntil, exitWith, print, tinyGuest } from './support/tiny-guest.ts';

test('the library makes a VM, types on its console and tells how it ended', async () => {
  let console = '';
  const kernel = scratchFile('hello.bin', tinyGuest(print('hello '), echoUntil('!'), exitWith(3)));
  const { vm, type } = await createVm({
    kernel,
    memoryMiB: 16,
    debugExitPort: 0xf4,
    onConsole: (bytes) => {
      console += new TextDecoder().decode(bytes);
    },
  });
  type('world!');
  vm.start();
  assert.deepEqual(await vm.ended, { kind: 'debug-exit', status: 7 });
  assert.equal(console, 'hello world!');
  assert.equal(vm.state, 'stopped');
});

test('the library runs several VMs beside each other', async () => {
  const guests = await Promise.all(
    [1, 2, 3].map((value) =>
      createVm({
        kernel: { name: `guest ${value}`, bytes: tinyGuest(exitWith(value)) },
        memoryMiB: 16,
        debugExitPort: 0xf4,
      }),
    ),
  );
  for (const { vm } of guests) vm.start();
  const ends = await Promise.all(guests.map(({ vm }) => vm.ended));
  assert.deepEqual(
    ends.map((end) => end.kind === 'debug-exit' && end.status),
    [3, 5, 7],
  );
});

test('the library names what cannot be loaded', async () => {
  await assert.rejects(createVm({ kernel: '/no/kernel' }), {
    name: 'FileError',
    message: 'Cannot read kernel "/no/kernel": no such file',
  });
});

test('the library runs a command in a VM of its own', { skip: wantsImage('debian') }, async () => {
  const { status, stdout, end } = await runCommand(['tr', 'a-z', 'A-Z'], { input: 'hello' });
  assert.deepEqual([status, new TextDecoder().decode(stdout), end.kind], [0, 'HELLO', 'power-off']);
});
