import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterLong64, places, SystemFixture } from '../../../testing/x86-system.ts';
import { LinearBytes } from './linear-bytes.ts';

/** Two pages from here on: the first lies where it says, the second at 0x9000, or where a test maps it. */
const linear = 0x200000n;
const split = linear + 0xff0n;
const numbers = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

/** `second`: the page-table entry of the second page. */
function fixtureWith(second: bigint): { fixture: SystemFixture; bytes: LinearBytes; ram: Uint8Array } {
  const fixture = new SystemFixture();
  enterLong64(fixture);
  const table = places.pageTables + 0x4000;
  fixture.write64(places.pageTables + 0x2000 + 8, BigInt(table + 7));
  fixture.write64(table, 0x6007n);
  fixture.write64(table + 8, second);
  const ram = new Uint8Array(fixture.ram.buffer, fixture.ram.byteOffset, fixture.ram.byteLength);
  return { fixture, bytes: new LinearBytes(fixture.cpu), ram };
}

test('an operand in two pages that are apart in RAM is written, read and updated whole', () => {
  const { bytes, ram } = fixtureWith(0x9007n);

  bytes.write(split, numbers);
  const first = hex(ram.subarray(0x6ff0, 0x7000)) + hex(ram.subarray(0x9000, 0x9030));
  bytes.update(split, 64, (data) => data.reverse());

  assert.equal(first, hex(numbers));
  assert.equal(hex(bytes.read(split, 64)), hex(numbers.slice().reverse()));
  assert.equal(ram[0x7000], 0);
});

test('a second page that is missing leaves the first as it was', () => {
  for (const change of ['write', 'update'] as const) {
    const { fixture, bytes, ram } = fixtureWith(0n);

    assert.throws(() => (change === 'write' ? bytes.write(split, numbers) : bytes.update(split, 64, (d) => d.fill(1))));

    assert.deepEqual(fixture.takeFault(), [14, 2]);
    assert.equal(fixture.cpu.state.cr2.value, 0x201000n);
    assert.equal(ram[0x6ff0], 0);
  }
});

test('code in either page is told of a write', () => {
  const { fixture, bytes } = fixtureWith(0x9007n);
  for (const page of [0x6000, 0x9000]) fixture.codePages.add(fixture.host(page) >>> 12);

  bytes.write(split, numbers);

  // Finding each page told of its first byte already.
  assert.deepEqual(fixture.codeWrites.slice(2), [
    [0x6ff0, 16],
    [0x9000, 48],
  ]);
});

test('a part in a device is read from it and written to it', () => {
  const { fixture, bytes, ram } = fixtureWith(0xe0000007n);
  for (let i = 0; i < 48; i++) fixture.bus.mmio.set(0xe0000000 + i, 0x80 + i);

  const read = bytes.read(split, 64);
  bytes.write(split, numbers);

  assert.equal(hex(read.subarray(16)), hex(Uint8Array.from({ length: 48 }, (_, i) => 0x80 + i)));
  assert.deepEqual([ram[0x6fff], fixture.bus.mmio.get(0xe0000000), fixture.bus.mmio.get(0xe000002f)], [16, 17, 64]);
});
