import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemFixture } from '../../../../testing/x86-system.ts';
import { flag, layout, tlb } from '../layout.ts';
import { refreshMode, setCpl } from './mode.ts';
import { access } from './page-walk.ts';
import { cr0, cr4, efer } from './registers.ts';

const root = 0x10000;
const level2 = 0x11000;
const level3 = 0x12000;
const level4 = 0x13000;

function pagingFixture(mode: { cr4?: number; efer?: number; cr0?: number }): SystemFixture {
  const fixture = new SystemFixture();
  const { state } = fixture.cpu;
  state.cr0 = cr0.PE | cr0.PG | (mode.cr0 ?? 0);
  state.cr4 = mode.cr4 ?? 0;
  state.efer = mode.efer ?? 0;
  state.cr3.setWords(root, 0);
  refreshMode(state);
  return fixture;
}

/** Maps linear 0x123000 (4 levels, 32-bit tables, or PAE) with the last entry given. */
const fourLevel = (nxe = 0): SystemFixture => {
  const fixture = pagingFixture({ cr4: cr4.PAE, efer: efer.LME | efer.LMA | nxe, cr0: cr0.WP });
  fixture.write64(root, BigInt(level2 + 7));
  fixture.write64(level2, BigInt(level3 + 7));
  fixture.write64(level3, BigInt(level4 + 7));
  return fixture;
};

const user = (fixture: SystemFixture): void => {
  fixture.cpu.state.cr0 |= cr0.PE;
  setCpl(fixture.cpu.state, 3);
};

const read = (fixture: SystemFixture, lo: number, hi = 0): number => fixture.cpu.slowAccess(lo, hi, 4, 0);
const write = (fixture: SystemFixture, lo: number, hi = 0): number => fixture.cpu.slowAccess(lo, hi, 4, 1);

test('without paging linear addresses are physical', () => {
  const fixture = new SystemFixture();
  assert.equal(read(fixture, 0x1234), fixture.host(0x1234));
});

test('4-level paging maps 4 KiB pages and sets accessed and dirty bits', () => {
  const fixture = fourLevel();
  fixture.write64(level4 + 0x123 * 8, 0x55007n);
  assert.equal(read(fixture, 0x123456), fixture.host(0x55456));
  assert.equal(fixture.read64(root), BigInt(level2 + 0x27));
  assert.equal(fixture.read64(level3), BigInt(level4 + 0x27));
  assert.equal(fixture.read64(level4 + 0x123 * 8), 0x55027n);
  assert.equal(write(fixture, 0x123456), fixture.host(0x55456));
  assert.equal(fixture.read64(level4 + 0x123 * 8), 0x55067n);
});

test('4-level paging maps 2 MiB and 1 GiB pages', () => {
  const fixture = fourLevel();
  fixture.write64(level3 + 8, 0x200087n);
  fixture.write64(level2 + 8 * 3, 0x87n);
  assert.equal(read(fixture, 0x3ff123), fixture.host(0x3ff123));
  assert.equal(read(fixture, 0xc0012345 | 0), fixture.host(0x12345));
});

test('4-level paging takes addresses of the upper half', () => {
  const fixture = fourLevel();
  fixture.write64(root + 511 * 8, BigInt(level2 + 7));
  fixture.write64(level2 + 511 * 8, BigInt(level3 + 7));
  fixture.write64(level3 + 511 * 8, 0x200087n);
  assert.equal(read(fixture, 0xffe01234 | 0, -1), fixture.host(0x201234));
});

test('page-fault codes say what was wrong', () => {
  const fixture = fourLevel(efer.NXE);
  const leaf = level4 + 0x123 * 8;
  const cases: [string, bigint, () => unknown, number][] = [
    ['not present, supervisor read', 0n, () => read(fixture, 0x123000), 0],
    ['not present, supervisor write', 0n, () => write(fixture, 0x123000), 2],
    ['read-only, supervisor write with WP', 0x55005n, () => write(fixture, 0x123000), 3],
    ['reserved bit 51', 0x8000000055007n, () => read(fixture, 0x123000), 9],
    ['fetch of a no-execute page', 0x8000000000055007n, () => fixture.cpu.translateCode(0x123000, 0), 0x11],
    ['fetch of an absent page', 0n, () => fixture.cpu.translateCode(0x123000, 0), 0x10],
  ];
  for (const [name, entry, act, code] of cases) {
    fixture.write64(leaf, entry);
    act();
    assert.deepEqual(fixture.takeFault(), [14, code], name);
    assert.equal(fixture.cpu.state.cr2.value, 0x123000n, name);
  }
});

