import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  enterLong64,
  enterProtected32,
  enterUser,
  places,
  SystemFixture,
  segmentDescriptor,
  selectors,
  writeGate,
  writeGate64,
} from '../../../../testing/x86-system.ts';
import { attention, flag, layout, segment } from '../layout.ts';
import { modeKey } from '../mode.ts';
import { makesDoubleFault } from './event-delivery.ts';
import { bank } from './mode.ts';
import { access } from './page-walk.ts';

const long = (): SystemFixture => {
  const fixture = new SystemFixture();
  enterLong64(fixture);
  return fixture;
};
const protected32 = (): SystemFixture => {
  const fixture = new SystemFixture();
  enterProtected32(fixture);
  return fixture;
};
const raise = ({ cpu }: SystemFixture, vector: number, errorCode = -1): void => {
  cpu.recordFault(vector, errorCode);
  cpu.deliverPendingFault();
};
const rsp = ({ cpu }: SystemFixture): number => cpu.state.gprLow(4);

test('real mode goes through the vector table and pushes three words', () => {
  const fixture = new SystemFixture();
  const { state } = fixture.cpu;
  fixture.write32(0x20 * 4, 0x12340056);
  state.setGpr(4, 0x8000n);
  state.storeEflags(flag.IF);
  state.rip = 0x1234n;
  fixture.cpu.deliverInterrupt(0x20);
  assert.deepEqual(fixture.frame(0x7ffa, 2, 3), ['1234', 'f000', '202']);
  assert.deepEqual([state.selector(segment.cs), state.segmentBase(segment.cs), state.rip], [0x1234, 0x12340, 0x56n]);
  assert.equal(state.eflags & flag.IF, 0);
  assert.equal(rsp(fixture), 0x7ffa);
});

test('real mode pushes no error code, and IRET returns', () => {
  const fixture = new SystemFixture();
  const { state } = fixture.cpu;
  fixture.write32(13 * 4, 0x00000500);
  state.setGpr(4, 0x8000n);
  state.rip = 0xabcdn;
  raise(fixture, 13, 0);
  assert.equal(rsp(fixture), 0x7ffa);
  fixture.call('iret', 2);
  assert.deepEqual([state.selector(segment.cs), state.nextRip, rsp(fixture)], [0xf000, 0xabcdn, 0x8000]);
});

test('a vector beyond the real-mode table ends in a triple fault when the table is empty', () => {
  const fixture = new SystemFixture();
  fixture.cpu.state.idtr.limit = 0;
  raise(fixture, 6);
  assert.equal(fixture.cpu.stop?.kind, 'triple-fault');
});

test('64-bit delivery at the same level aligns the stack and pushes SS:RSP', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  writeGate64(fixture, 14, 0xffff800012345678n, 0x8e);
  state.setGpr(4, BigInt(places.stack - 4));
  state.storeEflags(flag.IF);
  raise(fixture, 14, 3);
  const at = places.stack - 16 - 48;
  assert.equal(rsp(fixture), at);
  assert.deepEqual(fixture.frame(at, 8, 6), ['3', 'd000', '8', '10202', 'affc', '10']);
  assert.equal(state.rip, 0xffff800012345678n);
  assert.equal(state.nextRip, state.rip);
  assert.equal(state.eflags, 2);
  assert.equal(state.selector(segment.ss), selectors.data);
});

test('64-bit delivery from user mode takes RSP0 and a null SS', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  writeGate64(fixture, 0x80, 0x4000n, 0xee);
  enterUser(fixture, selectors.userCode64, 0x202);
  assert.equal(state.cpl, 3);
  assert.equal(state.word(layout.tlbBank), layout.tlb);
  state.nextRip = 0xd002n;
  fixture.call('interrupt', 0x80);
  const at = places.kernelStack - 40;
  assert.deepEqual(fixture.frame(at, 8, 5), ['d002', '33', '202', 'c000', '2b']);
  assert.deepEqual([state.cpl, state.selector(segment.cs), state.selector(segment.ss)], [0, 8, 0]);
  assert.equal(state.nextRip, 0x4000n);
  fixture.call('iret', 8);
  assert.deepEqual([state.cpl, state.gpr(4), state.nextRip], [3, BigInt(places.userStack), 0xd002n]);
});

