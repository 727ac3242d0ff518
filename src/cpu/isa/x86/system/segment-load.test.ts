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
} from '../../../../testing/x86-system.ts';
import { attention, layout, segment } from '../layout.ts';
import { modeKey } from '../mode.ts';

const protected32 = (): SystemFixture => {
  const fixture = new SystemFixture();
  enterProtected32(fixture);
  return fixture;
};
const long = (): SystemFixture => {
  const fixture = new SystemFixture();
  enterLong64(fixture);
  return fixture;
};
/** Of segmentation and privilege; the bits of the vector units are left out. */
const key = ({ cpu }: SystemFixture): number =>
  cpu.state.word(layout.modeKey) & (modeKey.codeMask | modeKey.stack16 | modeKey.flat | modeKey.real);

test('after reset the processor is in 16-bit real mode below 4 GiB', () => {
  const fixture = new SystemFixture();
  const { state } = fixture.cpu;
  assert.equal(key(fixture), modeKey.code16 | modeKey.stack16 | modeKey.real);
  assert.deepEqual(
    [state.selector(segment.cs), state.segmentBase(segment.cs), state.rip],
    [0xf000, 0xffff0000, 0xfff0n],
  );
  assert.deepEqual([state.cr0, state.eflags, state.gprLow(2)], [0x60000010, 2, 0x106ca]);
});

test('real mode multiplies the selector and keeps the limit', () => {
  const fixture = new SystemFixture();
  const { state } = fixture.cpu;
  state.setWord(layout.segmentLimit + 4 * segment.ds, -1);
  fixture.call('loadSegment', segment.ds, 0x1234);
  assert.deepEqual([state.segmentBase(segment.ds), state.segmentLimit(segment.ds)], [0x12340, 0xffffffff]);
});

test('flat data segments make the mode flat', () => {
  const fixture = protected32();
  assert.equal(key(fixture), modeKey.code32 | modeKey.flat);
  fixture.call('loadSegment', segment.ds, 0);
  assert.equal(key(fixture), modeKey.code32);
  fixture.call('loadSegment', segment.ds, selectors.data);
  assert.equal(key(fixture), modeKey.code32 | modeKey.flat);
});

test('loading sets the accessed bit in the table', () => {
  const fixture = protected32();
  fixture.write64(places.gdt + selectors.data, segmentDescriptor(0x10000, 0xff, 0x4092));
  fixture.call('loadSegment', segment.es, selectors.data);
  const { state } = fixture.cpu;
  assert.equal(fixture.read64(places.gdt + selectors.data), segmentDescriptor(0x10000, 0xff, 0x4093));
  assert.deepEqual([state.segmentBase(segment.es), state.segmentLimit(segment.es)], [0x10000, 0xff]);
  assert.equal(state.segmentAttributes(segment.es), 0x4093);
});

test('segment loads check type, privilege, presence and table limit', () => {
  const fixture = protected32();
  enterUser(fixture, selectors.userCode32, 0x202);
  const load = (number: number, selector: number): [number, number] | undefined =>
    fixture.fault('loadSegment', number, selector);
  assert.deepEqual(load(segment.ds, selectors.data), [13, selectors.data]);
  assert.deepEqual(load(segment.ds, selectors.tss), [13, selectors.tss]);
  assert.deepEqual(load(segment.ds, 0x100), [13, 0x100]);
  assert.deepEqual(load(segment.ds, 0x0c), [13, 0x0c]);
  assert.equal(load(segment.ds, selectors.userCode32), undefined);
  assert.equal(load(segment.ds, selectors.conforming), undefined);
  assert.equal(load(segment.gs, 3), undefined);
  assert.deepEqual(load(segment.ss, 0), [13, 0]);
  assert.deepEqual(load(segment.ss, selectors.userData & ~3), [13, selectors.userData & ~3]);
  assert.deepEqual(load(segment.ss, selectors.userCode32), [13, selectors.userCode32 & ~3]);
  assert.deepEqual(load(segment.cs, selectors.userCode32), [6, -1]);
});

test('absent segments raise #NP, an absent stack #SS', () => {
  const fixture = protected32();
  assert.deepEqual(fixture.fault('loadSegment', segment.ds, selectors.notPresent), [11, selectors.notPresent]);
  assert.deepEqual(fixture.fault('loadSegment', segment.ss, selectors.notPresent), [12, selectors.notPresent]);
});

test('loading SS holds interrupts off for one instruction', () => {
  const fixture = protected32();
  fixture.call('loadSegment', segment.ss, selectors.data);
  assert.ok(fixture.cpu.state.word(layout.attention) & attention.shadow);
});