test('user accesses need user pages at every level', () => {
  const fixture = fourLevel();
  fixture.write64(level4 + 0x123 * 8, 0x55007n);
  fixture.write64(level3, BigInt(level4 + 3));
  user(fixture);
  assert.equal(read(fixture, 0x123000), 0);
  assert.deepEqual(fixture.takeFault(), [14, 5]);
  fixture.write64(level3, BigInt(level4 + 5));
  assert.equal(read(fixture, 0x123000), fixture.host(0x55000));
  assert.equal(write(fixture, 0x123000), 0);
  assert.deepEqual(fixture.takeFault(), [14, 7]);
});

test('without NXE bit 63 is reserved, and fetches are not reported', () => {
  const fixture = fourLevel();
  fixture.write64(level4 + 0x123 * 8, 0x8000000000055007n);
  fixture.cpu.translateCode(0x123000, 0);
  assert.deepEqual(fixture.takeFault(), [14, 9]);
});

test('SMEP and SMAP keep the supervisor off user pages, AC lifts SMAP', () => {
  const fixture = fourLevel();
  const { state } = fixture.cpu;
  fixture.write64(level4 + 0x123 * 8, 0x55007n);
  state.cr4 |= cr4.SMEP | cr4.SMAP;
  refreshMode(state);
  assert.equal(fixture.cpu.translateCode(0x123000, 0), -1);
  assert.deepEqual(fixture.takeFault(), [14, 0x11]);
  assert.equal(read(fixture, 0x123000), 0);
  assert.deepEqual(fixture.takeFault(), [14, 1]);
  state.storeEflags(flag.AC);
  refreshMode(state);
  assert.equal(state.word(layout.tlbBank), layout.tlb + 2 * tlb.bankBytes);
  assert.equal(read(fixture, 0x123000), fixture.host(0x55000));
  state.storeEflags(0);
  refreshMode(state);
  assert.equal(read(fixture, 0x123000), 0);
});

test('WP clear lets the supervisor write read-only pages', () => {
  const fixture = fourLevel();
  fixture.cpu.state.cr0 &= ~cr0.WP;
  fixture.write64(level4 + 0x123 * 8, 0x55001n);
  assert.equal(write(fixture, 0x123000), fixture.host(0x55000));
});

test('reserved bits of large pages and of a PML4 entry fault', () => {
  const fixture = fourLevel();
  fixture.write64(level3 + 8, 0x202087n);
  read(fixture, 0x200000);
  assert.deepEqual(fixture.takeFault(), [14, 9]);
  fixture.write64(root + 8, BigInt(level2 + 0x87));
  read(fixture, 0, 0x80);
  assert.deepEqual(fixture.takeFault(), [14, 9]);
});

test('32-bit paging maps 4 KiB pages, and 4 MiB pages with PSE', () => {
  const fixture = pagingFixture({ cr4: cr4.PSE });
  fixture.write32(root, level2 + 7);
  fixture.write32(level2 + 0x123 * 4, 0x55007);
  fixture.write32(root + 4 * 2, 0x87);
  assert.equal(write(fixture, 0x123456), fixture.host(0x55456));
  assert.equal(fixture.read32(root), level2 + 0x27);
  assert.equal(fixture.read32(level2 + 0x123 * 4), 0x55067);
  assert.equal(write(fixture, 0x812345), fixture.host(0x12345));
  assert.equal(fixture.read32(root + 8), 0xe7);
});

