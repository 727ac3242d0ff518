import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readDebFile } from './deb.ts';
import { PackageError, parsePackage } from './debian-packages.ts';
import { runProgram } from './program.ts';
import { TarError, tarFiles } from './tar.ts';

const paragraph = `Package: linux-image-cloud-amd64
Version: 6.1.192-2
Architecture: amd64
Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2), kmod | busybox, initramfs-tools (>= 0.120+deb8u2)
Description: Linux for x86-64 cloud (meta-package)
 Version: not this one
Size: 1504
SHA256: 00be21c0c17f08ddf26e82d3b53fe7a41efa4a288938da6bb69e89c4b25c281d

Package: other
`;

test('a package list paragraph gives version, hash and dependencies', () => {
  assert.deepEqual(parsePackage(paragraph, 'linux-image-cloud-amd64'), {
    name: 'linux-image-cloud-amd64',
    version: '6.1.192-2',
    architecture: 'amd64',
    sizeBytes: 1504,
    sha256: '00be21c0c17f08ddf26e82d3b53fe7a41efa4a288938da6bb69e89c4b25c281d',
    dependencies: ['linux-image-6.1.0-56-cloud-amd64', 'kmod', 'initramfs-tools'],
  });
});

for (const [field, value] of [
  ['Package', '-o'],
  ['Version', '1 2'],
  ['Architecture', ''],
  ['Size', '-1'],
  ['SHA256', 'abc'],
] as const) {
  test(`a spoiled ${field} is named`, () => {
    const text = paragraph.replace(new RegExp(`^${field}: .*$`, 'm'), `${field}: ${value}`);
    assert.throws(
      () => parsePackage(text, 'linux'),
      (error) => error instanceof PackageError && error.message.includes(`the ${field} `),
    );
  });
}

test('programs that are missing or fail are told', async () => {
  await assert.rejects(runProgram('mezz-no-such-program', []), {
    message: 'Cannot run "mezz-no-such-program": it is not installed',
    exitCode: undefined,
  });
  const args = ['-e', 'console.error("W: odd\\nE: no space\\nE: more"); process.exit(100)'];
  await assert.rejects(runProgram(process.execPath, args), { exitCode: 100, message: /: no space$/ });
});

test('status lines come from file descriptor 3', async () => {
  const lines: string[] = [];
  const args = ['-e', 'require("fs").writeSync(3, "one\\ntwo\\n"); console.log("out")'];
  const output = await runProgram(process.execPath, args, { onStatusLine: (line) => lines.push(line) });
  assert.equal(output, 'out\n');
  assert.deepEqual(lines, ['one', 'two']);
});

const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0;
const debSkip = { skip: hasDpkg ? false : 'dpkg-deb is not installed' };

test('one file is read out of a package', debSkip, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-deb-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'root/DEBIAN'), { recursive: true });
  mkdirSync(join(folder, 'root/boot'));
  writeFileSync(
    join(folder, 'root/DEBIAN/control'),
    'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: x\n',
  );
  writeFileSync(join(folder, 'root/boot/config'), 'no');
  writeFileSync(join(folder, 'root/boot/vmlinuz-1'), Buffer.alloc(3000, 7));
  writeFileSync(join(folder, 'root/boot/zz'), Buffer.alloc(1 << 20));
  const deb = join(folder, 'x.deb');
  assert.equal(spawnSync('dpkg-deb', ['--build', join(folder, 'root'), deb]).status, 0);
  const found = await readDebFile(deb, (path) => path.startsWith('boot/vmlinuz'));
  assert.equal(found?.path, 'boot/vmlinuz-1');
  assert.deepEqual(Buffer.from(found?.content ?? []), Buffer.alloc(3000, 7));
  assert.equal(await readDebFile(deb, () => false), undefined);
  writeFileSync(deb, 'not a package');
  await assert.rejects(
    readDebFile(deb, () => true),
    { name: 'ProgramError', program: 'dpkg-deb' },
  );
});

/** A tar archive with one file, in chunks of 100 bytes. */
async function* tarStream(change: (header: Buffer) => void = () => {}, cut = 0): AsyncGenerator<Uint8Array> {
  const header = Buffer.alloc(512);
  header.write('./boot/kernel', 0);
  header.write('00000000005 ', 124);
  header.write('0', 156);
  header.write('ustar', 257);
  header.fill(' ', 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  change(header);
  const content = Buffer.alloc(512);
  content.write('hello');
  const whole = Buffer.concat([header, content, Buffer.alloc(1024)]);
  const archive = whole.subarray(0, whole.length - cut);
  for (let at = 0; at < archive.length; at += 100) yield archive.subarray(at, at + 100);
}

async function readTar(stream: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found: string[] = [];
  for await (const file of tarFiles(stream, () => true)) found.push(`${file.path}=${Buffer.from(file.content)}`);
  return found;
}

test('a tar archive is read as it streams', async () => {
  assert.deepEqual(await readTar(tarStream()), ['boot/kernel=hello']);
});

for (const [field, change, cut] of [
  ['chksum', (header: Buffer) => header.write('x', 0), 0],
  ['chksum', (header: Buffer) => header.write('zz', 148), 0],
  ['size', () => {}, 1200],
] as const) {
  test(`a tar archive with a spoiled ${field} is refused`, async () => {
    await assert.rejects(
      readTar(tarStream(change, cut)),
      (error) => error instanceof TarError && error.field === field,
    );
  });
}
