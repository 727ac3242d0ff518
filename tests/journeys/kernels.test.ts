import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mezz, wantsImage } from './support/mezz.ts';

const minutes = 60_000;
const kernels = { debian: 'x86_64', 'debian-amd64': 'x86_64', 'debian-686-pae': 'i686', 'debian-686': 'i686' } as const;

for (const [image, machine] of Object.entries(kernels)) {
  const skip = wantsImage(image);
  for (const [memory, leastKib] of [
    ['128M', 60_000],
    ['2G', 850_000],
  ] as const) {
    test(`the kernel of ${image} boots with ${memory}`, { skip, timeout: 10 * minutes }, async () => {
      const ended = await mezz(['run', image, '--memory', memory, '--', 'sh', '-c', 'uname -m; head -1 /proc/meminfo']);
      assert.deepEqual([ended.status, ended.stderr], [0, '']);
      const [, name, kib] = /^(\S+)\nMemTotal: +(\d+) kB\n$/.exec(ended.stdout) ?? [];
      assert.equal(name, machine);
      assert.ok(Number(kib) >= leastKib, `the guest counts ${kib} KiB`);
    });
  }
}

const models = {
  v1: /^(?!.* (pni|ssse3|cx16|lahf_lm|xsave) )/,
  v2: / pni .*ssse3 cx16 .*sse4_2 popcnt .*lahf_lm/,
} as const;

for (const [model, flags] of Object.entries(models)) {
  test(`a kernel sees processor ${model}`, { skip: wantsImage('debian'), timeout: 10 * minutes }, async () => {
    const ended = await mezz(['run', '--cpu', model, '--', 'grep', '-m1', 'flags', '/proc/cpuinfo']);
    assert.deepEqual([ended.status, ended.stderr], [0, '']);
    assert.match(ended.stdout, flags);
    assert.doesNotMatch(ended.stdout, / (aes|movbe|abm|fsgsbase|rdrand) /);
  });
}
