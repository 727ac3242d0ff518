import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { hammer, in32, out32 } from '../../testing/fake-hardware.ts';
import type { ApicBus, ApicMessage } from './apic-bus.ts';
import { IoApic, ioApicSizeBytes } from './io-apic.ts';

function setUp() {
  const sent: ApicMessage[] = [];
  const receiver = { accepts: true };
  const bus: ApicBus = {
    send(message) {
      sent.push(message);
      return receiver.accepts;
    },
    sendToAll: () => false,
    endOfInterrupt() {},
  };
  const ioApic = new IoApic(bus, 1);
  return { sent, receiver, ioApic, ...access(ioApic) };
}

const access = ({ page }: IoApic) => {
  const get = (register: number) => {
    out32(page, 0x00, register);
    return in32(page, 0x10);
  };
  const set = (register: number, value: number) => {
    out32(page, 0x00, register);
    out32(page, 0x10, value);
  };
  return {
    get,
    set,
    route: (pin: number, low: number, destination = 0) => {
      set(0x11 + 2 * pin, destination << 24);
      set(0x10 + 2 * pin, low);
    },
  };
};

const [level, masked, logical, remoteIrr] = [0x8000, 0x10000, 0x800, 0x4000] as const;

test('io apic describes itself and starts masked', () => {
  const { get, set } = setUp();
  assert.equal(get(1), 0x00170020);
  assert.equal(get(0), 1 << 24);
  set(0, 0x05000000);
  assert.equal(get(0), 0x05000000);
  for (let pin = 0; pin < 24; pin++) assert.equal(get(0x10 + 2 * pin), masked);
  assert.equal(get(0x40), 0);
});

test('io apic sends an edge once for each rise', () => {
  const { sent, ioApic, route } = setUp();
  route(4, 0x34, 2);
  const line = ioApic.line(4);
  line.set(true);
  line.set(true);
  line.set(false);
  assert.deepEqual(sent, [{ deliveryMode: 0, vector: 0x34, destination: 2, isLogical: false, isLevel: false }]);
  line.set(true);
  assert.equal(sent.length, 2);
});

test('io apic widens a physical broadcast and leaves a logical one alone', () => {
  const { sent, ioApic, route } = setUp();
  route(4, 0x34, 0xff);
  ioApic.line(4).set(true);
  route(5, logical | 0x135, 0xff);
  ioApic.line(5).set(true);
  assert.equal(sent[0]?.destination, 0xffffffff);
  assert.deepEqual(sent[1], { deliveryMode: 1, vector: 0x35, destination: 0xff, isLogical: true, isLevel: false });
});

test('io apic loses an edge at a masked pin', () => {
  const { sent, ioApic, route } = setUp();
  ioApic.line(4).set(true);
  route(4, 0x34);
  assert.equal(sent.length, 0);
});

test('io apic sends a level once until its EOI, and again while it is high', () => {
  const { sent, ioApic, get, route } = setUp();
  route(9, level | 0x39);
  ioApic.line(9).set(true);
  assert.equal(sent.length, 1);
  assert.equal(get(0x22) & remoteIrr, remoteIrr);
  ioApic.line(9).set(false);
  ioApic.line(9).set(true);
  assert.equal(sent.length, 1);
  ioApic.endOfInterrupt(0x40);
  assert.equal(sent.length, 1);
  ioApic.endOfInterrupt(0x39);
  assert.equal(sent.length, 2);
  ioApic.line(9).set(false);
  out32(ioApic.page, 0x40, 0x39);
  assert.equal(sent.length, 2);
  assert.equal(get(0x22) & remoteIrr, 0);
});

test('io apic sends a waiting level when its pin is unmasked', () => {
  const { sent, ioApic, route } = setUp();
  ioApic.line(9).set(true);
  route(9, level | masked | 0x39);
  assert.equal(sent.length, 0);
  route(9, level | 0x39);
  assert.equal(sent.length, 1);
});

test('io apic remembers remote IRR only for interrupts that were accepted', () => {
  const { sent, receiver, ioApic, get, route } = setUp();
  receiver.accepts = false;
  route(9, level | 0x39);
  ioApic.line(9).set(true);
  assert.equal(get(0x22) & remoteIrr, 0);
  receiver.accepts = true;
  route(9, level | 0x39);
  assert.equal(sent.length, 2);
  assert.equal(get(0x22) & remoteIrr, remoteIrr);
});

test('io apic clears remote IRR when an entry is made edge-triggered, and guests cannot write it', () => {
  const { ioApic, get, route } = setUp();
  route(9, level | 0x39);
  ioApic.line(9).set(true);
  ioApic.line(9).set(false);
  route(9, masked | 0x39);
  assert.equal(get(0x22), masked | 0x39);
  route(9, level | remoteIrr | 0x1000 | 0x39);
  assert.equal(get(0x22), level | 0x39);
});

test('io apic passes NMI and ExtINT on as edges', () => {
  const { sent, ioApic, get, route } = setUp();
  route(0, 0x700);
  route(1, level | 0x400);
  ioApic.line(0).set(true);
  ioApic.line(1).set(true);
  assert.deepEqual(
    sent.map(({ deliveryMode, isLevel }) => [deliveryMode, isLevel]),
    [
      [7, false],
      [4, false],
    ],
  );
  assert.equal(get(0x12) & remoteIrr, 0);
});

test('io apic survives a guest that writes anything', () => {
  const { ioApic } = setUp();
  const low = { target: ioApic.page, sizeBytes: 0x48 };
  hammer([low, low, { target: ioApic.page, sizeBytes: ioApicSizeBytes }], 0x10a91c);
  for (let pin = 0; pin < 24; pin++) ioApic.line(pin).set(true);
});

testSavedDevice({
  name: 'io apic',
  create: () => setUp().ioApic,
  disturb: (device) => {
    const ioApic = device as IoApic;
    const { set, route } = access(ioApic);
    route(9, level | 0x39, 3);
    ioApic.line(9).set(true);
    set(0, 0x07000000);
  },
});