test('64-bit mode runs with zero bases and gives them back to 32-bit code', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  fixture.write64(places.gdt + selectors.data, segmentDescriptor(0x10000, 0xff, 0x4093));
  fixture.call('loadSegment', segment.ds, selectors.data);
  fixture.call('loadSegment', segment.fs, selectors.data);
  assert.deepEqual([state.segmentBase(segment.ds), state.segmentBase(segment.fs)], [0, 0x10000]);
  fixture.setArgument(0x4000n);
  fixture.call('farJump', selectors.code32, 4);
  assert.equal(state.segmentBase(segment.ds), 0x10000);
  assert.equal(key(fixture) & modeKey.codeMask, modeKey.code32);
});

test('64-bit mode allows a null SS at levels 0 to 2', () => {
  const fixture = long();
  assert.equal(fixture.fault('loadSegment', segment.ss, 0), undefined);
  enterUser(fixture, selectors.userCode64, 0x202);
  assert.deepEqual(fixture.fault('loadSegment', segment.ss, 3), [13, 0]);
});

const packed = (number: number, kind: number, size: number): number => number | (kind << 8) | (size << 16);

test('segment accesses check limits and rights', () => {
  const fixture = protected32();
  const at = (number: number, kind: number, size: number, offset: number): number | [number, number] => {
    const address = fixture.cpu.segmentAddress(packed(number, kind, size), offset);
    return fixture.takeFault() ?? address;
  };
  fixture.write64(places.gdt + selectors.data, segmentDescriptor(0x10000, 0xff, 0x4093));
  for (const number of [segment.es, segment.ss]) fixture.call('loadSegment', number, selectors.data);
  assert.deepEqual([at(segment.es, 1, 4, 0xfc), at(segment.es, 1, 4, 0xfd)], [0x100fc, [13, 0]]);
  assert.deepEqual([at(segment.ss, 0, 1, 0xff), at(segment.ss, 0, 1, 0x100)], [0x100ff, [12, 0]]);
  fixture.call('loadSegment', segment.es, selectors.expandDown);
  assert.deepEqual([at(segment.es, 0, 1, 0xffff), at(segment.es, 0, 1, 0x10000)], [[13, 0], 0x10000]);
  fixture.call('loadSegment', segment.es, selectors.readOnly);
  assert.deepEqual([at(segment.es, 0, 4, 8), at(segment.es, 2, 4, 8)], [8, [13, 0]]);
  fixture.call('loadSegment', segment.es, 0);
  assert.deepEqual(at(segment.es, 0, 1, 0), [13, 0]);
  assert.deepEqual([at(segment.cs, 0, 4, 8), at(segment.cs, 1, 4, 8)], [8, [13, 0]]);
});

test('LDTR and TR load 16-byte descriptors in 64-bit mode', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  fixture.write64(places.gdt + 0x70, segmentDescriptor(0x6000, 0xf, 0x82));
  fixture.write64(places.gdt + 0x78, 0n);
  fixture.call('lldt', 0x70);
  assert.deepEqual([state.ldtr.base, state.ldtr.limit], [0x6000, 0xf]);
  fixture.write64(0x6008, segmentDescriptor(0x1000, 0xff, 0x4093));
  fixture.call('loadSegment', segment.fs, 0x0c);
  assert.equal(state.segmentBase(segment.fs), 0x1000);
  assert.equal((fixture.read32(places.gdt + selectors.tss + 4) >>> 8) & 15, 11);
  assert.deepEqual(fixture.fault('ltr', selectors.tss), [13, selectors.tss]);
});

test('LAR, LSL, VERR and VERW report in ZF', () => {
  const fixture = protected32();
  enterUser(fixture, selectors.userCode32, 0x202);
  const { state } = fixture.cpu;
  const zero = (): boolean => (state.eflags & 0x40) !== 0;
  fixture.call('lar', selectors.userData, 0, 4);
  assert.deepEqual([zero(), state.gpr(0)], [true, 0xcff300n & 0xffff00n]);
  fixture.call('lsl', selectors.userData, 1, 4);
  assert.deepEqual([zero(), state.gpr(1)], [true, 0xffffffffn]);
  fixture.call('lsl', selectors.data, 1, 4);
  assert.equal(zero(), false);
  const results = [selectors.userData, selectors.userCode32, 0].flatMap((selector) => {
    fixture.call('verr', selector);
    const readable = zero();
    fixture.call('verw', selector);
    return [readable, zero()];
  });
  assert.deepEqual(results, [true, true, true, false, false, false]);
  assert.equal(fixture.call('arpl', 0x10, 3), 0x13);
  assert.ok(zero());
});
