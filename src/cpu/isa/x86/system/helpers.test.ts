import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  enterLong64,
  enterProtected32,
  enterUser,
  places,
  SystemFixture,
  selectors,
} from '../../../../testing/x86-system.ts';

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
const rep = 0x100;

test('ports are open at IOPL, else by the bitmap of the TSS', () => {
  const fixture = long();
  fixture.bus.ports.set(0x60, 0x1c);
  assert.equal(fixture.call('portIn', 0x60, 1), 0x1c);
  enterUser(fixture, selectors.userCode64, 0x202);
  fixture.write16(places.tss + 0x66, 0x68);
  for (let i = 0; i < 32; i++) fixture.ram.setUint8(places.tss + 0x68 + i, 0xff);
  fixture.ram.setUint8(places.tss + 0x68 + 0x60 / 8, 0xfe);
  assert.equal(fixture.fault('portOut', 0x60, 1, 0xff), undefined);
  assert.deepEqual(fixture.fault('portOut', 0x60, 2, 0xff), [13, 0]);
  assert.deepEqual(fixture.fault('portIn', 0xffff, 1), [13, 0]);
  enterLong64(fixture);
  enterUser(fixture, selectors.userCode64, 0x3202);
  assert.equal(fixture.fault('portOut', 0x61, 4, -1), undefined);
  assert.equal(fixture.bus.log.at(-1), 'write port 61/4=ffffffff');
});

test('REP INS fills memory and leaves exact registers', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  fixture.bus.ports.set(0x1f0, 0xabcd);
  state.setGpr(1, 3n);
  state.setGpr(2, 0x1f0n);
  state.setGpr(7, 0x6000n);
  fixture.call('insString', 2, 8 | rep);
  assert.deepEqual([state.gpr(1), state.gpr(7)], [0n, 0x6006n]);
  assert.deepEqual(fixture.frame(0x6000, 2, 4), ['abcd', 'abcd', 'abcd', '0']);
});

test('a long REP stays at the instruction between chunks', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  state.setGpr(1, 1500n);
  state.setGpr(7, 0x6000n);
  state.nextRip = 0xd002n;
  fixture.call('insString', 1, 8 | rep);
  assert.deepEqual([state.gpr(1), state.nextRip], [476n, state.rip]);
  state.nextRip = 0xd002n;
  fixture.call('insString', 1, 8 | rep);
  assert.deepEqual([state.gpr(1), state.gpr(7), state.nextRip], [0n, 0x65dcn, 0xd002n]);
});

test('a fault in the middle of REP INS keeps what was done and reads no port for the rest', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  state.setGpr(1, 4n);
  state.setGpr(7, 0x3ffffen);
  assert.deepEqual(fixture.fault('insString', 1, 8 | rep), [14, 2]);
  assert.deepEqual([state.gpr(1), state.gpr(7), fixture.bus.log.length], [2n, 0x400000n, 2]);
});

test('OUTS goes down with DF and wraps 16-bit pointers', () => {
  const fixture = protected32();
  const { state } = fixture.cpu;
  state.storeEflags(0x402);
  fixture.write16(0xfffe, 0x2222);
  fixture.write16(0, 0x1111);
  state.setGpr(2, 0n);
  state.setGpr(1, 0x50002n);
  state.setGpr(6, 0x70000n);
  fixture.call('outsString', 2, 2 | rep | (3 << 16));
  assert.deepEqual(fixture.bus.log, ['write port 0/2=1111', 'write port 0/2=2222']);
  assert.deepEqual([state.gpr(1), state.gpr(6)], [0x50000n, 0x7fffcn]);
});

test('PUSHA and POPA carry all registers but the stack pointer', () => {
  const fixture = protected32();
  const { state } = fixture.cpu;
  for (const number of [0, 1, 2, 3, 5, 6, 7]) state.setGpr(number, BigInt(number + 0x10));
  fixture.call('pusha', 4);
  assert.deepEqual(fixture.frame(places.stack - 32, 4, 8), ['17', '16', '15', 'b000', '13', '12', '11', '10']);
  for (const number of [0, 1, 2, 3, 5, 6, 7]) state.setGpr(number, 0n);
  fixture.call('popa', 4);
  assert.deepEqual(
    [0, 3, 4, 7].map((number) => state.gpr(number)),
    [0x10n, 0x13n, BigInt(places.stack), 0x17n],
  );
});

test('ENTER builds a display', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  state.setGpr(5, 0x7000n);
  fixture.write64(0x6ff8, 0x1111n);
  fixture.write64(0x6ff0, 0x2222n);
  fixture.call('enter', 8, 3 | (0x20 << 8));
  const top = places.stack;
  assert.deepEqual(fixture.frame(top - 32, 8, 4), [(top - 8).toString(16), '2222', '1111', '7000']);
  assert.deepEqual([state.gpr(5), state.gpr(4)], [BigInt(top - 8), BigInt(top - 32 - 0x20)]);
});

test('ENTER that runs into an absent page changes nothing', () => {
  const fixture = long();
  fixture.cpu.state.setGpr(4, 0x400008n);
  fixture.write64(0x3ffff8, 0n);
  assert.deepEqual(fixture.fault('enter', 8, 0), [14, 2]);
  assert.equal(fixture.cpu.state.gpr(4), 0x400008n);
});

test('BOUND compares signed numbers', () => {
  const fixture = protected32();
  fixture.write32(0x6000, -5);
  fixture.write32(0x6004, 10);
  fixture.setArgument(0x6000n);
  fixture.cpu.state.setGpr(0, 0xffffffffn);
  assert.equal(fixture.fault('bound', 0, 4), undefined);
  fixture.cpu.state.setGpr(0, 11n);
  assert.deepEqual(fixture.fault('bound', 0, 4), [5, -1]);
});

test('a push below a 16-bit stack segment wraps within it', () => {
  const fixture = new SystemFixture();
  fixture.call('interrupt', 0);
  assert.equal(fixture.cpu.state.gpr(4), 0xfffan);
  assert.equal(fixture.read16(0xfffe), 2);
});
