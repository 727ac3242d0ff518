import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockTable } from './block-table.ts';

const block = (address: number, mode: number, start: number) => ({ address, mode, start, end: start + 32 });

test('a block is found by address and mode once it is published', () => {
  const table = new BlockTable();
  const link = table.add(block(0xf000_0010, 3, 64), 0);
  assert.equal(table.find(0xf000_0010, 3), undefined);
  table.publish(link);
  assert.equal(table.find(0xf000_0010, 3), 64);
  assert.equal(table.find(0xf000_0010, 2), undefined);
});

test('dropping a list tells of each of its blocks and hides them', () => {
  const table = new BlockTable();
  const first = table.add(block(0x1000, 1, 16), 0);
  table.publish(first);
  const second = table.add(block(0xf000_1010, 1, 48), first);
  table.publish(second);
  const dropped: number[][] = [];
  table.dropList(second, (...figures) => dropped.push(figures));
  assert.deepEqual(dropped, [
    [0xf000_1010, 48, 80, 1],
    [0x1000, 16, 48, 1],
  ]);
  assert.equal(table.find(0x1000, 1), undefined);
  assert.equal(table.find(0xf000_1010, 1), undefined);
});

test('a block in the lists of two pages is hidden by either', () => {
  const table = new BlockTable();
  const inFirstPage = table.add(block(0x1ffe, 1, 16), 0);
  table.publish(inFirstPage);
  const inSecondPage = table.add(block(0x1ffe, 1, 16), 0);
  table.dropList(inSecondPage, () => {});
  assert.equal(table.find(0x1ffe, 1), undefined);
  const again = table.add(block(0x1ffe, 1, 96), inFirstPage);
  table.publish(again);
  assert.equal(table.find(0x1ffe, 1), 96);
  table.dropList(again, () => {});
  assert.equal(table.find(0x1ffe, 1), undefined);
});

test('many blocks are kept apart while pages come and go', () => {
  const table = new BlockTable();
  const pages = new Map<number, number>();
  const expected = new Map<number, number>();
  for (let i = 0; i < 60_000; i++) {
    const page = (i * 7919) % 997;
    if (i % 50 === 49) {
      table.dropList(pages.get(page) ?? 0, (address) => expected.delete(address));
      pages.delete(page);
      continue;
    }
    const address = page * 4096 + (i % 4096);
    if (expected.has(address)) continue;
    const link = table.add(block(address, 1, i * 32), pages.get(page) ?? 0);
    table.publish(link);
    pages.set(page, link);
    expected.set(address, i * 32);
  }
  for (const [address, start] of expected) assert.equal(table.find(address, 1), start);
  table.clear();
  for (const address of expected.keys()) assert.equal(table.find(address, 1), undefined);
});
