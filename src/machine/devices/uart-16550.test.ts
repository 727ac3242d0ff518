import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { FakeLine, hammer, in8, out8 } from '../../testing/fake-hardware.ts';
import type { BusTarget } from '../bus/index.ts';
import { type SerialBackend, Uart16550, uart16550Ports } from './uart-16550.ts';

class FakeTerminal implements SerialBackend {
  readonly written: number[] = [];
  #input: number[] = [];
  #onReadable = () => {};

  read(max: number): Uint8Array {
    return Uint8Array.from(this.#input.splice(0, max));
  }

  write(bytes: Uint8Array): void {
    this.written.push(...bytes);
  }

  onReadable(callback: () => void): void {
    this.#onReadable = callback;
  }

  type(...bytes: number[]): void {
    this.#input.push(...bytes);
    this.#onReadable();
  }

  get waiting(): number {
    return this.#input.length;
  }
}

function setUp() {
  const line = new FakeLine();
  const terminal = new FakeTerminal();
  const uart = new Uart16550({ name: 'com1', line, backend: terminal });
  return { line, terminal, uart, ports: uart.ports };
}

const [data, ier, iir, fcr, lcr, mcr, lsr, msr, scr] = [0, 1, 2, 2, 3, 4, 5, 6, 7] as const;
const isReadyAfterPolling = (ports: BusTarget) => numbers(20).some(() => in8(ports, lsr) & 1);
const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, i) => first + i);

test('uart passes the probe of the Linux 8250 driver as a 16550A', () => {
  const { ports } = setUp();
  out8(ports, ier, 0x00);
  assert.equal(in8(ports, ier), 0x00);
  out8(ports, ier, 0xff);
  assert.equal(in8(ports, ier) & 0x0f, 0x0f);
  out8(ports, ier, 0);
  out8(ports, mcr, 0x10 | 0x0a);
  assert.equal(in8(ports, msr) & 0xf0, 0x90);
  out8(ports, mcr, 0);
  out8(ports, fcr, 0x01);
  assert.equal(in8(ports, iir) >> 6, 3);
  out8(ports, scr, 0xa5);
  assert.equal(in8(ports, scr), 0xa5);
});

test('uart has the divisor behind the latch bit', () => {
  const { ports, terminal } = setUp();
  out8(ports, lcr, 0x83);
  out8(ports, data, 0x34);
  out8(ports, ier, 0x12);
  assert.equal(in8(ports, data), 0x34);
  assert.equal(in8(ports, ier), 0x12);
  out8(ports, lcr, 0x03);
  assert.equal(in8(ports, ier), 0);
  assert.deepEqual(terminal.written, []);
});

test('uart hands output to the backend at once and is ready for more', () => {
  const { ports, terminal } = setUp();
  out8(ports, data, 0x48);
  assert.deepEqual(terminal.written, [0x48]);
  assert.equal(in8(ports, lsr), 0x60);
});

test('uart raises the transmitter interrupt each time it is enabled, and reading IIR clears it', () => {
  const { ports, line } = setUp();
  for (let round = 1; round <= 2; round++) {
    out8(ports, ier, 2);
    assert.equal(line.level, true);
    assert.equal(in8(ports, iir), 0x02);
    assert.equal(line.level, false);
    assert.equal(in8(ports, iir), 0x01);
    out8(ports, ier, 0);
  }
});

test('uart gives an edge for each written character', () => {
  const { ports, line } = setUp();
  out8(ports, ier, 2);
  out8(ports, data, 1);
  out8(ports, data, 2);
  assert.equal(line.risingEdges, 3);
});

test('uart raises its line when a byte arrives and interrupts are enabled', () => {
  const { ports, line, terminal } = setUp();
  terminal.type(0x61);
  assert.equal(line.level, false);
  out8(ports, ier, 1);
  assert.equal(line.level, true);
  assert.equal(in8(ports, iir), 0x04);
  assert.equal(in8(ports, lsr), 0x61);
  assert.equal(in8(ports, data), 0x61);
  assert.equal(line.level, false);
});

test('uart reports a time-out below the trigger level and data at it', () => {
  const { ports, terminal } = setUp();
  out8(ports, fcr, 0x81); // trigger at 8
  out8(ports, ier, 1);
  terminal.type(...numbers(7));
  assert.equal(in8(ports, iir), 0xcc);
  terminal.type(7);
  assert.equal(in8(ports, iir), 0xc4);
});

