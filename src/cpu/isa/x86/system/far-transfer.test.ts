import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  enterLong64,
  enterProtected32,
  enterUser,
  gateDescriptor,
  places,
  SystemFixture,
  selectors,
} from '../../../../testing/x86-system.ts';
import { flag, layout, segment } from '../layout.ts';
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
const jump = (
  fixture: SystemFixture,
  selector: number,
  offset: bigint,
  bytes: number,
): [number, number] | undefined => {
  fixture.setArgument(offset);
  return fixture.fault('farJump', selector, bytes);
};
const codeSize = ({ cpu }: SystemFixture): number => cpu.state.word(layout.modeKey) & modeKey.codeMask;

test('a real-mode jump and call load CS times 16', () => {
  const fixture = new SystemFixture();
  const { state } = fixture.cpu;
  assert.equal(jump(fixture, 0x1000, 0x10234n, 2), undefined);
  assert.deepEqual([state.segmentBase(segment.cs), state.nextRip], [0x10000, 0x234n]);
  state.setGpr(4, 0x8000n);
  fixture.setArgument(0x10n);
  fixture.call('farCall', 0x2000, 2);
  assert.deepEqual(fixture.frame(0x7ffc, 2, 2), ['234', '1000']);
  fixture.call('farReturn', 2, 4);
  assert.deepEqual([state.segmentBase(segment.cs), state.nextRip, state.gpr(4)], [0x10000, 0x234n, 0x8004n]);
});

test('protection is switched on by CR0 and a far jump', () => {
  const fixture = new SystemFixture();
  const { state } = fixture.cpu;
  enterProtected32(fixture);
  state.setGpr(0, 0n);
  fixture.call('movToCr', 0, 0);
  assert.ok(state.word(layout.modeKey) & modeKey.real);
  state.setGpr(0, 1n);
  fixture.call('movToCr', 0, 0);
  assert.equal(jump(fixture, selectors.code16, 0x50n, 2), undefined);
  assert.deepEqual([codeSize(fixture), state.segmentBase(segment.cs)], [modeKey.code16, 0x10000]);
});

test('a direct jump stays at its level', () => {
  const fixture = protected32();
  assert.deepEqual(jump(fixture, 0, 0n, 4), [13, 0]);
  assert.deepEqual(jump(fixture, selectors.userCode32, 0n, 4), [13, selectors.userCode32 & ~3]);
  assert.deepEqual(jump(fixture, selectors.data, 0n, 4), [13, selectors.data]);
  assert.deepEqual(jump(fixture, selectors.code16, 0x10000n, 4), [13, 0]);
  enterUser(fixture, selectors.userCode32, 0x202);
  assert.equal(jump(fixture, selectors.conforming, 0x123n, 4), undefined);
  assert.equal(fixture.cpu.state.selector(segment.cs), selectors.conforming | 3);
});

test('64-bit and compatibility code change places', () => {
  const fixture = long();
  assert.equal(jump(fixture, selectors.code32, 0x4000n, 4), undefined);
  assert.equal(codeSize(fixture), modeKey.code32);
  assert.equal(jump(fixture, selectors.code64, 0x4000n, 4), undefined);
  assert.equal(codeSize(fixture), modeKey.code64);
  assert.deepEqual(jump(fixture, selectors.code64, 0x800000000000n, 8), [13, 0]);
});

test('a call gate switches the stack and copies parameters, a return takes them off both', () => {
  const fixture = protected32();
  const { state } = fixture.cpu;
  fixture.write64(places.gdt + 0x78, gateDescriptor(selectors.code32, 0x4444, 0xec, 2));
  enterUser(fixture, selectors.userCode32, 0x202);
  fixture.write64(places.userStack, 0x2222_2222_1111_1111n);
  state.nextRip = 0xd007n;
  fixture.setArgument(0n);
  fixture.call('farCall', 0x7b, 4);
  assert.deepEqual(fixture.frame(places.kernelStack - 24, 4, 6), ['d007', '23', '11111111', '22222222', 'c000', '2b']);
  assert.deepEqual([state.cpl, state.nextRip, state.selector(segment.cs)], [0, 0x4444n, selectors.code32]);
  fixture.call('farReturn', 4, 8);
  assert.deepEqual([state.cpl, state.nextRip, state.gpr(4)], [3, 0xd007n, BigInt(places.userStack + 8)]);
});

test('a 64-bit call gate pushes SS:RSP and the return address', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  fixture.write64(places.gdt + 0x70, gateDescriptor(selectors.code64, 0x4444, 0xec));
  fixture.write64(places.gdt + 0x78, 0xffff8000n);
  enterUser(fixture, selectors.userCode64, 0x202);
  state.nextRip = 0xd007n;
  fixture.call('farCall', 0x73, 4);
  assert.deepEqual(fixture.frame(places.kernelStack - 32, 8, 4), ['d007', '33', 'c000', '2b']);
  assert.deepEqual([state.nextRip, state.selector(segment.ss)], [0xffff800000004444n, 0]);
});