test('a 64-bit stack pointer that is not canonical faults, though the frame below it would fit', () => {
  const fixture = long();
  const { state, mmu } = fixture.cpu;
  const tables = places.pageTables;
  fixture.write64(tables + 8 * 255, BigInt(tables + 0x1007));
  fixture.write64(tables + 0x1000 + 8 * 511, BigInt(tables + 0x2007));
  fixture.write64(tables + 0x2000 + 8 * 511, 0x200087n);
  mmu.translate(-8, 0x7fff, bank.supervisor, access.write);
  for (const table of [places.gdt, places.idt]) mmu.translate(table, 0, bank.supervisor, access.read);
  writeGate64(fixture, 14, 0x4000n, 0x8e);
  writeGate64(fixture, 8, 0x5000n, 0x8e, 1);
  state.setGpr(4, 0x800000000000n);
  raise(fixture, 14, 3);
  assert.deepEqual([state.rip, rsp(fixture)], [0x5000n, places.interruptStack - 48]);
});

test('an interrupt stack table entry is used without a level change', () => {
  const fixture = long();
  writeGate64(fixture, 2, 0x4000n, 0x8e, 1);
  fixture.cpu.deliverNmi();
  assert.equal(rsp(fixture), places.interruptStack - 40);
  assert.ok(fixture.cpu.state.nmiBlocked);
  fixture.call('iret', 8);
  assert.equal(fixture.cpu.state.nmiBlocked, false);
  assert.equal(rsp(fixture), places.stack);
});

test('a trap gate leaves IF alone, TF is cleared and single-stepping ends', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  writeGate64(fixture, 1, 0x4000n, 0x8f);
  fixture.write64(places.stack - 8, 0x302n);
  state.setGpr(4, BigInt(places.stack - 8));
  fixture.call('popf', 8);
  assert.ok(state.word(layout.modeKey) & modeKey.single);
  assert.ok(state.word(layout.attention) & attention.singleStep);
  fixture.cpu.deliverDebugTrap(true);
  assert.equal(state.eflags & (flag.IF | flag.TF), flag.IF);
  assert.equal(state.word(layout.modeKey) & modeKey.single, 0);
  assert.equal(state.word(layout.attention) & attention.singleStep, 0);
  assert.equal((state.dr[6]?.lo ?? 0) & 0x4000, 0x4000);
  assert.equal(fixture.read64(rsp(fixture) + 16), 0x302n);
});

test('a software interrupt needs the privilege of its gate', () => {
  const fixture = long();
  writeGate64(fixture, 0x30, 0x4000n, 0x8e);
  enterUser(fixture, selectors.userCode64, 0x202);
  assert.deepEqual(fixture.fault('interrupt', 0x30), [13, 0x30 * 8 + 2]);
  assert.equal(fixture.cpu.state.cpl, 3);
});

test('a fault on the way of a hardware event has EXT set', () => {
  const fixture = long();
  writeGate64(fixture, 13, 0x4000n, 0x8e);
  fixture.cpu.deliverInterrupt(0x30);
  assert.equal(fixture.read64(rsp(fixture)), BigInt(0x30 * 8 + 3));
});

test('an absent gate raises #NP with its selector', () => {
  const fixture = long();
  writeGate64(fixture, 11, 0x4000n, 0x8e);
  writeGate64(fixture, 0x30, 0x4000n, 0x0e);
  assert.deepEqual(fixture.fault('interrupt', 0x30), [11, 0x30 * 8 + 2]);
});

test('a page fault while delivering a page fault is a double fault', () => {
  const fixture = long();
  writeGate64(fixture, 14, 0x4000n, 0x8e);
  writeGate64(fixture, 8, 0x5000n, 0x8e, 1);
  fixture.cpu.state.setGpr(4, 0x500000n);
  raise(fixture, 14, 0);
  assert.equal(fixture.cpu.state.rip, 0x5000n);
  assert.deepEqual(fixture.frame(places.interruptStack - 48, 8, 5), ['0', 'd000', '8', '2', '500000']);
  assert.equal(fixture.cpu.state.cr2.value, 0x4ffff8n);
});

test('a fault while delivering a double fault stops the processor', () => {
  const fixture = long();
  fixture.cpu.state.setGpr(4, 0x500000n);
  raise(fixture, 14, 0);
  const { stop } = fixture.cpu;
  assert.equal(stop?.kind, 'triple-fault');
  assert.deepEqual(stop?.kind === 'triple-fault' && [stop.rip, stop.vector], [BigInt(places.code), 13]);
});

test('a #GP followed by a page fault is served in turn', () => {
  assert.deepEqual(
    [
      makesDoubleFault(13, 14),
      makesDoubleFault(14, 13),
      makesDoubleFault(13, 13),
      makesDoubleFault(6, 14),
      makesDoubleFault(0, 10),
    ],
    [false, true, true, false, true],
  );
});

test('a 32-bit gate at the same level pushes three doublewords and the error code', () => {
  const fixture = protected32();
  writeGate(fixture, 13, selectors.code32, 0x12345, 0x8e);
  raise(fixture, 13, 0x18);
  assert.deepEqual(fixture.frame(places.stack - 16, 4, 4), ['18', 'd000', '18', '10002']);
  assert.equal(fixture.cpu.state.rip, 0x12345n);
});