test('uart leaves input with the host while its FIFO is full', () => {
  const { ports, terminal } = setUp();
  out8(ports, fcr, 0x01);
  out8(ports, ier, 1);
  terminal.type(...numbers(40));
  assert.equal(terminal.waiting, 24);
  const received: number[] = [];
  while (in8(ports, lsr) & 1) received.push(in8(ports, data));
  assert.deepEqual(received, numbers(40));
  assert.equal(in8(ports, lsr) & 2, 0);
});

test('uart serves a driver that polls without interrupts', () => {
  const { ports, terminal } = setUp();
  terminal.type(1, 2);
  assert.equal(terminal.waiting, 2);
  assert.equal(isReadyAfterPolling(ports), true);
  assert.equal(in8(ports, data), 1);
  assert.equal(in8(ports, data), 2);
  assert.equal(in8(ports, lsr) & 1, 0);
});

test('uart leaves input with the host while a driver that starts clears its registers', () => {
  const { ports, terminal } = setUp();
  terminal.type(1, 2);
  out8(ports, ier, 0x0f);
  out8(ports, ier, 0);
  out8(ports, fcr, 0x07);
  for (const register of [lsr, data, iir, msr, lsr, lsr, data, iir, msr]) in8(ports, register);
  out8(ports, fcr, 0);
  out8(ports, ier, 1);
  out8(ports, fcr, 1);
  assert.deepEqual([in8(ports, lsr) & 1, in8(ports, data), in8(ports, data)], [1, 1, 2]);
});

test('uart reports sources in the order of their priority', () => {
  const { ports, line } = setUp();
  out8(ports, mcr, 0x10); // loopback
  out8(ports, fcr, 0x01);
  in8(ports, msr);
  out8(ports, ier, 0x0f);
  for (const value of numbers(17)) out8(ports, data, value); // overrun
  out8(ports, mcr, 0x12); // CTS changes
  assert.equal(in8(ports, iir), 0xc6);
  assert.equal(in8(ports, lsr) & 2, 2);
  assert.equal(in8(ports, iir), 0xc4);
  for (let i = 0; i < 16; i++) assert.equal(in8(ports, data), i);
  assert.equal(in8(ports, iir), 0xc2);
  assert.equal(in8(ports, iir), 0xc0);
  assert.equal(in8(ports, msr), 0x11);
  assert.equal(in8(ports, iir), 0xc1);
  assert.equal(line.level, false);
});

test('uart keeps looped-back characters from the backend and the backend from the receiver', () => {
  const { ports, terminal } = setUp();
  out8(ports, mcr, 0x10);
  terminal.type(0x11);
  out8(ports, data, 0x22);
  assert.equal(in8(ports, data), 0x22);
  assert.equal(in8(ports, lsr) & 1, 0);
  assert.deepEqual(terminal.written, []);
  out8(ports, mcr, 0);
  assert.equal(isReadyAfterPolling(ports), true);
  assert.equal(in8(ports, data), 0x11);
});

test('uart reports a looped-back break with its character', () => {
  const { ports } = setUp();
  out8(ports, mcr, 0x10);
  out8(ports, fcr, 0x01);
  out8(ports, data, 0x55);
  out8(ports, lcr, 0x43);
  assert.equal(in8(ports, lsr), 0xe1);
  assert.equal(in8(ports, data), 0x55);
  assert.equal(in8(ports, lsr), 0xf1);
  assert.equal(in8(ports, lsr), 0x61);
  assert.equal(in8(ports, data), 0);
});

test('uart reports the trailing edge of the ring indicator only', () => {
  const { ports } = setUp();
  out8(ports, mcr, 0x10);
  in8(ports, msr);
  out8(ports, mcr, 0x14);
  assert.equal(in8(ports, msr), 0x40);
  out8(ports, mcr, 0x10);
  assert.equal(in8(ports, msr), 0x04);
});

test('uart survives a guest that writes anything', () => {
  const { ports, terminal } = setUp();
  terminal.type(...numbers(100));
  hammer([{ target: ports, sizeBytes: uart16550Ports }], 0x16550);
});

testSavedDevice({
  name: 'uart',
  create: () => setUp().uart,
  disturb: (device) => {
    const { ports } = device as Uart16550;
    out8(ports, lcr, 0x80);
    out8(ports, ier, 0x01);
    out8(ports, lcr, 0x03);
    out8(ports, mcr, 0x1b);
    out8(ports, fcr, 0xc1);
    out8(ports, ier, 0x0f);
    out8(ports, scr, 0x77);
    for (const value of numbers(20)) out8(ports, data, value);
  },
});
