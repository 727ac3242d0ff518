import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mezz, scratchFile } from './support/mezz.ts';
import { exitWith, tinyGuest } from './support/tiny-guest.ts';

const kernel = scratchFile('fine.bin', tinyGuest(exitWith(0)));

/** The least that looks like a bzImage, cut off within its real-mode part. */
function truncatedKernel(): Uint8Array {
  const bytes = new Uint8Array(0x300);
  const view = new DataView(bytes.buffer);
  bytes[0x1f1] = 4;
  view.setUint16(0x1fe, 0xaa55, true);
  bytes.set(new TextEncoder().encode('HdrS'), 0x202);
  view.setUint16(0x206, 0x020f, true);
  return bytes;
}

/** An ELF header whose program headers are missing. */
const truncatedElf = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, ...new Array(9).fill(0), 2, 0, 0x3e, 0]);

const cases: Record<string, readonly [args: readonly string[], message: RegExp]> = {
  'an unknown verb': [['fly'], /Cannot understand "mezz fly"/],
  'an unknown option': [['run', '--fly'], /unknown option "--fly"/],
  'an option without its value': [['run', '--memory'], /--memory/],
  'a size that is none': [['run', '--memory', 'much'], /Cannot use memory size "much"/],
  'more memory than there can be': [['run', '--kernel', kernel, '--memory', '64G'], /Cannot give the guest 65536M/],
  'a missing kernel': [['run', '--kernel', '/no/kernel'], /Cannot read kernel "\/no\/kernel": no such file/],
  'a folder as kernel': [['run', '--kernel', '/'], /Cannot read kernel "\/": it is a directory/],
  'a missing initial RAM disk': [
    ['run', '--kernel', kernel, '--initrd', '/no/initrd'],
    /Cannot read initial RAM disk "\/no\/initrd": no such file/,
  ],
  'a file that is no kernel': [
    ['run', '--kernel', scratchFile('text', 'hello')],
    /Cannot load kernel ".*text": neither a bzImage .* nor an ELF executable/,
  ],
  'a truncated bzImage': [
    ['run', '--kernel', scratchFile('bzImage', truncatedKernel())],
    /Cannot load kernel ".*bzImage": /,
  ],
  'a truncated ELF kernel': [['run', '--kernel', scratchFile('elf', truncatedElf)], /Cannot load kernel ".*elf": /],
  'a module that does not fit': [
    ['run', '--kernel', kernel, '--memory', '2M', '--initrd', scratchFile('module', new Uint8Array(2 ** 20))],
    /Cannot load module ".*module": it has 0x100000 bytes, memory has room for/,
  ],
  'a serial file that cannot be made': [
    ['run', '--kernel', kernel, '--serial', 'file:/no/file'],
    /Cannot open serial port file "\/no\/file": no such file/,
  ],
  'an image that nobody knows': [['run', 'windows'], /Cannot pull image "windows"/],
  'an image to remove that is not there': [['image', 'rm', 'windows'], /Cannot remove image "windows"/],
  'a command that is empty': [['run', '--'], /no command follows "--"/],
};

for (const [name, [args, message]] of Object.entries(cases)) {
  test(`${name} is told in one line, with status 2`, async () => {
    const { status, stdout, stderr } = await mezz(args);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, /^mezz: [^\n]+\n$/);
  });
}

test('help and version go to standard output', async () => {
  const [help, version, run] = await Promise.all([mezz(['--help']), mezz(['--version']), mezz(['run', '--help'])]);
  assert.match(help.stdout, /mezz run \[IMAGE\]/);
  assert.match(version.stdout, /^mezz \d+\.\d+\.\d+\n$/);
  assert.match(run.stdout, /--debug-exit PORT.*Exit status:\n {2}0 /s);
  assert.deepEqual([help.status, version.status, run.status], [0, 0, 0]);
});
