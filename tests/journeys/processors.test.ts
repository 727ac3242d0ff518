import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { mezz, wantsImage } from './support/mezz.ts';

const minutes = 60_000;
const count = 4;
const lines = 30_000;

/** What each of the programs is to find, which run at once. */
const numbers = Array.from({ length: lines }, (_, i) => `${i + 1}\n`).join('');
const digest = createHash('sha256').update(numbers).digest('hex');

const script = `
nproc
grep -c ^processor /proc/cpuinfo
cat /sys/devices/system/cpu/online
for i in 1 2 3 4 5 6; do seq 1 ${lines} | cat | sha256sum & done
wait
grep -E '^ *(RES|CAL):' /proc/interrupts
dmesg | grep -iE 'stall|soft lockup|hard lockup|unstable|warp|call trace|not responding|apic error'
true
`;

test(`a guest with ${count} processors has them all online and at work`, {
  skip: wantsImage('debian'),
  timeout: 10 * minutes,
}, async () => {
  const ended = await mezz(['run', '--cpus', `${count}`, '--', 'sh', '-c', script]);

  assert.deepEqual([ended.status, ended.stderr], [0, '']);
  const [processors, listed, online, ...rest] = ended.stdout.trimEnd().split('\n');
  assert.deepEqual([processors, listed, online], [`${count}`, `${count}`, `0-${count - 1}`]);
  assert.deepEqual(rest.slice(0, 6), Array(6).fill(`${digest}  -`));
  const interrupts = rest.slice(6).map((line) =>
    line
      .trim()
      .split(/\s+/)
      .slice(1, 1 + count)
      .map(Number),
  );
  assert.equal(interrupts.length, 2, `nothing else is said:\n${rest.slice(6).join('\n')}`);
  for (const each of interrupts)
    assert.ok(
      each.some((times) => times > 0),
      ended.stdout,
    );
});
