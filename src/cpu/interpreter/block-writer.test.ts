import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoder, layout, modeKey, x86OpcodeMaps } from '../isa/x86/index.ts';
import { BlockWriter } from './block-writer.ts';
import { furtherVariants, HandlerTable, handlerVariants, specialHandlers } from './handler-table.ts';
import { link, record } from './record.ts';

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
const view = new DataView(memory.buffer);
const table = new HandlerTable(0);
const [plain, furtherOnes] = [handlerVariants(), furtherVariants()];
const decoder = new Decoder(x86OpcodeMaps);
const pageOffset = 0x123;
const code64 = modeKey.code64;
const flat32 = modeKey.code32 | modeKey.flat;
const real16 = modeKey.code16 | modeKey.stack16 | modeKey.real;
const [ax, cx, bx, sp, si, r12] = [0, 8, 24, 32, 48, 96];
const { zero, ea } = layout;
const base = (segment: number): number => layout.segmentBase + 8 * segment;

/** The fields of a record that are not zero. */
function fieldsAt(at: number): Record<string, number | string> {
  const handler = view.getUint16(at + record.handler, true);
  const variant = plain[handler - specialHandlers.length];
  const position = view.getUint16(at + record.position, true);
  const fields = {
    handler: specialHandlers[handler] ?? variant?.row.name ?? 'none',
    width: variant?.shape.width ?? 0,
    at: position & 0xfff,
    length: position >> 12,
    count: view.getUint8(at + record.count),
    r1: view.getUint8(at + record.r1),
    r2: view.getUint8(at + record.r2),
    r3: view.getUint8(at + record.r3),
    displacement: view.getInt32(at + record.displacement, true),
    immediate: view.getInt32(at + record.immediate, true),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0));
}

/** The records of one instruction, without what they all have: place and count. */
function recordsOf(mode: number, hex: string): Record<string, number | string>[] {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const instruction = decoder.decode(bytes, 0, bytes.length, mode);
  assert.ok(instruction);
  new Uint8Array(memory.buffer).fill(0xaa, 0, 256);
  const writer = new BlockWriter(table, memory);

  writer.instruction(instruction, { pageOffset, count: 3, mode });

  return Array.from({ length: writer.at / record.bytes }, (_, i) => {
    const { at, count, ...rest } = fieldsAt(i * record.bytes);
    assert.deepEqual([at, count], [pageOffset, 3]);
    return rest;
  });
}

test('registers are named by their offsets, the high bytes by the second of their words', () => {
  assert.deepEqual(recordsOf(code64, '48 01 cb'), [{ handler: 'add', width: 64, length: 3, r1: bx, r2: cx }]);
  assert.deepEqual(recordsOf(code64, '00 e5'), [{ handler: 'add', width: 8, length: 2, r1: cx + 1, r2: ax + 1 }]);
  assert.deepEqual(recordsOf(code64, '40 00 e5'), [{ handler: 'add', width: 8, length: 3, r1: 40, r2: sp }]);
  assert.deepEqual(recordsOf(code64, '41 54'), [{ handler: 'push', width: 64, length: 2, r1: r12 }]);
});

test('base and displacement of a plain address fit the record of the instruction', () => {
  assert.deepEqual(recordsOf(code64, '48 89 4b f8'), [
    { handler: 'mov', width: 64, length: 4, r1: cx, r3: bx, displacement: -8 },
  ]);
  assert.deepEqual(recordsOf(flat32, '89 4b f8'), [
    { handler: 'mov', width: 32, length: 3, r1: cx, r3: bx, displacement: -8 },
  ]);
  assert.deepEqual(recordsOf(code64, '83 04 25 10 00 00 00 ff'), [
    { handler: 'add', width: 32, length: 8, r3: zero, displacement: 16, immediate: -1 },
  ]);
});

test('RIP-relative addresses count from the page of the instruction', () => {
  assert.deepEqual(recordsOf(code64, '8b 05 10 00 00 00'), [
    { handler: 'mov', width: 32, length: 6, r3: layout.codePage, displacement: pageOffset + 6 + 16 },
  ]);
});

test('a RIP-relative displacement that leaves 32 bits with the page offset is split over two records', () => {
  assert.deepEqual(recordsOf(code64, '8b 05 ff ff ff 7f'), [
    { handler: 'address', r1: zero, r2: zero, r3: layout.codePage, displacement: 0x7fffffff },
    { handler: 'mov', width: 32, length: 6, r3: ea, displacement: pageOffset + 6 },
  ]);
});

test('an index or a segment base takes a record of its own', () => {
  assert.deepEqual(recordsOf(code64, '8b 44 b3 10'), [
    { handler: 'address', r1: si, r2: zero, r3: bx, displacement: 16, immediate: 2 },
    { handler: 'mov', width: 32, length: 4, r3: ea },
  ]);
  assert.deepEqual(recordsOf(code64, '65 8b 43 10'), [
    { handler: 'address', r1: zero, r2: base(5), r3: bx, displacement: 16 },
    { handler: 'mov', width: 32, length: 4, r3: ea },
  ]);
  assert.deepEqual(recordsOf(code64, '67 8b 03'), [
    { handler: 'address32', r1: zero, r2: zero, r3: bx },
    { handler: 'mov', width: 32, length: 3, r3: ea },
  ]);
});

