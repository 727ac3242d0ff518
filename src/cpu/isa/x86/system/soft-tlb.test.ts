import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterLong64, places, SystemFixture } from '../../../../testing/x86-system.ts';
import { layout, noStackPage, tlb } from '../layout.ts';

/** 64-bit mode; linear 0x80_0000_0000 + n maps RAM by a 4 KiB page table at `table`. */
const table = 0x16000;
function pagedFixture(): SystemFixture {
  const fixture = new SystemFixture();
  enterLong64(fixture);
  fixture.write64(places.pageTables + 8, 0x14007n);
  fixture.write64(0x14000, 0x15007n);
  fixture.write64(0x15000, BigInt(table + 7));
  fixture.write64(table, 0x20007n);
  fixture.write64(table + 8, 0x21107n);
  fixture.write64(0x14008, 0x87n);
  fixture.write64(0x15000 + 8 * 32, BigInt(table + 7)); // Again, a whole TLB further.
  fixture.cpu.state.setGpr(0, 0xa0n);
  fixture.call('movToCr', 0, 4);
  return fixture;
}

const isCached = (fixture: SystemFixture, lo: number): boolean =>
  fixture.cpu.mmu.tlb.probe(1, lo, 0x80, tlb.readTag) >= 0;
const touch = (fixture: SystemFixture, lo: number): number => fixture.cpu.slowAccess(lo, 0x80, 4, 0);

test('a CR3 write keeps global pages only', () => {
  const fixture = pagedFixture();
  touch(fixture, 0);
  touch(fixture, 0x1000);
  fixture.call('movFromCr', 0, 3);
  fixture.call('movToCr', 0, 3);
  assert.deepEqual([isCached(fixture, 0), isCached(fixture, 0x1000)], [false, true]);
  touch(fixture, 0);
  assert.ok(isCached(fixture, 0));
});

test('a CR4.PGE change drops everything', () => {
  const fixture = pagedFixture();
  touch(fixture, 0x1000);
  fixture.cpu.state.setGpr(0, 0x20n);
  fixture.call('movToCr', 0, 4);
  assert.equal(isCached(fixture, 0x1000), false);
});

test('INVLPG drops one page in every bank, global or not', () => {
  const fixture = pagedFixture();
  touch(fixture, 0);
  touch(fixture, 0x1000);
  fixture.setArgument(0x8000001234n);
  fixture.call('invlpg');
  assert.deepEqual([isCached(fixture, 0), isCached(fixture, 0x1000)], [true, false]);
});

test('a page that gets code loses its write permission wherever it is mapped, in every bank', () => {
  const fixture = pagedFixture();
  const { cpu } = fixture;
  fixture.write64(table + 16, 0x20007n);
  const write = (lo: number): number => cpu.slowAccess(lo, 0x80, 4, 1);
  const isWritable = (lo: number): boolean => cpu.mmu.tlb.probe(1, lo, 0x80, tlb.writeTag) >= 0;
  for (const lo of [0, 0x1000, 0x2000]) write(lo);
  cpu.protectCodePage((layout.ram + 0x20000) >>> 12);
  assert.deepEqual([0, 0x1000, 0x2000].map(isWritable), [false, true, false]);
  for (const lo of [0, 0x2000]) write(lo);
  fixture.setArgument(0x8000000000n);
  fixture.call('invlpg');
  cpu.protectCodePage((layout.ram + 0x20000) >>> 12);
  assert.deepEqual([isCached(fixture, 0), isWritable(0x1000), isWritable(0x2000)], [false, true, false]);
});

test('INVLPG drops all of a large page', () => {
  const fixture = pagedFixture();
  for (const lo of [0x40000000, 0x40212000]) touch(fixture, lo);
  touch(fixture, 0);
  fixture.setArgument(0x8040300000n);
  fixture.call('invlpg');
  assert.deepEqual(
    [0x40000000, 0x40212000, 0].map((lo) => isCached(fixture, lo)),
    [false, false, true],
  );
});

