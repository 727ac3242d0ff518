import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mezz, wantsImage } from './support/mezz.ts';

const minutes = 60_000;
const clocks = '/sys/devices/system/clocksource/clocksource0';
const kernels = { debian: 'x86_64', 'debian-amd64': 'x86_64', 'debian-686-pae': 'i686', 'debian-686': 'i686' } as const;

for (const [image, machine] of Object.entries(kernels)) {
  const skip = wantsImage(image);
  for (const [memory, leastKib] of [
    ['128M', 60_000],
    ['2G', 850_000],
  ] as const) {
    test(`the kernel of ${image} boots with ${memory}`, { skip, timeout: 10 * minutes }, async () => {
      const ended = await mezz([
        'run',
        image,
        '--memory',
        memory,
        '--',
        'sh',
        '-c',
        `uname -m; head -1 /proc/meminfo; cat ${clocks}/current_clocksource`,
      ]);
      assert.deepEqual([ended.status, ended.stderr], [0, '']);
      const [, name, kib, clock] = /^(\S+)\nMemTotal: +(\d+) kB\n(\S+)\n$/.exec(ended.stdout) ?? [];
      assert.deepEqual([name, clock], [machine, 'tsc']);
      assert.ok(Number(kib) >= leastKib, `the guest counts ${kib} KiB`);
    });
  }
}

const look = `grep -m1 flags /proc/cpuinfo; cat ${clocks}/current_clocksource; sleep 2
echo $(($(date +%s) - $(cat /sys/class/rtc/rtc0/since_epoch)))`;
const processors = {
  'v1,hypervisor=off': { flags: /^(?!.* (pni|ssse3|cx16|lahf_lm|xsave|hypervisor) )/, clock: 'tsc' },
  v2: { flags: / pni .*ssse3 cx16 .*sse4_2 .*popcnt .*hypervisor .*lahf_lm/, clock: 'kvm-clock' },
} as const;

for (const [name, { flags, clock }] of Object.entries(processors)) {
  test(`a kernel sees processor ${name}`, { skip: wantsImage('debian'), timeout: 10 * minutes }, async () => {
    const ended = await mezz(['run', '--cpu', name, '--append', 'clocksource=kvm-clock', '--', 'sh', '-c', look]);
    assert.deepEqual([ended.status, ended.stderr], [0, '']);
    const [processor = '', clocksource, secondsFromRtc] = ended.stdout.split('\n');
    assert.match(processor, flags);
    assert.doesNotMatch(processor, / (aes|movbe|abm|fsgsbase|rdrand) /);
    assert.equal(clocksource, clock);
    assert.ok(Math.abs(Number(secondsFromRtc)) <= 1, `${secondsFromRtc} s between the system's time and the RTC's`);
  });
}
