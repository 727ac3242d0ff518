import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptBlocks } from './kept-blocks.ts';

const mode = 5;
const at = 0x3123;
const code = [0x48, 0x01, 0xd8, 0x48, 0x29, 0xd9, 0x48, 0x31, 0xc0, 0xc3];

function memoryWith(address: number, bytes: readonly number[]): Uint8Array {
  const memory = new Uint8Array(0x8000);
  memory.set(bytes, address);
  return memory;
}

/** Recognizable records. */
const recordsOf = (count: number, from = 100): Int32Array => Int32Array.from({ length: 4 * count }, (_, i) => from + i);

/** What was found, without its place. */
function recordsFound(blocks: KeptBlocks, memory: Uint8Array, address: number, inMode = mode): number[] | undefined {
  const found = blocks.find(memory, address, inMode);
  return found && [...found.records.subarray(found.recordsAt, found.recordsAt + found.recordWords)];
}

test('a block is found by its bytes in every page, at its place there and in its mode only', () => {
  const memory = memoryWith(at, code);
  const blocks = new KeptBlocks();
  blocks.add(memory, at, code.length, mode, recordsOf(4));

  const other = memoryWith(at + 0x2000, code);
  assert.deepEqual(recordsFound(blocks, other, at + 0x2000), [...recordsOf(4)]);
  assert.equal(blocks.find(other, at + 0x2000, mode)?.length, code.length);
  assert.equal(recordsFound(blocks, memoryWith(at + 1, code), at + 1), undefined);
  assert.equal(recordsFound(blocks, memory, at, mode + 1), undefined);
  for (let i = 0; i < code.length; i++) {
    const changed = code.with(i, 0x90);
    assert.equal(recordsFound(blocks, memoryWith(at, changed), at), undefined, `byte ${i}`);
  }
});

test('blocks that begin alike are told apart, and come back with those of later engines', () => {
  const variants = Array.from({ length: 3000 }, (_, i) => [i & 0xff, ...code, i & 0xff, i >> 8]);
  let blocks = new KeptBlocks();
  for (let run = 0; run < 3; run++) {
    const part = variants.slice(run * 1000, (run + 1) * 1000);
    for (const [i, bytes] of part.entries()) {
      blocks.add(memoryWith(at, bytes), at, bytes.length, mode, recordsOf(1 + (i % 90), i));
    }
    assert.ok(blocks.isNew);
    blocks = new KeptBlocks(blocks.packed());
    assert.ok(!blocks.isNew);
  }

  for (const [i, bytes] of variants.entries()) {
    const found = recordsFound(blocks, memoryWith(at, bytes), at);
    assert.deepEqual(found, [...recordsOf(1 + ((i % 1000) % 90), i % 1000)]);
  }
  assert.equal(blocks.hits, variants.length);
});

test('a guest that writes blocks without end that begin alike does not make each search as long', () => {
  const blocks = new KeptBlocks();
  const bytes = (i: number): number[] => [...code, i & 0xff, i >> 8];
  const count = 5000;
  for (let i = 0; i < count; i++) blocks.add(memoryWith(at, bytes(i)), at, code.length + 2, mode, recordsOf(1, i));

  assert.equal(recordsFound(blocks, memoryWith(at, bytes(0)), at), undefined);
  assert.deepEqual(recordsFound(blocks, memoryWith(at, bytes(count - 1)), at), [...recordsOf(1, count - 1)]);
});

test('what does not fit together counts as nothing', () => {
  const blocks = new KeptBlocks();
  blocks.add(memoryWith(at, code), at, code.length, mode, recordsOf(4));
  const { heads, code: kept, records } = blocks.packed();

  for (const damaged of [
    { heads, code: kept.subarray(1), records },
    { heads, code: kept, records: records.subarray(4) },
    { heads: new Int32Array(3), code: kept, records },
  ]) {
    assert.equal(recordsFound(new KeptBlocks(damaged), memoryWith(at, code), at), undefined);
  }
});

test('without room nothing more is kept, and then only what was used', () => {
  const long = recordsOf(98);
  const blocks = new KeptBlocks();
  const memory = new Uint8Array(0x1000);
  const write = (i: number): void => new DataView(memory.buffer).setUint32(0x10, i, true);
  const count = 40_000;
  for (let i = 0; i < count; i++) {
    write(i);
    blocks.add(memory, 0x10, 8, mode, long);
  }
  const packed = blocks.packed();
  const kept = packed.heads.length / 3;
  assert.ok(kept < count && packed.records.byteLength <= 24 << 20);

  const next = new KeptBlocks(packed);
  write(5);
  assert.ok(next.find(memory, 0x10, mode));
  assert.equal(next.packed().heads.length, 3);
  assert.ok(!next.isNew);
  for (let i = count; i < 2 * count; i++) {
    write(i);
    next.add(memory, 0x10, 8, mode, long);
  }
  assert.ok(next.isNew, 'room is made for what was refused');
});
