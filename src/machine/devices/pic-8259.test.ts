import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { FakeLine, hammer, in8, out8 } from '../../testing/fake-hardware.ts';
import { Pic8259Pair } from './pic-8259.ts';

/** The pair as Linux initializes it: vectors 0x30 and 0x38, everything unmasked. */
function setUp(icw4 = 0x01) {
  const intr = new FakeLine();
  const pic = new Pic8259Pair(intr);
  const { masterPorts: master, slavePorts: slave } = pic;
  for (const [ports, vector, cascade] of [
    [master, 0x30, 0x04],
    [slave, 0x38, 0x02],
  ] as const) {
    out8(ports, 0, 0x11);
    out8(ports, 1, vector);
    out8(ports, 1, cascade);
    out8(ports, 1, icw4);
    out8(ports, 1, 0);
  }
  const raise = (irq: number) => pic.line(irq).set(true);
  const lower = (irq: number) => pic.line(irq).set(false);
  return { intr, pic, master, slave, elcr: pic.elcrPorts, raise, lower };
}

const requested = (ports: { read(offset: number, size: 1): number; write(o: number, s: 1, v: number): void }) => {
  out8(ports, 0, 0x0a);
  return in8(ports, 0);
};
const inService = (ports: Parameters<typeof requested>[0]) => {
  out8(ports, 0, 0x0b);
  return in8(ports, 0);
};

test('pic delivers an edge once, until the line falls and rises', () => {
  const { intr, pic, master, raise, lower } = setUp();
  raise(4);
  assert.equal(intr.level, true);
  assert.equal(requested(master), 0x10);
  assert.equal(pic.acknowledge(), 0x34);
  assert.equal(intr.level, false);
  assert.equal(inService(master), 0x10);
  out8(master, 0, 0x20);
  assert.equal(inService(master), 0);
  assert.equal(intr.level, false);
  lower(4);
  raise(4);
  assert.equal(intr.level, true);
});

test('pic delivers a level again after its EOI while it stays high', () => {
  const { intr, pic, slave, master, elcr, raise, lower } = setUp();
  out8(elcr, 1, 0x02);
  assert.equal(in8(elcr, 1), 0x02);
  raise(9);
  assert.equal(pic.acknowledge(), 0x39);
  out8(slave, 0, 0x20);
  out8(master, 0, 0x20);
  assert.equal(intr.level, true);
  lower(9);
  assert.equal(intr.level, false);
});

test('pic does not let timer, keyboard, cascade, RTC and coprocessor be level-triggered', () => {
  const { elcr } = setUp();
  out8(elcr, 0, 0xff);
  out8(elcr, 1, 0xff);
  assert.equal(in8(elcr, 0), 0xf8);
  assert.equal(in8(elcr, 1), 0xde);
});

test('pic serves the more urgent input first and lets it interrupt the less urgent', () => {
  const { intr, pic, raise } = setUp();
  raise(5);
  raise(3);
  assert.equal(pic.acknowledge(), 0x33);
  assert.equal(intr.level, false);
  raise(1);
  assert.equal(intr.level, true);
  assert.equal(pic.acknowledge(), 0x31);
});

test('pic takes slave inputs through the cascade, with both in service', () => {
  const { pic, master, slave, raise } = setUp();
  raise(12);
  raise(3);
  assert.equal(pic.acknowledge(), 0x3c);
  assert.equal(inService(master), 0x04);
  assert.equal(inService(slave), 0x10);
});

test('pic keeps masked requests until they are unmasked', () => {
  const { intr, master, raise } = setUp();
  out8(master, 1, 0xff);
  raise(4);
  assert.equal(intr.level, false);
  assert.equal(in8(master, 1), 0xff);
  out8(master, 1, 0xef);
  assert.equal(intr.level, true);
});

test('pic gives spurious IRQ 7 when the request has gone, without putting it in service', () => {
  const { intr, pic, master, raise, lower } = setUp();
  raise(4);
  lower(4);
  assert.equal(intr.level, false);
  assert.equal(pic.acknowledge(), 0x37);
  assert.equal(inService(master), 0);
});

test('pic gives the master spurious vector when a slave request has gone', () => {
  const { intr, pic, slave, raise } = setUp();
  raise(12);
  out8(slave, 1, 0xff);
  assert.equal(intr.level, false);
  assert.equal(pic.acknowledge(), 0x37);
});

