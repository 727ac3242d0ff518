import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterLong64, places, SystemFixture } from '../../../../testing/x86-system.ts';
import { layout, tlb } from '../layout.ts';

const longFixture = (): SystemFixture => {
  const fixture = new SystemFixture();
  enterLong64(fixture);
  return fixture;
};

/** Points the 2 MiB page at 2 MiB to a physical address without RAM. */
const mapDevice = (fixture: SystemFixture): void => {
  fixture.write64(places.pageTables + 0x2000 + 8, 0xe0000087n);
};

test('a filled entry lets generated code find the page', () => {
  const { cpu } = longFixture();
  assert.equal(cpu.slowAccess(0x5678, 0, 8, 1), layout.ram + 0x5678);
  const entry = cpu.state.word(layout.tlbBank) + 5 * tlb.entryBytes;
  const word = (at: number): number => cpu.state.u32[(entry + at) / 4] ?? 0;
  assert.deepEqual([word(tlb.readTag), word(tlb.writeTag), word(tlb.executeTag)], [0x5000, 0x5000, 1]);
  assert.equal((0x5678 + word(tlb.addend)) >>> 0, layout.ram + 0x5678);
});

test('a read of a device is done in the bounce buffer by naturally aligned pieces', () => {
  const fixture = longFixture();
  mapDevice(fixture);
  for (let i = 0; i < 8; i++) fixture.bus.mmio.set(0xe0000102 + i, i + 1);
  assert.equal(fixture.cpu.slowAccess(0x200102, 0, 8, 0), layout.bounce);
  assert.equal(fixture.cpu.state.view.getBigUint64(layout.bounce, true), 0x0807060504030201n);
  assert.deepEqual(fixture.bus.log, ['read mmio e0000102/2', 'read mmio e0000104/4', 'read mmio e0000108/2']);
});

test('a write to a device reaches it when the bounce buffer is flushed', () => {
  const fixture = longFixture();
  mapDevice(fixture);
  assert.equal(fixture.cpu.slowAccess(0x200100, 0, 4, 1), layout.bounce);
  assert.deepEqual(fixture.bus.log, []);
  fixture.cpu.state.view.setUint32(layout.bounce, 0x12345678, true);
  fixture.cpu.flushBounce();
  assert.deepEqual(fixture.bus.log, ['write mmio e0000100/4=12345678']);
});

test('a read-modify-write across pages goes through the bounce buffer', () => {
  const fixture = longFixture();
  fixture.write64(0x5ffc, 0x1122334455667788n);
  assert.equal(fixture.cpu.slowAccess(0x5ffc, 0, 8, 2), layout.bounce);
  assert.equal(fixture.cpu.state.view.getBigUint64(layout.bounce, true), 0x1122334455667788n);
  fixture.cpu.state.view.setBigUint64(layout.bounce, 0x99aabbccddeeff00n, true);
  fixture.cpu.flushBounce();
  assert.equal(fixture.read64(0x5ffc), 0x99aabbccddeeff00n);
});

test('an access from RAM into a device is split at the page', () => {
  const fixture = longFixture();
  mapDevice(fixture);
  fixture.write16(0x1ffffe, 0xbbaa);
  fixture.bus.mmio.set(0xe0000000, 0xcc);
  fixture.bus.mmio.set(0xe0000001, 0xdd);
  assert.equal(fixture.cpu.slowAccess(0x1ffffe, 0, 4, 0), layout.bounce);
  assert.equal(fixture.cpu.state.view.getUint32(layout.bounce, true), 0xddccbbaa);
});

test('a fault on the second page reports that page and writes nothing', () => {
  const fixture = longFixture();
  assert.equal(fixture.cpu.slowAccess(0x3ffffc, 0, 8, 1), 0);
  assert.equal(fixture.cpu.state.word(layout.faulted), 1);
  assert.deepEqual(fixture.takeFault(), [14, 2]);
  assert.equal(fixture.cpu.state.cr2.value, 0x400000n);
});

test('addresses that are not canonical raise #GP, or #SS through the stack', () => {
  const fixture = longFixture();
  assert.equal(fixture.cpu.slowAccess(0, 0x8000, 8, 0), 0);
  assert.deepEqual(fixture.takeFault(), [13, 0]);
  assert.equal(fixture.cpu.slowAccess(0, 0x8000, 8, 256 | 1), 0);
  assert.deepEqual(fixture.takeFault(), [12, 0]);
  assert.equal(fixture.cpu.slowAccess(0xfffffffc | 0, 0x7fff, 8, 0), 0);
  assert.deepEqual(fixture.takeFault(), [13, 0]);
});

test('32-bit addresses wrap', () => {
  const fixture = new SystemFixture();
  for (let i = 0; i < 2; i++) fixture.bus.mmio.set(0xfffffffe + i, 0x10 + i);
  fixture.write16(0, 0xbeef);
  assert.equal(fixture.cpu.slowAccess(0xfffffffe | 0, 0, 4, 0), layout.bounce);
  assert.equal(fixture.cpu.state.view.getUint32(layout.bounce, true), 0xbeef1110);
});

test('writes to a page with code are reported and the page stays protected', () => {
  const fixture = longFixture();
  const page = fixture.host(0x5000) >>> 12;
  fixture.cpu.slowAccess(0x5000, 0, 4, 1);
  fixture.codePages.add(page);
  fixture.cpu.protectCodePage(page);
  const entry = fixture.cpu.state.word(layout.tlbBank) + 5 * tlb.entryBytes;
  const writeTag = (): number => fixture.cpu.state.word(entry + tlb.writeTag);
  assert.equal(writeTag(), 1);
  assert.equal(fixture.cpu.slowAccess(0x5010, 0, 4, 1), fixture.host(0x5010));
  assert.deepEqual(fixture.codeWrites, [[0x5010, 4]]);
  assert.equal(writeTag(), 1);
  fixture.codePages.delete(page);
  fixture.cpu.slowAccess(0x5010, 0, 4, 1);
  assert.equal(writeTag(), 0x5000);
});

test('a read-only page is read in place and written on the bus', () => {
  const fixture = longFixture();
  fixture.readOnlyPages.add(5);
  assert.equal(fixture.cpu.slowAccess(0x5000, 0, 4, 0), fixture.host(0x5000));
  assert.equal(fixture.cpu.slowAccess(0x5000, 0, 4, 1), layout.bounce);
  fixture.cpu.state.view.setUint32(layout.bounce, 7, true);
  fixture.cpu.flushBounce();
  assert.deepEqual(fixture.bus.log, ['write mmio 5000/4=7']);
});

test('fetches where nothing answers find a page of ones', () => {
  const fixture = longFixture();
  mapDevice(fixture);
  const at = fixture.cpu.translateCode(0x200123, 0);
  assert.equal(at & 0xfff, 0x123);
  assert.equal(fixture.cpu.state.u8[at], 0xff);
});
