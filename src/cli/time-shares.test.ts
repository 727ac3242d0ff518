import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeShare } from './time-shares.ts';

const frame = (functionName: string, url = '') => ({ functionName, url });
const source = (path: string) => frame('f', new URL(`../${path}`, import.meta.url).href);
const interpreter = frame('wasm-function[7]', 'wasm://wasm/1');
const region = frame('wasm-function[9]', 'wasm://wasm/2');
const engine = [source('cpu/interpreter/engine.ts'), source('vm/virtual-machine.ts')];

for (const [name, stack] of [
  ['interpreter', [interpreter, interpreter, ...engine]],
  ['interpreter', [interpreter, region, interpreter, ...engine]],
  ['jit', [region, interpreter, ...engine]],
  ['helpers', [source('cpu/isa/x86/strings.ts'), region, interpreter, ...engine]],
  ['devices', [source('machine/devices/uart-16550.ts'), region, interpreter, ...engine]],
  ['translation', [source('cpu/isa/x86/decoder.ts'), source('cpu/jit/region.ts'), ...engine]],
  ['compilation', [frame('Module'), source('cpu/jit/region-module.ts'), ...engine]],
  ['engine', [source('cpu/isa/x86/decoder.ts'), ...engine]],
  ['other', [source('vm/virtual-machine.ts')]],
  ['idle', [frame('(idle)')]],
] as const) {
  test(`time in ${stack.map(({ url, functionName }) => url.split('/').at(-1) || functionName).join(' < ')} is "${name}"`, () => {
    assert.equal(timeShare(stack), name);
  });
}
