import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  enterProtected32,
  gateDescriptor,
  places,
  SystemFixture,
  segmentDescriptor,
  selectors,
  writeGate,
} from '../../../../testing/x86-system.ts';
import { flag, segment } from '../layout.ts';

const otherTss = 0x5000;
const otherSelector = 0x78;

/** A second task at `otherTss`, ready to run user code. */
function twoTasks(): SystemFixture {
  const fixture = new SystemFixture();
  enterProtected32(fixture);
  fixture.write64(places.gdt + otherSelector, segmentDescriptor(otherTss, 0x67, 0x89));
  fixture.write32(otherTss + 0x20, 0x7000);
  fixture.write32(otherTss + 0x24, 0x202);
  for (let i = 0; i < 8; i++) fixture.write32(otherTss + 0x28 + 4 * i, 0x100 + i);
  fixture.write32(otherTss + 0x38, places.userStack);
  for (let i = 0; i < 6; i++) fixture.write32(otherTss + 0x48 + 4 * i, selectors.userData);
  fixture.write32(otherTss + 0x4c, selectors.userCode32);
  fixture.cpu.state.nextRip = BigInt(places.code + 7);
  return fixture;
}

const tssType = (fixture: SystemFixture, selector: number): number =>
  (fixture.read32(places.gdt + selector + 4) >>> 8) & 15;

test('a jump to a TSS saves the old task and loads the new one', () => {
  const fixture = twoTasks();
  const { state } = fixture.cpu;
  state.setGpr(3, 0xbbn);
  fixture.call('farJump', otherSelector, 4);
  assert.deepEqual([fixture.read32(places.tss + 0x20), fixture.read32(places.tss + 0x34)], [places.code + 7, 0xbb]);
  assert.equal(fixture.read16(places.tss + 0x4c), selectors.code32);
  assert.deepEqual([state.nextRip, state.gpr(3), state.cpl, state.eflags], [0x7000n, 0x103n, 3, 0x202]);
  assert.deepEqual([state.selector(segment.gs), state.tr.selector], [selectors.userData, otherSelector]);
  assert.deepEqual([tssType(fixture, selectors.tss), tssType(fixture, otherSelector)], [9, 11]);
  assert.ok(state.cr0 & 8);
});

test('a task switch leaves local breakpoints behind', () => {
  const fixture = twoTasks();
  const { cpu } = fixture;
  const [first, second, , , , , , control] = cpu.state.dr;
  first?.setWords(0x6000, 0);
  second?.setWords(0x7000, 0);
  control?.setWords(0x00dd0709, 0); // L0 and G1, each for 4 bytes of data; LE, GE.
  cpu.breakpoints.refresh();

  fixture.call('farJump', otherSelector, 4);

  assert.equal(control?.lo, 0x00dd0608);
  assert.deepEqual([cpu.breakpoints.isDataPage(0x6000, 0), cpu.breakpoints.isDataPage(0x7000, 0)], [false, true]);
});

test('a call nests, and IRET with NT set returns', () => {
  const fixture = twoTasks();
  const { state } = fixture.cpu;
  fixture.call('farCall', otherSelector, 4);
  assert.equal(fixture.read16(otherTss), selectors.tss);
  assert.ok(state.eflags & flag.NT);
  assert.deepEqual([tssType(fixture, selectors.tss), tssType(fixture, otherSelector)], [11, 11]);
  state.nextRip = 0x7001n;
  fixture.call('iret', 4);
  assert.deepEqual([state.nextRip, state.cpl, state.tr.selector], [BigInt(places.code + 7), 0, selectors.tss]);
  assert.deepEqual([fixture.read32(otherTss + 0x20), fixture.read32(otherTss + 0x24)], [0x7001, 0x202]);
  assert.deepEqual([tssType(fixture, selectors.tss), tssType(fixture, otherSelector)], [11, 9]);
});

test('an exception through a task gate pushes its error code on the new stack', () => {
  const fixture = twoTasks();
  writeGate(fixture, 8, otherSelector, 0, 0x85);
  fixture.cpu.recordFault(8, 0);
  fixture.write32(places.userStack - 4, 0x55);
  fixture.cpu.deliverPendingFault();
  assert.equal(fixture.read32(places.userStack - 4), 0);
  assert.deepEqual([fixture.cpu.state.rip, fixture.cpu.state.gpr(4)], [0x7000n, BigInt(places.userStack - 4)]);
  assert.equal(fixture.read32(places.tss + 0x20), places.code);
});

test('a busy task cannot be entered, a short TSS is invalid', () => {
  const fixture = twoTasks();
  assert.deepEqual(fixture.fault('farJump', selectors.tss, 4), [13, selectors.tss]);
  fixture.write64(places.gdt + otherSelector, segmentDescriptor(otherTss, 0x66, 0x89));
  assert.deepEqual(fixture.fault('farJump', otherSelector, 4), [10, otherSelector]);
  fixture.write64(places.gdt + otherSelector, segmentDescriptor(otherTss, 0x67, 0x09));
  assert.deepEqual(fixture.fault('farJump', otherSelector, 4), [11, otherSelector]);
});

test('a bad segment of the new task faults in the new task', () => {
  const fixture = twoTasks();
  fixture.write32(otherTss + 0x54, selectors.tss);
  assert.deepEqual(fixture.fault('farJump', otherSelector, 4), [10, selectors.tss]);
  const { state } = fixture.cpu;
  assert.deepEqual([state.tr.selector, state.rip], [otherSelector, 0x7000n]);
});

test('a task gate in the GDT leads to its TSS, and a task may run in virtual-8086 mode', () => {
  const fixture = twoTasks();
  const { state } = fixture.cpu;
  fixture.write64(places.gdt + 0x80, gateDescriptor(otherSelector, 0, 0x85));
  fixture.write32(otherTss + 0x24, 0x20202);
  fixture.call('farJump', 0x80, 4);
  assert.deepEqual([state.cpl, state.segmentBase(segment.ds)], [3, selectors.userData * 16]);
});

test('a 16-bit task has no FS and GS', () => {
  const fixture = twoTasks();
  const { state } = fixture.cpu;
  fixture.write64(places.gdt + otherSelector, segmentDescriptor(otherTss, 0x2b, 0x81));
  const words = [
    0x7000,
    0x202,
    1,
    2,
    3,
    4,
    0x8000,
    6,
    7,
    8,
    selectors.data,
    selectors.code32,
    selectors.data,
    selectors.data,
    0,
  ];
  for (const [i, value] of words.entries()) fixture.write16(otherTss + 0x0e + 2 * i, value);
  fixture.call('farJump', otherSelector, 4);
  assert.deepEqual([state.nextRip, state.gprLow(4), state.selector(segment.fs)], [0x7000n, 0x8000, 0]);
  assert.equal(tssType(fixture, otherSelector), 3);
});

test('reserved bits of the flags in a TSS are not loaded', () => {
  const fixture = twoTasks();
  const { state } = fixture.cpu;
  fixture.write32(otherTss + 0x24, ~flag.VM);
  fixture.call('farJump', otherSelector, 4);
  assert.equal(state.eflags, 0x3c7fd7 & ~flag.RF);
});