test('LEA knows no segments', () => {
  assert.deepEqual(recordsOf(code64, '65 48 8d 43 10'), [
    { handler: 'lea', width: 64, length: 5, r3: bx, displacement: 16 },
  ]);
  assert.deepEqual(recordsOf(real16, '8d 00'), [
    { handler: 'address16', r1: si, r2: zero, r3: bx },
    { handler: 'lea', width: 16, length: 2, r3: ea },
  ]);
});

test('segments that are not flat are checked with the kind and size of the access', () => {
  const kindAndSize = (kind: number, size: number): number => (kind << 8) | (size << 16) | 4;

  assert.deepEqual(recordsOf(real16, '26 8b 47 02'), [
    { handler: 'addressSegment', r1: zero, r3: bx, displacement: 2, immediate: kindAndSize(0, 2) },
    { handler: 'mov', width: 16, length: 4, r3: ea },
  ]);
  assert.equal(recordsOf(real16, '89 00')[0]?.immediate, kindAndSize(1, 2));
  assert.equal(recordsOf(real16, '66 01 00')[0]?.immediate, kindAndSize(2, 4));
  assert.equal(recordsOf(real16, '89 00')[0]?.r2, 3);
  assert.equal(recordsOf(real16, '89 02')[0]?.r2, 2);
});

test('POP to memory through RSP has its address adjusted by what is popped', () => {
  assert.deepEqual(recordsOf(code64, '8f 44 24 10'), [
    { handler: 'pop_mem', width: 64, length: 4, r3: sp, displacement: 16 + 8 },
  ]);
  assert.deepEqual(recordsOf(code64, '66 8f 04 24'), [
    { handler: 'pop_mem', width: 16, length: 4, r3: sp, displacement: 2 },
  ]);
  assert.equal(recordsOf(code64, '8f 43 10')[0]?.displacement, 16);
});

test('wide immediates and direct offsets use both words', () => {
  assert.deepEqual(recordsOf(code64, '48 b8 f0 de bc 9a 78 56 34 12'), [
    { handler: 'mov', width: 64, length: 10, displacement: 0x9abcdef0 | 0, immediate: 0x12345678 },
  ]);
  assert.deepEqual(recordsOf(code64, '64 a0 f0 de bc 9a 78 56 34 12'), [
    { handler: 'addressDirect', r2: base(4), displacement: 0x9abcdef0 | 0, immediate: 0x12345678 },
    { handler: 'mov', width: 8, length: 10, r3: ea },
  ]);
});

test('far pointers have the offset in the immediate and the selector in the displacement', () => {
  assert.deepEqual(recordsOf(flat32, '9a 78 56 34 12 f0 ff'), [
    { handler: 'call_far', width: 32, length: 7, displacement: 0xfff0, immediate: 0x12345678 },
  ]);
});

test('a branch within the page waits for its link, one that leaves it is always looked up', () => {
  assert.deepEqual(recordsOf(code64, '75 10'), [
    { handler: 'jne', width: 64, length: 2, displacement: pageOffset + 2 + 16 },
  ]);
  assert.equal(link.unknown, 0);
  const far = recordsOf(code64, 'e9 00 10 00 00');
  assert.deepEqual(far, [
    { handler: 'jmp', width: 64, length: 5, displacement: pageOffset + 5 + 4096, immediate: link.lookup },
  ]);
  assert.equal(recordsOf(code64, 'e9 00 f0 ff ff')[0]?.immediate, link.lookup);
  assert.equal(recordsOf(flat32, '66 e9 10 00')[0]?.immediate, link.lookup);
});

test('LOOP has its address size beside the branch', () => {
  assert.deepEqual(recordsOf(code64, '67 e2 fe'), [
    { handler: 'loop', width: 64, length: 3, r1: 4, displacement: pageOffset + 1 },
  ]);
});

test('bytes that cannot be executed become a fault with its vector and error code', () => {
  assert.deepEqual(recordsOf(code64, '0f 04'), [{ handler: 'fault', length: 2, r1: 6, displacement: -1 }]);
  assert.deepEqual(recordsOf(code64, '2e '.repeat(16)), [{ handler: 'fault', length: 15, r1: 13 }]);
  assert.deepEqual(recordsOf(code64 | modeKey.taskSwitched, 'd9 e8'), [
    { handler: 'fault', length: 2, r1: 7, displacement: -1 },
  ]);
});

test('the end of a block names the next instruction; past the page it is looked up', () => {
  const writer = new BlockWriter(table, memory);

  writer.continuation({ pageOffset: 0x456, count: 5, mode: code64 });
  writer.continuation({ pageOffset: 0x1003, count: 5, mode: code64 });

  assert.deepEqual(fieldsAt(0), { handler: 'continue', at: 0x456, count: 5, displacement: 0x456 });
  assert.deepEqual(fieldsAt(record.bytes), {
    handler: 'continue',
    at: 3,
    count: 5,
    displacement: 0x1003,
    immediate: link.lookup,
  });
});

test('every variant of the tables has a handler, shared by those with the same key', () => {
  const variants = Object.values(x86OpcodeMaps)
    .flat(2)
    .flatMap((candidate) => candidate.variants)
    .filter((variant) => variant !== undefined);

  for (const variant of variants) {
    const index = table.indexOf(variant);
    const further = index - table.firstFurther;
    const found = further < 0 ? plain[index - specialHandlers.length] : furtherOnes[further];
    assert.equal(found?.key, variant.key);
  }
  for (const all of [plain, furtherOnes]) assert.equal(new Set(all.map((variant) => variant.key)).size, all.length);
});
