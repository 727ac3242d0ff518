import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../testing/witness/random.ts';
import { CpioError, readCpio, writeCpio } from './cpio.ts';
import { commandInitramfs, defaultInitramfs, joinInitramfs } from './default-initramfs.ts';

const archive = writeCpio([
  { kind: 'directory', path: '/dev' },
  { kind: 'characterDevice', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  { kind: 'blockDevice', path: 'dev/vda', major: 254, minor: 0 },
  { kind: 'file', path: 'init', mode: 0o755, content: '#!/bin/sh\n' },
  { kind: 'file', path: 'data', content: Uint8Array.of(0, 255, 1) },
  { kind: 'symlink', path: 'bin', target: 'usr/bin' },
]);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test('an archive gives back what was written', () => {
  const members = readCpio(archive).map(({ path, mode, content, major, minor }) => {
    return [path, mode.toString(8), [...content].join(), major, minor];
  });
  assert.deepEqual(members, [
    ['dev', '40755', '', 0, 0],
    ['dev/console', '20600', '', 5, 1],
    ['dev/vda', '60600', '', 254, 0],
    ['init', '100755', [...new TextEncoder().encode('#!/bin/sh\n')].join(), 0, 0],
    ['data', '100644', '0,255,1', 0, 0],
    ['bin', '120777', [...new TextEncoder().encode('usr/bin')].join(), 0, 0],
  ]);
});

test('headers are those of the newc format', () => {
  const header = text(archive.subarray(0, 110));
  assert.match(header, /^0707010{7}1000041ed0{16}00000002(0{8}){6}000000040{8}$/);
  assert.equal(archive.length % 4, 0);
});

test('a path that cannot be written is refused', () => {
  assert.throws(() => writeCpio([{ kind: 'directory', path: '/' }]), { field: 'c_name' });
  assert.throws(() => writeCpio([{ kind: 'directory', path: 'a\0b' }]), { field: 'c_name' });
});

const fields = ['c_mode', 'c_filesize', 'c_rdevmajor', 'c_rdevminor', 'c_namesize'] as const;
const fieldAt = { c_mode: 14, c_filesize: 54, c_rdevmajor: 78, c_rdevminor: 86, c_namesize: 94 } as const;
for (const field of fields) {
  test(`a spoiled ${field} is named`, () => {
    const bytes = Uint8Array.from(archive);
    bytes[fieldAt[field]] = 0x7a;
    assert.throws(
      () => readCpio(bytes),
      (error) => error instanceof CpioError && error.field === field,
    );
  });
}

test('an archive that ends early is refused', () => {
  assert.throws(() => readCpio(archive.subarray(0, 50)), { field: 'c_magic' });
  assert.throws(() => readCpio(archive.subarray(0, 111)), { field: 'c_namesize' });
  assert.throws(() => readCpio(archive.subarray(0, archive.length - 124)), { field: 'c_magic' });
});

test('random damage gives members or a CpioError, never anything else', () => {
  const seed = Date.now() >>> 0;
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from(archive);
    for (let i = 0; i < 3; i++) bytes[random.below(bytes.length)] = random.pick([0x30, 0x66, random.next32()]);
    assert.doesNotThrow(() => readOrRefuse(bytes), `seed ${seed}, round ${round}`);
  }
});

function readOrRefuse(bytes: Uint8Array): void {
  try {
    readCpio(bytes);
  } catch (error) {
    if (!(error instanceof CpioError)) throw error;
  }
}

test('the default guest has busybox, an init and a console', () => {
  const members = new Map(readCpio(defaultInitramfs(Uint8Array.of(1, 2, 3))).map((member) => [member.path, member]));
  assert.deepEqual(members.get('bin/busybox')?.content, Uint8Array.of(1, 2, 3));
  assert.equal(members.get('init')?.mode, 0o100755);
  assert.match(text(members.get('init')?.content ?? new Uint8Array()), /^#!\/bin\/busybox sh\n/);
  assert.deepEqual([members.get('dev/console')?.major, members.get('dev/console')?.minor], [5, 1]);
});

test('a command is quoted for the shell', () => {
  const [, command] = readCpio(commandInitramfs(['printf', "it's", '$HOME', ''], { GREETING: "a'b" }));
  assert.equal(command?.path, 'mezz/command');
  assert.equal(
    text(command?.content ?? new Uint8Array()),
    "export GREETING='a'\\''b'\nset -- 'printf' 'it'\\''s' '$HOME' ''\n",
  );
});

test('commands and variables that a shell cannot take are refused', () => {
  assert.throws(() => commandInitramfs([]), /no command is given/);
  assert.throws(() => commandInitramfs(['a\0b']), /zero character/);
  assert.throws(() => commandInitramfs(['true'], { 'a b': '1' }), /not a variable name/);
});

test('joined archives begin on 4-byte boundaries', () => {
  assert.deepEqual(joinInitramfs(Uint8Array.of(1), Uint8Array.of(2, 3)), Uint8Array.of(1, 0, 0, 0, 2, 3, 0, 0));
});
