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
