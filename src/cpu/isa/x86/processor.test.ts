import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ProcessorName, parseProcessor, processorObstacle } from './processor.ts';

const understood: readonly [ProcessorName, string][] = [
  ['max', 'max kvm'],
  ['v1', 'v1 kvm'],
  ['v2,kvm=off', 'v2 mezz'],
  ['max,-kvm', 'max mezz'],
  ['max,hypervisor=off', 'max none'],
  ['max,-hypervisor,+kvm', 'max none'],
  ['max,kvm=off,kvm=on', 'max kvm'],
];

for (const [name, expected] of understood) {
  test(`processor ${name} is understood`, () => {
    const { model, hypervisor } = parseProcessor(name);
    assert.equal(`${model} ${hypervisor}`, expected);
    assert.equal(processorObstacle(name), undefined);
  });
}

for (const [name, message] of [
  ['pentium', /there are v1, v2/],
  ['', /there are v1, v2/],
  ['max,', /"" is no property: there are hypervisor and kvm, as in max,kvm=off or max,-hypervisor/],
  ['max,kvm', /"kvm" is no property/],
  ['max,-pae', /"-pae" is no property/],
  ['max,kvm=maybe', /"kvm=maybe" is no property/],
  ['max, kvm=off', /" kvm=off" is no property/],
  ['max,-kvm=off', /"-kvm=off" is no property/],
  ['max,-toString', /"-toString" is no property/],
] as const) {
  test(`processor "${name}" is refused`, () => {
    assert.match(processorObstacle(name) ?? '', message);
    assert.throws(() => parseProcessor(name), { name: 'RangeError' });
  });
}