test('entries that were replaced are not listed twice', () => {
  const fixture = pagedFixture();
  for (let i = 0; i < 10_000; i++) touch(fixture, 0x40000000 + ((i * 0x1000) & 0x3fffff));
  fixture.cpu.flushTlb();
  assert.equal(isCached(fixture, 0x40000000), false);
});

test('with PCIDs a CR3 write may ask to keep translations', () => {
  const fixture = pagedFixture();
  fixture.cpu.state.setGpr(0, 0x200a0n);
  fixture.call('movToCr', 0, 4);
  fixture.cpu.state.setGpr(1, BigInt(places.pageTables) | (1n << 63n));
  touch(fixture, 0);
  fixture.call('movToCr', 1, 3);
  assert.ok(isCached(fixture, 0));
  fixture.cpu.state.setGpr(1, BigInt(places.pageTables + 1) | (1n << 63n));
  fixture.call('movToCr', 1, 3);
  assert.equal(isCached(fixture, 0), false);
  fixture.call('movFromCr', 0, 3);
  assert.equal(fixture.cpu.state.gpr(0), BigInt(places.pageTables + 1));
});

test('INVPCID checks its descriptor', () => {
  const fixture = pagedFixture();
  fixture.setArgument(0x6000n);
  fixture.cpu.state.setGpr(0, 4n);
  assert.deepEqual(fixture.fault('invpcid', 0), [13, 0]);
  fixture.cpu.state.setGpr(0, 0n);
  fixture.write64(0x6000, 1n);
  assert.deepEqual(fixture.fault('invpcid', 0), [13, 0]);
  fixture.write64(0x6000, 0n);
  fixture.write64(0x6008, 0x8000001000n);
  touch(fixture, 0x1000);
  assert.equal(fixture.fault('invpcid', 0), undefined);
  assert.equal(isCached(fixture, 0x1000), false);
});

const epoch = ({ cpu }: SystemFixture): number => cpu.state.word(layout.fetchEpoch);
/** INVLPG of this address; whether what is known of code by RIP is given up. */
const forgetsCode = (fixture: SystemFixture, lo: number): boolean => {
  const before = [epoch(fixture), fixture.cpu.state.fetchGeneration];
  fixture.setArgument(0x8000000000n + BigInt(lo));
  fixture.call('invlpg');
  return epoch(fixture) !== before[0] && fixture.cpu.state.fetchGeneration !== before[1];
};
const fetch = ({ cpu }: SystemFixture, lo: number): number => cpu.translateCode(lo, 0x80);

test('INVLPG of data keeps what is known of code, INVLPG of code does not', () => {
  const fixture = pagedFixture();
  touch(fixture, 0);
  fetch(fixture, 0x1000);
  assert.deepEqual(
    [0, 0x1000].map((lo) => forgetsCode(fixture, lo)),
    [false, true],
  );
});

test('INVLPG of data forgets the page of the stack', () => {
  const fixture = pagedFixture();
  fixture.cpu.state.setWord(layout.stackPage, 0x1000);
  assert.equal(forgetsCode(fixture, 0x1000), false);
  assert.equal(fixture.cpu.state.word(layout.stackPage), Number(noStackPage));
});

test('INVLPG of code whose entry another page took does not keep it', () => {
  const fixture = pagedFixture();
  fetch(fixture, 0x1000);
  touch(fixture, 0x1000 + tlb.entries * 4096);
  assert.equal(fixture.cpu.mmu.tlb.probe(1, 0x1000, 0x80, tlb.executeTag), -1);
  assert.ok(forgetsCode(fixture, 0x1000));
});

test('code that was read as data before is known as code', () => {
  const fixture = pagedFixture();
  touch(fixture, 0x1000);
  fetch(fixture, 0x1000);
  fixture.cpu.slowAccess(0x1000, 0x80, 4, 1);
  assert.ok(forgetsCode(fixture, 0x1000));
});

test('INVLPG in a large page forgets code of all of it', () => {
  const fixture = pagedFixture();
  fetch(fixture, 0x40212000);
  assert.ok(forgetsCode(fixture, 0x40300000));
});
