import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { spoiled } from '../testing/boot-files.ts';
import { Random } from '../testing/witness/random.ts';
import { x86LikeBytes } from '../testing/x86-like.ts';
import { unpackLz4Legacy } from './lz4.ts';
import { UnpackError } from './unpack-error.ts';
import { unpackKernel } from './unpack-kernel.ts';
import { unpackXz } from './xz.ts';

// The fixtures hold this content, packed by xz 5.4.1 and lz4 1.9.4.
const content = x86LikeBytes(24000);
const fixture = (name: string): Uint8Array => readFileSync(new URL(`fixtures/unpack/${name}`, import.meta.url));
const limits = { expectedBytes: 100, limitBytes: 1 << 20 };

/** As a kernel's build leaves it: the unpacked size follows. */
function withSize(packed: Uint8Array): Uint8Array {
  const payload = new Uint8Array(packed.length + 4);
  payload.set(packed);
  new DataView(payload.buffer).setUint32(packed.length, content.length, true);
  return payload;
}

for (const [format, payload] of [
  ['gzip', gzipSync(content)],
  ['zstd', withSize(zstdCompressSync(content))],
  ['lz4', withSize(fixture('ok-legacy.lz4'))],
  ['xz', withSize(fixture('ok-x86-filter.xz'))],
] as const) {
  test(`a payload packed as ${format} is recognised and unpacked`, () => {
    assert.deepEqual(Buffer.from(unpackKernel(payload) ?? []), Buffer.from(content));
  });
}

test('formats that only the kernel knows are left to it', () => {
  assert.equal(unpackKernel(new TextEncoder().encode('BZh91AY&SY------')), undefined);
  assert.equal(unpackKernel(Uint8Array.of(0x5d, 0, 0, 0x80, 0, 0, 0, 0, 0, 0)), undefined);
  assert.equal(unpackKernel(new Uint8Array(3)), undefined);
});

for (const name of ['ok-x86-filter.xz', 'ok-no-check.xz', 'ok-blocks.xz']) {
  test(`${name} unpacks`, () => {
    assert.deepEqual(Buffer.from(unpackXz(fixture(name), limits)), Buffer.from(content));
  });
}

const xz = fixture('ok-x86-filter.xz');
const xzDamage: readonly [field: string, file: Uint8Array][] = [
  ['magic', spoiled(xz, 0, 1, 0)],
  ['stream header', spoiled(xz, 7, 1, 4)],
  ['block header', spoiled(xz, 13, 1, 0x80)],
  ['block header', xz.subarray(0, 20)],
  ['chunk', xz.subarray(0, 200)],
  ['check', spoiled(xz, xz.length - 28, 4, 0)],
  ['check', fixture('bad-check.xz')],
  ['filters', fixture('bad-filters.xz')],
];
xzDamage.forEach(([field, file], i) => {
  test(`a spoiled ${field} of xz data is named (${i})`, () => {
    assert.throws(
      () => unpackXz(file, limits),
      (error) => error instanceof UnpackError && error.field === field,
    );
  });
});

test('xz data that unpacks to more than the limit is refused', () => {
  assert.throws(() => unpackXz(xz, { expectedBytes: 100, limitBytes: 20000 }), { field: 'uncompressed size' });
});

test('gzip and zstd data that is damaged is refused', () => {
  const spoil = (bytes: Uint8Array): Uint8Array => spoiled(bytes, 40, 4, 0x12345678);
  assert.throws(() => unpackKernel(spoil(gzipSync(content))), { name: 'UnpackError', format: 'gzip' });
  assert.throws(() => unpackKernel(withSize(spoil(zstdCompressSync(content)))), {
    name: 'UnpackError',
    format: 'zstd',
  });
});

const lz4 = (...block: number[]): Uint8Array => Uint8Array.of(2, 0x21, 0x4c, 0x18, block.length, 0, 0, 0, ...block);

test('lz4 matches may overlap what they write', () => {
  const packed = lz4(0x2f, 0x41, 0x42, 2, 0, 1, 0x10, 0x43);
  assert.equal(new TextDecoder().decode(unpackLz4Legacy(packed, 23)), `${'AB'.repeat(11)}C`);
});

const lz4Damage: readonly [field: string, packed: Uint8Array, sizeBytes: number][] = [
  ['block size', lz4(0x10, 0x41), 2],
  ['block size', spoiled(lz4(0x10, 0x41), 4, 4, 100), 1],
  ['block size', lz4(), 1],
  ['sequence', lz4(0xf0), 30],
  ['literals', lz4(0x50, 0x41), 5],
  ['literals', lz4(0x20, 0x41, 0x42), 1],
  ['offset', lz4(0x10, 0x41, 0, 0), 9],
  ['offset', lz4(0x10, 0x41, 2, 0), 9],
  ['match length', lz4(0x1f, 0x41, 1, 0, 200), 9],
];
lz4Damage.forEach(([field, packed, sizeBytes], i) => {
  test(`a spoiled ${field} of lz4 data is named (${i})`, () => {
    assert.throws(
      () => unpackLz4Legacy(packed, sizeBytes),
      (error) => error instanceof UnpackError && error.field === field,
    );
  });
});

test('random damage unpacks or is refused, never anything else', () => {
  const seed = Date.now() >>> 0;
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  const packed = [withSize(xz), withSize(fixture('ok-no-check.xz')), withSize(fixture('ok-legacy.lz4'))];
  for (let round = 0; round < 400; round++) {
    const file = Uint8Array.from(random.pick(packed));
    for (let i = 0; i < 3; i++) file[random.below(file.length - 4)] = random.next32();
    assert.doesNotThrow(() => unpackOrRefuse(file), `seed ${seed}, round ${round}`);
  }
});

function unpackOrRefuse(file: Uint8Array): void {
  try {
    unpackKernel(file);
  } catch (error) {
    if (!(error instanceof UnpackError)) throw error;
  }
}