test('pic polls nothing from a slave that has lost its request', () => {
  const { master, slave, raise, lower } = setUp();
  raise(12);
  out8(master, 0, 0x0c);
  assert.equal(in8(master, 0), 0x82);
  lower(12);
  out8(slave, 0, 0x0c);
  assert.equal(in8(slave, 0) & 0x80, 0);
  assert.equal(inService(slave), 0);
});

test('pic clears what it serves at once in automatic EOI mode', () => {
  const { intr, pic, master, raise } = setUp(0x03);
  raise(4);
  raise(6);
  assert.equal(pic.acknowledge(), 0x34);
  assert.equal(inService(master), 0);
  assert.equal(intr.level, true);
  assert.equal(pic.acknowledge(), 0x36);
});

test('pic ends the named interrupt upon a specific EOI', () => {
  const { pic, master, raise } = setUp();
  raise(5);
  pic.acknowledge();
  raise(3);
  pic.acknowledge();
  out8(master, 0, 0x60 | 5);
  assert.equal(inService(master), 0x08);
});

test('pic makes an input the least urgent with rotating EOI and set-priority commands', () => {
  const { pic, master, raise } = setUp();
  raise(3);
  assert.equal(pic.acknowledge(), 0x33);
  out8(master, 0, 0xa0); // rotate on non-specific EOI
  raise(1);
  raise(4);
  assert.equal(pic.acknowledge(), 0x34);
  out8(master, 0, 0xe0 | 4); // rotate on specific EOI
  assert.equal(pic.acknowledge(), 0x31);
  out8(master, 0, 0x20);
  out8(master, 0, 0xc0 | 0); // set priority: 0 is the lowest, 1 the highest
  raise(0);
  raise(7);
  assert.equal(pic.acknowledge(), 0x37);
});

test('pic lets less urgent inputs through in special mask mode', () => {
  const { intr, pic, master, raise } = setUp();
  raise(1);
  pic.acknowledge();
  raise(4);
  assert.equal(intr.level, false);
  out8(master, 1, 0x02);
  out8(master, 0, 0x68);
  assert.equal(intr.level, true);
  assert.equal(pic.acknowledge(), 0x34);
  out8(master, 0, 0x20); // does not touch the masked IRQ 1
  assert.equal(inService(master), 0x02);
});

test('pic is polled', () => {
  const { intr, master, raise } = setUp();
  raise(6);
  out8(master, 0, 0x0c);
  assert.equal(in8(master, 0), 0x86);
  assert.equal(intr.level, false);
  assert.equal(inService(master), 0x40);
  out8(master, 0, 0x0c);
  assert.equal(in8(master, 0) & 0x80, 0);
});

test('pic lets a slave interrupt itself in special fully nested mode', () => {
  const { intr, pic, raise } = setUp(0x11);
  raise(12);
  assert.equal(pic.acknowledge(), 0x3c);
  raise(8);
  assert.equal(intr.level, true);
  assert.equal(pic.acknowledge(), 0x38);
});

test('pic needs a new edge after it was initialized', () => {
  const { intr, master, raise, lower } = setUp();
  raise(4);
  out8(master, 0, 0x11);
  for (const icw of [0x20, 0x04, 0x01]) out8(master, 1, icw);
  assert.equal(in8(master, 1), 0);
  assert.equal(intr.level, false);
  lower(4);
  raise(4);
  assert.equal(intr.level, true);
});

test('pic survives a guest that writes anything', () => {
  const { pic, master, slave, elcr } = setUp();
  for (let seed = 1; seed < 50; seed++) {
    const targets = [master, slave, elcr].map((target) => ({ target, sizeBytes: 2 }));
    hammer(targets, seed, 400);
    pic.line(seed % 16).set(seed % 3 !== 0);
    const vector = pic.acknowledge();
    assert.ok(vector >= 0 && vector <= 0xff, `vector ${vector} after seed ${seed}`);
  }
});

testSavedDevice({
  name: 'pic',
  create: () => new Pic8259Pair(new FakeLine()),
  disturb: (device) => {
    const pic = device as Pic8259Pair;
    for (const [ports, vector] of [
      [pic.masterPorts, 0x50],
      [pic.slavePorts, 0x58],
    ] as const) {
      out8(ports, 0, 0x11);
      for (const icw of [vector, 0x04, 0x03, 0x21]) out8(ports, 1, icw);
      out8(ports, 0, 0x80);
      out8(ports, 0, 0x6b);
    }
    pic.elcrPorts.write(0, 2, 0x0c08);
    pic.line(3).set(true);
    pic.line(12).set(true);
    pic.acknowledge();
  },
});