test('a 16-bit gate pushes words and ignores the upper offset', () => {
  const fixture = protected32();
  writeGate(fixture, 0x21, selectors.code32, 0x54321, 0x86);
  fixture.cpu.deliverInterrupt(0x21);
  assert.deepEqual(fixture.frame(places.stack - 6, 2, 3), ['d000', '18', '2']);
  assert.equal(fixture.cpu.state.rip, 0x4321n);
});

test('a 32-bit gate from user mode switches to the stack of the TSS', () => {
  const fixture = protected32();
  const { state } = fixture.cpu;
  writeGate(fixture, 0x80, selectors.code32, 0x4000, 0xee);
  enterUser(fixture, selectors.userCode32, 0x202);
  state.nextRip = 0xd002n;
  fixture.call('interrupt', 0x80);
  assert.deepEqual(fixture.frame(places.kernelStack - 20, 4, 5), ['d002', '23', '202', 'c000', '2b']);
  assert.deepEqual([state.cpl, state.selector(segment.ss), rsp(fixture)], [0, selectors.data, places.kernelStack - 20]);
  fixture.call('iret', 4);
  assert.deepEqual([state.cpl, rsp(fixture), state.selector(segment.ss)], [3, places.userStack, selectors.userData]);
  assert.equal(state.segmentAttributes(segment.ds), 1 << 16);
});

test('a stack of the TSS that is not writable raises #TS, one that is absent #SS', () => {
  const fixture = protected32();
  writeGate(fixture, 0x80, selectors.code32, 0x4000, 0xee);
  enterUser(fixture, selectors.userCode32, 0x202);
  fixture.write16(places.tss + 8, selectors.readOnly);
  assert.deepEqual(fixture.fault('interrupt', 0x80), [10, selectors.readOnly]);
  fixture.write64(places.gdt + selectors.notPresent, segmentDescriptor(0, 0xfffff, 0xc013));
  fixture.write16(places.tss + 8, selectors.notPresent);
  assert.deepEqual(fixture.fault('interrupt', 0x80), [12, selectors.notPresent]);
  fixture.write16(places.tss + 8, 0);
  assert.deepEqual(fixture.fault('interrupt', 0x80), [10, 0]);
});

const enterVirtual8086 = (fixture: SystemFixture, eflags: number): void => {
  const frame = [0x1234, 0x2000, eflags | flag.VM, 0xfff0, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000];
  for (const [i, value] of frame.entries()) fixture.write32(places.stack - 0x100 + 4 * i, value);
  fixture.cpu.state.setGpr(4, BigInt(places.stack - 0x100));
  fixture.call('iret', 4);
  fixture.cpu.state.rip = fixture.cpu.state.nextRip;
};

test('IRET enters virtual-8086 mode, an exception leaves it with the segments on the stack', () => {
  const fixture = protected32();
  const { state } = fixture.cpu;
  writeGate(fixture, 13, selectors.code32, 0x4000, 0x8e);
  enterVirtual8086(fixture, 0x202);
  assert.deepEqual([state.cpl, state.segmentBase(segment.cs), state.rip], [3, 0x20000, 0x1234n]);
  assert.equal(state.word(layout.modeKey) & (modeKey.real | modeKey.codeMask), modeKey.real);
  assert.deepEqual(fixture.fault('interrupt', 0x21), [13, 0]);
  raise(fixture, 13, 0);
  assert.deepEqual(fixture.frame(places.kernelStack - 40, 4, 10), [
    '0',
    '1234',
    '2000',
    '30202',
    'fff0',
    '3000',
    '4000',
    '5000',
    '6000',
    '7000',
  ]);
  assert.deepEqual([state.cpl, state.eflags & flag.VM, state.selector(segment.ds)], [0, 0, 0]);
  assert.equal(state.segmentAttributes(segment.gs), 1 << 16);
});

test('with IOPL 3 virtual-8086 INT n goes through the IDT', () => {
  const fixture = protected32();
  writeGate(fixture, 0x21, selectors.code32, 0x4000, 0xee);
  enterVirtual8086(fixture, 0x3202);
  assert.equal(fixture.fault('interrupt', 0x21), undefined);
  assert.equal(fixture.cpu.state.nextRip, 0x4000n);
});

test('an interrupt wakes a halted processor', () => {
  const fixture = long();
  writeGate64(fixture, 0x20, 0x4000n, 0x8e);
  fixture.call('hlt');
  assert.deepEqual(fixture.cpu.stop, { kind: 'halt' });
  fixture.cpu.deliverInterrupt(0x20);
  assert.equal(fixture.cpu.stop, undefined);
});
