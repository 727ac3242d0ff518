import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSize, readRunOptions } from './run-options.ts';

const read = (options: Record<string, string>, rest: { operands?: string[]; command?: string[] } = {}) =>
  readRunOptions({ operands: rest.operands ?? [], options, command: rest.command });

test('run options have defaults', () => {
  const { image, memoryBytes, serial, command, engine, cpu } = read({});
  assert.deepEqual([image, memoryBytes, serial, command], [undefined, 512 * 2 ** 20, { kind: 'stdio' }, undefined]);
  assert.deepEqual([engine, cpu], ['jit', 'max']);
});

for (const [text, bytes] of [
  ['64', 64 * 2 ** 20],
  ['64M', 64 * 2 ** 20],
  ['64MiB', 64 * 2 ** 20],
  ['1.5g', 1.5 * 2 ** 30],
  ['65536K', 64 * 2 ** 20],
] as const) {
  test(`memory size ${text} is understood`, () => {
    assert.equal(parseSize(text), bytes);
  });
}

test('values of options are understood', () => {
  const { serial, debugExitPort, timeoutSeconds, cpus } = read({
    serial: 'file:/a:b',
    'debug-exit': '0xf4',
    timeout: '1.5',
    cpus: '4',
  });
  assert.deepEqual([serial, debugExitPort, timeoutSeconds, cpus], [{ kind: 'file', path: '/a:b' }, 0xf4, 1.5, 4]);
});

for (const [options, message] of [
  [{ memory: '12Q' }, /Cannot use memory size "12Q"/],
  [{ memory: '' }, /Cannot use memory size ""/],
  [{ memory: '512K' }, /a PC has 1M at least/],
  [{ engine: 'turbo' }, /Cannot use engine "turbo"/],
  [{ cpu: 'v4' }, /Cannot use processor "v4": AVX-512 is not built yet/],
  [{ cpu: 'i486' }, /Cannot use processor "i486": there are v1, v2, v3 and max/],
  [{ cpu: 'max,-pae' }, /Cannot use processor "max,-pae": "-pae" is no property: there are hypervisor and kvm/],
  [{ cpus: '0' }, /Cannot use 0 processors: it is a number from 1 to 64/],
  [{ cpus: '65' }, /Cannot use 65 processors/],
  [{ cpus: 'two' }, /Cannot use two processors/],
  [{ serial: 'file:' }, /Cannot connect the serial port to "file:"/],
  [{ serial: 'tcp' }, /there are stdio, null and file:PATH/],
  [{ 'debug-exit': '0x10000' }, /Cannot use debug-exit port "0x10000"/],
  [{ 'debug-exit': 'f4' }, /Cannot use debug-exit port "f4"/],
  [{ timeout: '0' }, /Cannot use timeout "0"/],
  [{ timeout: 'soon' }, /Cannot use timeout "soon"/],
] as [Record<string, string>, RegExp][]) {
  test(`run options ${JSON.stringify(options)} are refused`, () => {
    assert.throws(() => read(options), { name: 'UsageError', message });
  });
}

test('a command excludes what would take its streams or its initial RAM disk', () => {
  const command = ['true'];
  assert.throws(() => read({ serial: 'stdio' }, { command }), /Cannot use --serial stdio with a command/);
  assert.throws(() => read({ initrd: 'x' }, { command }), /Cannot use --initrd with a command/);
  assert.throws(() => read({}, { operands: ['debian', 'sh'] }), /Cannot use argument "sh"/);
});