test('a 4 MiB page may lie above 4 GiB; bit 21 is reserved', () => {
  const fixture = pagingFixture({ cr4: cr4.PSE });
  fixture.write32(root, 0x2087);
  assert.equal(read(fixture, 0x1234), layout.bounce);
  assert.deepEqual(fixture.bus.log, ['read mmio 100001234/4']);
  fixture.write32(root + 4, 0x200087);
  read(fixture, 0x400000);
  assert.deepEqual(fixture.takeFault(), [14, 9]);
});

test('without PSE the large bit of a directory entry is ignored', () => {
  const fixture = pagingFixture({});
  fixture.write32(root, level2 + 0x87);
  fixture.write32(level2 + 0x123 * 4, 0x55007);
  assert.equal(read(fixture, 0x123000), fixture.host(0x55000));
});

test('PAE paging goes through the four loaded pointers', () => {
  const fixture = pagingFixture({ cr4: cr4.PAE });
  fixture.write64(root, BigInt(level3 + 1));
  fixture.write64(level3, BigInt(level4 + 7));
  fixture.write64(level3 + 8, 0x200087n);
  fixture.write64(level4 + 0x123 * 8, 0x55007n);
  fixture.cpu.state.setGpr(0, BigInt(root));
  fixture.call('movToCr', 0, 3);
  assert.equal(read(fixture, 0x123000), fixture.host(0x55000));
  assert.equal(read(fixture, 0x212345), fixture.host(0x212345));
  assert.equal(read(fixture, 0x40000000), 0);
  assert.deepEqual(fixture.takeFault(), [14, 0]);
  fixture.write64(level4 + 0x124 * 8, 0x4000000000055007n);
  read(fixture, 0x124000);
  assert.deepEqual(fixture.takeFault(), [14, 9]);
});

test('loading a PAE pointer with reserved bits raises #GP', () => {
  const fixture = pagingFixture({ cr4: cr4.PAE });
  fixture.write64(root, BigInt(level3 + 3));
  fixture.cpu.state.setGpr(0, BigInt(root));
  assert.deepEqual(fixture.fault('movToCr', 0, 3), [13, 0]);
});

test('a page table outside RAM reads as the bus answers', () => {
  const fixture = fourLevel();
  fixture.write64(level3, 0x80000007n);
  fixture.bus.mmio.set(0x80000918, 7);
  for (const [i, byte] of [0x07, 0x50, 5, 0, 0, 0, 0, 0].entries()) fixture.bus.mmio.set(0x80000918 + i, byte);
  assert.equal(read(fixture, 0x123000), fixture.host(0x55000));
});

test('a dirty bit set in a table that holds code is reported to the code tracker', () => {
  const fixture = fourLevel();
  fixture.write64(level4 + 0x123 * 8, 0x55007n);
  fixture.codePages.add(fixture.host(level4) >>> 12);
  write(fixture, 0x123000);
  assert.deepEqual(fixture.codeWrites, [[level4 + 0x123 * 8, 4]]);
});

test('walks report permissions for each bank', () => {
  const fixture = fourLevel(efer.NXE);
  fixture.write64(level4 + 0x123 * 8, 0x8000000000055005n);
  const { walker } = fixture.cpu.mmu;
  assert.ok(walker.walk(0x123000, 0, 0, access.read));
  assert.deepEqual(
    [0, 1].map((bank) => [access.read, access.write, access.execute].map((kind) => walker.permits(bank, kind))),
    [
      [true, false, false],
      [true, false, false],
    ],
  );
});

test('the global bit counts with CR4.PGE only (SDM 3A, 4.10.2.4)', () => {
  for (const pge of [0, cr4.PGE]) {
    const fixture = fourLevel();
    const { mmu, state } = fixture.cpu;
    state.cr4 |= pge;
    fixture.write64(level4 + 0x123 * 8, 0x55107n);
    assert.equal(read(fixture, 0x123456), fixture.host(0x55456));
    fixture.write64(level4 + 0x123 * 8, 0x56107n);
    mmu.flushNonGlobal();
    assert.equal(read(fixture, 0x123456), fixture.host(pge ? 0x55456 : 0x56456));
  }
});
