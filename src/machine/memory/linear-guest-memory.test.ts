import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BackedRamRange, backingSizeBytes, gpa, LinearGuestMemory } from './index.ts';

const ranges: BackedRamRange[] = [
  { start: gpa(0), sizeBytes: 0x3000, offset: 0 },
  { start: gpa(0x4000), sizeBytes: 0x8000, offset: 0x4000 },
  { start: gpa(2 ** 32), sizeBytes: 0x2000, offset: 0xc000 },
];
const baseOffset = 0x1000;

function setUp() {
  const buffer = new ArrayBuffer(baseOffset + backingSizeBytes(ranges));
  return { buffer, memory: new LinearGuestMemory({ buffer, baseOffset, ranges }) };
}

test('guest memory counts RAM and knows where each byte lies', () => {
  const { memory } = setUp();
  assert.equal(memory.sizeBytes, 0xd000);
  const offsets = [0, 0x2fff, 0x3000, 0x3fff, 0x4000, 0xbfff, 0xc000, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 0x1fff];
  assert.deepEqual(
    offsets.map((at) => memory.ramOffset(at)),
    [0, 0x2fff, -1, -1, 0x4000, 0xbfff, -1, -1, 0xc000, 0xdfff],
  );
  assert.equal(memory.ramOffset(2 ** 32 + 0x2000), -1);
  assert.equal(memory.ramOffset(2 ** 52), -1);
});

test('guest memory gives live windows', () => {
  const { buffer, memory } = setUp();
  memory.bytesForWrite(gpa(2 ** 32 + 1), 2).set([0xaa, 0xbb]);
  assert.deepEqual([...new Uint8Array(buffer, baseOffset + 0xc001, 2)], [0xaa, 0xbb]);
  assert.deepEqual([...memory.bytes(gpa(2 ** 32), 4)], [0, 0xaa, 0xbb, 0]);
});

test('guest memory contains a range only when all of it is RAM', () => {
  const { memory } = setUp();
  assert.equal(memory.contains(gpa(0x2ff0), 0x10), true);
  assert.equal(memory.contains(gpa(0x2ff0), 0x11), false);
  assert.equal(memory.contains(gpa(0x3fff), 2), false);
  assert.equal(memory.contains(gpa(0x4000), 0x8000), true);
  assert.equal(memory.contains(gpa(0x4000), -1), false);
  assert.throws(() => memory.bytes(gpa(0x2ff0), 0x11), {
    name: 'RangeError',
    message: 'Cannot read 17 bytes at 0x2ff0: not all of them are RAM',
  });
  assert.throws(() => memory.bytesForWrite(gpa(0x3000), 1), RangeError);
});

test('guest memory logs pages of host-side writes while the log runs', () => {
  const { memory } = setUp();
  memory.bytesForWrite(gpa(0x0), 1);
  memory.dirtyLog.start();
  memory.bytesForWrite(gpa(0x1fff), 2);
  memory.bytesForWrite(gpa(2 ** 32 + 0x1000), 1);
  memory.bytesForWrite(gpa(0x8000), 0);
  memory.bytes(gpa(0x5000), 1);
  assert.deepEqual([...memory.dirtyLog.take()], [1, 2, 0x100001]);
  assert.deepEqual([...memory.dirtyLog.take()], []);
  memory.bytesForWrite(gpa(0x4000), 1);
  memory.dirtyLog.stop();
  assert.deepEqual([...memory.dirtyLog.take()], []);
});

test('guest memory tells of a host-side write before it happens', () => {
  const { memory } = setUp();
  const seen: number[][] = [];
  memory.onHostWrite((offset, length) => seen.push([offset, length, memory.bytes(gpa(0x4010), 1)[0] ?? -1]));
  memory.bytesForWrite(gpa(0x4010), 3).fill(7);
  assert.deepEqual(seen, [[0x4010, 3, 0]]);
});

test('guest memory refuses ranges that overlap or do not fit', () => {
  const buffer = new ArrayBuffer(0x10000);
  const range = (start: number, sizeBytes: number, offset: number) => ({ start: gpa(start), sizeBytes, offset });
  const create = (...given: BackedRamRange[]) => new LinearGuestMemory({ buffer, baseOffset: 0, ranges: given });
  assert.throws(() => create(range(0, 0x2000, 0), range(0x1000, 0x1000, 0x2000)), /range at 0x1000 overlaps/);
  assert.throws(() => create(range(0, 0x10001, 0)), /range at 0x0 ends beyond the 0x10000 bytes/);
});
