import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layout } from '../isa/x86/index.ts';
import { CodeCache } from './code-cache.ts';
import { specialIndex } from './handler-table.ts';
import { jumpCache, jumpCacheIndex, record } from './record.ts';

const pages = (layout.ram + (1 << 20)) / 0x10000;
const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
const view = new DataView(memory.buffer);
const mode = 2;
const otherMode = 1;
const page = layout.ram + 0x5000;
const pageNumber = page >>> 12;
const start = layout.records + 0x100;
const end = start + 2 * record.bytes;
const handler = 77;

/** A cache with one block of 10 bytes, 0x88 into a page; its records have some handler. */
function withBlock(): CodeCache {
  const cache = new CodeCache(memory);
  cache.clear();
  for (let at = start; at < end + record.bytes; at += record.bytes) view.setUint16(at, handler, true);
  cache.add(page + 0x88, mode, start, end, [{ address: page + 0x88, length: 10 }]);
  return cache;
}

const jumpTarget = (address: number): number | undefined => {
  const slot = layout.jumpCache + jumpCacheIndex(address) * jumpCache.entryBytes;
  return view.getUint32(slot, true) === address ? view.getUint32(slot + jumpCache.record, true) : undefined;
};

test('a block is found by its address and mode, and its page has code', () => {
  const cache = withBlock();

  assert.equal(cache.find(page + 0x88, mode), start);
  assert.equal(cache.find(page + 0x88, otherMode), undefined);
  assert.equal(cache.find(page + 0x89, mode), undefined);
  assert.deepEqual([cache.hasCode(pageNumber), cache.hasCode(pageNumber + 1)], [true, false]);
});

test('a write to a 64-byte line with code drops the block and its jump', () => {
  const cache = withBlock();

  cache.written(page + 0xbf, 1); // The same line as the block, behind its end.

  assert.equal(cache.find(page + 0x88, mode), undefined);
  assert.equal(jumpTarget(page + 0x88), undefined);
  assert.equal(cache.hasCode(pageNumber), false);
});

test('a write to another line of the page drops nothing', () => {
  const cache = withBlock();

  cache.written(page + 0x40, 0x40);
  cache.written(page + 0xc0, 0x1000 - 0xc0);

  assert.equal(cache.find(page + 0x88, mode), start);
  assert.equal(jumpTarget(page + 0x88), start);
});

test('a write that begins pages before and ends pages behind drops the block', () => {
  const cache = withBlock();

  cache.written(page - 0x2001, 0x5000);

  assert.equal(cache.find(page + 0x88, mode), undefined);
});

test('a write that ends just before a block or begins just behind its line keeps it', () => {
  const cache = withBlock();

  cache.written(page - 0x1000, 0x1080);

  assert.equal(cache.find(page + 0x88, mode), start);
});

test('every line of a page can be told from the others', () => {
  for (let line = 0; line < 64; line++) {
    const cache = new CodeCache(memory);
    cache.add(page + line * 64, mode, start, end, [{ address: page + line * 64, length: 64 }]);

    for (let other = 0; other < 64; other++) if (other !== line) cache.written(page + other * 64, 64);
    assert.equal(cache.find(page + line * 64, mode), start, `line ${line}`);

    cache.written(page + line * 64 + 63, 1);
    assert.equal(cache.find(page + line * 64, mode), undefined, `line ${line}`);
  }
});

test('records of a dropped block look their code up again, others are left alone', () => {
  const cache = withBlock();

  cache.dropPage(pageNumber);

  const handlers = [start, start + record.bytes, end].map((at) => view.getUint16(at, true));
  const resynchronize = specialIndex('resynchronize');
  assert.deepEqual(handlers, [resynchronize, resynchronize, handler]);
});

test('the way on behind a dropped block stays', () => {
  const cache = withBlock();
  const continuation = specialIndex('continue');
  view.setUint16(end - record.bytes, continuation, true);

  cache.dropPage(pageNumber);

  assert.equal(view.getUint16(end - record.bytes, true), continuation);
});

