import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { FakeLine, hammer, in8, out8 } from '../../testing/fake-hardware.ts';
import { I8042 } from './i8042.ts';

function setUp() {
  const keyboardLine = new FakeLine();
  const auxiliaryLine = new FakeLine();
  const seen = { resets: 0, a20: true };
  const controller = new I8042({
    keyboardLine,
    auxiliaryLine,
    onReset: () => seen.resets++,
    a20: {
      get: () => seen.a20,
      set: (enabled) => {
        seen.a20 = enabled;
      },
    },
  });
  return { keyboardLine, auxiliaryLine, seen, controller, ...access(controller) };
}

const access = ({ dataPort, commandPort }: I8042) => ({
  command: (value: number, data?: number) => {
    out8(commandPort, 0, value);
    if (data !== undefined) out8(dataPort, 0, data);
  },
  send: (value: number) => out8(dataPort, 0, value),
  status: () => in8(commandPort, 0),
  data: () => in8(dataPort, 0),
});

test('i8042 passes its self-tests', () => {
  const { command, data, status } = setUp();
  assert.equal(status() & 1, 0);
  for (const [test, result] of [
    [0xaa, 0x55],
    [0xab, 0x00],
    [0xa9, 0x00],
  ] as const) {
    command(test);
    assert.equal(status() & 0x21, 1);
    assert.equal(data(), result);
    assert.equal(status() & 1, 0);
  }
});

test('i8042 keeps its command byte and the rest of its memory', () => {
  const { command, data } = setUp();
  command(0x60, 0x74);
  command(0x65, 0x12);
  command(0x20);
  assert.equal(data(), 0x74);
  command(0x25);
  assert.equal(data(), 0x12);
});

test('i8042 disables and enables its ports in the command byte, as Linux checks for the auxiliary one', () => {
  const { command, data } = setUp();
  const mode = () => {
    command(0x20);
    return data();
  };
  command(0xa7);
  assert.equal(mode() & 0x20, 0x20);
  command(0xa8);
  assert.equal(mode() & 0x20, 0);
  command(0xad);
  assert.equal(mode() & 0x10, 0x10);
  command(0xae);
  assert.equal(mode() & 0x10, 0);
});

test('i8042 loops a byte back as if from the auxiliary port, with its interrupt', () => {
  const { command, data, status, auxiliaryLine, keyboardLine } = setUp();
  command(0x60, 0x47);
  command(0xd3, 0x5a);
  assert.equal(status() & 0x21, 0x21);
  assert.equal(auxiliaryLine.level, true);
  assert.equal(keyboardLine.level, false);
  assert.equal(data(), 0x5a);
  assert.equal(auxiliaryLine.level, false);
});

test('i8042 answers for absent devices with a time-out', () => {
  const { command, send, data, status, keyboardLine } = setUp();
  send(0xf2);
  assert.equal(status() & 0x61, 0x41);
  assert.equal(keyboardLine.level, true);
  assert.equal(data(), 0xfe);
  assert.equal(keyboardLine.level, false);
  command(0xd4, 0xf2);
  assert.equal(status() & 0x61, 0x61);
  assert.equal(data(), 0xfe);
  assert.equal(status() & 1, 0);
});

test('i8042 drives the A20 gate through its output port', () => {
  const { command, data, seen } = setUp();
  command(0xd1, 0xdd);
  assert.equal(seen.a20, false);
  command(0xd0);
  assert.equal(data() & 0x03, 0x01);
  command(0xd1, 0xdf);
  assert.equal(seen.a20, true);
  assert.equal(seen.resets, 0);
});

test('i8042 resets the processor by pulse and by output port', () => {
  const { command, seen } = setUp();
  command(0xff);
  assert.equal(seen.resets, 0);
  command(0xfe);
  assert.equal(seen.resets, 1);
  command(0xd1, 0xde);
  assert.equal(seen.resets, 2);
});

test('i8042 bounds what waits for a guest that never reads, and drains', () => {
  const { command, data, status } = setUp();
  for (let i = 0; i < 1000; i++) command(0xd2, i & 0xff);
  let drained = 0;
  while (status() & 1) {
    assert.equal(data(), drained);
    drained++;
  }
  assert.equal(drained, 16);
  assert.equal(data(), 15);
});

test('i8042 raises its line again for an answer that was waiting', () => {
  const { command, data, keyboardLine } = setUp();
  command(0xd2, 1);
  command(0xd2, 2);
  assert.equal(keyboardLine.risingEdges, 1);
  data();
  assert.equal(keyboardLine.risingEdges, 2);
});

test('i8042 survives a guest that writes anything', () => {
  const { controller } = setUp();
  const { dataPort, commandPort } = controller;
  const targets = [dataPort, commandPort].map((target) => ({ target, sizeBytes: 1 }));
  hammer(targets, 0x8042);
});

testSavedDevice({
  name: 'i8042',
  create: () => setUp().controller,
  disturb: (device) => {
    const { command } = access(device as I8042);
    command(0x60, 0x77);
    command(0xd2, 0x11);
    command(0xd3, 0x22);
    command(0xd4);
  },
});