test('a gate above the caller is closed', () => {
  const fixture = protected32();
  fixture.write64(places.gdt + 0x78, gateDescriptor(selectors.code32, 0x4444, 0x8c));
  enterUser(fixture, selectors.userCode32, 0x202);
  assert.deepEqual(fixture.fault('farCall', 0x7b, 4), [13, 0x78]);
});

test('a return to an inner level raises #GP', () => {
  const fixture = protected32();
  enterUser(fixture, selectors.userCode32, 0x202);
  fixture.write32(places.userStack, 0x1000);
  fixture.write32(places.userStack + 4, selectors.code32);
  assert.deepEqual(fixture.fault('farReturn', 4, 0), [13, selectors.code32]);
  assert.equal(fixture.cpu.state.gpr(4), BigInt(places.userStack));
});

test('IRET at level 3 changes neither IF nor IOPL', () => {
  const fixture = protected32();
  enterUser(fixture, selectors.userCode32, 0x202);
  for (const [i, value] of [0x1000, selectors.userCode32, 0x3cd5].entries())
    fixture.write32(places.userStack + 4 * i, value);
  fixture.call('iret', 4);
  assert.equal(fixture.cpu.state.eflags, 0xed7);
});

test('IRET with NT set raises #GP in 64-bit mode', () => {
  const fixture = long();
  fixture.cpu.state.storeEflags(flag.NT | 2);
  assert.deepEqual(fixture.fault('iret', 8), [13, 0]);
});

test('IRET keeps the FS base of a null selector', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  fixture.call('loadSegment', segment.fs, 0);
  state.setSegmentBase(segment.fs, 0x7fff_1234_5678);
  enterUser(fixture, selectors.userCode64, 0x202);
  assert.equal(state.segmentBase(segment.fs), 0x7fff_1234_5678);
});

test('SYSCALL and SYSRET go there and back', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  const wrmsr = (index: number, value: bigint): void => {
    state.setGpr(1, BigInt(index));
    state.setGpr(0, value & 0xffffffffn);
    state.setGpr(2, value >> 32n);
    fixture.call('wrmsr');
  };
  wrmsr(0xc0000080, 0x501n);
  wrmsr(0xc0000081, 0x0023_0008_0000_0000n);
  wrmsr(0xc0000082, 0xffffffff81000000n);
  wrmsr(0xc0000084, 0x47700n);
  enterUser(fixture, selectors.userCode64, 0x246);
  state.nextRip = 0x7fff_0000_1002n;
  fixture.call('syscall');
  assert.deepEqual([state.nextRip, state.gpr(1), state.gpr(11)], [0xffffffff81000000n, 0x7fff_0000_1002n, 0x246n]);
  assert.deepEqual([state.cpl, state.selector(segment.cs), state.selector(segment.ss)], [0, 8, 0x10]);
  assert.equal(state.eflags, 0x46);
  fixture.call('sysret', 8);
  assert.deepEqual([state.cpl, state.selector(segment.cs), state.selector(segment.ss)], [3, 0x33, 0x2b]);
  assert.deepEqual([state.nextRip, state.eflags], [0x7fff_0000_1002n, 0x246]);
  fixture.call('syscall');
  fixture.call('sysret', 4);
  assert.deepEqual([state.selector(segment.cs), codeSize(fixture)], [0x23, modeKey.code32]);
});

test('SYSRET to an address that is not canonical faults at level 0', () => {
  const fixture = long();
  fixture.cpu.state.efer |= 1;
  fixture.cpu.state.setGpr(1, 0x800000000000n);
  assert.deepEqual(fixture.fault('sysret', 8), [13, 0]);
  assert.equal(fixture.cpu.state.cpl, 0);
});

test('SYSENTER and SYSEXIT go there and back in 32-bit mode', () => {
  const fixture = protected32();
  const { state } = fixture.cpu;
  assert.deepEqual(fixture.fault('sysenter'), [13, 0]);
  state.sysenterCs = 0x10;
  state.sysenterEsp.setWords(0x9000, 0);
  state.sysenterEip.setWords(0x4000, 0);
  enterUser(fixture, selectors.userCode32, 0x202);
  fixture.call('sysenter');
  assert.deepEqual(
    [state.cpl, state.selector(segment.cs), state.selector(segment.ss), state.gpr(4)],
    [0, 0x10, 0x18, 0x9000n],
  );
  assert.deepEqual([state.nextRip, state.eflags & flag.IF], [0x4000n, 0]);
  state.setGpr(2, 0xd000n);
  state.setGpr(1, 0xc000n);
  fixture.call('sysexit', 4);
  assert.deepEqual([state.cpl, state.selector(segment.cs), state.selector(segment.ss)], [3, 0x23, 0x2b]);
  assert.deepEqual([state.nextRip, state.gpr(4)], [0xd000n, 0xc000n]);
});