test('all blocks of a page go with one of them, blocks of other pages stay', () => {
  const cache = withBlock();
  const neighbour = start + 0x100;
  const elsewhere = start + 0x200;
  cache.add(page + 0x800, otherMode, neighbour, neighbour + 32, [{ address: page + 0x800, length: 4 }]);
  cache.add(page + 0x1000, mode, elsewhere, elsewhere + 32, [{ address: page + 0x1000, length: 4 }]);

  cache.written(page + 0x88, 1);

  assert.equal(cache.find(page + 0x800, otherMode), undefined);
  assert.equal(cache.find(page + 0x1000, mode), elsewhere);
});

test('a page-crossing block goes with a write to either page', () => {
  const address = page + 0xffe;
  for (const written of [page + 0xffe, page + 0x1001]) {
    const cache = new CodeCache(memory);
    cache.add(address, mode, start, end, [
      { address, length: 2 },
      { address: page + 0x1000, length: 3 },
    ]);
    assert.deepEqual([cache.hasCode(pageNumber), cache.hasCode(pageNumber + 1)], [true, true]);

    cache.written(written, 1);

    assert.equal(cache.find(address, mode), undefined);
  }
});

test('the second piece of a page-crossing block may lie in any page', () => {
  const cache = new CodeCache(memory);
  const address = page + 0xffe;
  const second = layout.ram + 0x9000;
  cache.add(address, mode, start, end, [
    { address, length: 2 },
    { address: second, length: 3 },
  ]);

  cache.written(page + 0x1000, 64);
  const afterNeighbour = cache.find(address, mode);
  cache.written(second, 1);

  assert.deepEqual([afterNeighbour, cache.find(address, mode)], [start, undefined]);
});

test('covered bytes have no block of their own but drop the page when they change', () => {
  const cache = withBlock();

  cache.cover({ address: page, mode: 0, start: layout.records }, page + 0x200, 8);
  cache.written(page + 0x200, 1);

  assert.equal(cache.find(page + 0x88, mode), undefined);
});

test('clearing forgets blocks, pages and jumps', () => {
  const cache = withBlock();

  cache.clear();

  assert.equal(cache.find(page + 0x88, mode), undefined);
  assert.equal(cache.hasCode(pageNumber), false);
  assert.equal(jumpTarget(page + 0x88), undefined);
  assert.ok(
    new Uint8Array(memory.buffer, layout.jumpCache, jumpCache.entries * jumpCache.entryBytes).every((b) => b === 0),
  );
});

test('a block that is decoded again after a drop is found at its new records', () => {
  const cache = withBlock();
  const again = start + 0x400;
  cache.dropPage(pageNumber);

  cache.add(page + 0x88, mode, again, again + 32, [{ address: page + 0x88, length: 10 }]);

  assert.equal(cache.find(page + 0x88, mode), again);
  assert.equal(jumpTarget(page + 0x88), again);
});

test('the records of a dropped block are used again once, for the same code, when they suffice', () => {
  const cache = withBlock();
  const bytes = end - start;

  cache.dropPage(pageNumber);

  assert.equal(cache.takeDropped(page + 0x89, mode, bytes), undefined);
  assert.equal(cache.takeDropped(page + 0x88, otherMode, bytes), undefined);
  assert.equal(cache.takeDropped(page + 0x88, mode, bytes), start);
  assert.equal(cache.takeDropped(page + 0x88, mode, bytes), undefined);
});

test('records are not used again for more than they held', () => {
  const cache = withBlock();

  cache.dropPage(pageNumber);

  assert.equal(cache.takeDropped(page + 0x88, mode, end - start + record.bytes), undefined);
});

test('records that a translation may be on its way to are not used again', () => {
  const cache = withBlock();
  view.setUint16(start + record.handler, specialIndex('count'), true);
  view.setInt32(start + record.immediate, 100, true);
  cache.cover({ address: page + 0x88, mode, start }, page + 0x88, 10);

  cache.dropPage(pageNumber);

  assert.equal(cache.takeDropped(page + 0x88, mode, end - start), undefined);
});
