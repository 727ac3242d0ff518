import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { BusyClock, FakeClock, FakeLine, hammer, in8, out8 } from '../../testing/fake-hardware.ts';
import { Pit8254 } from './pit-8254.ts';
import { ticksToNs } from './pit-counter.ts';
import { Port61 } from './port-61.ts';

function setUp() {
  const clock = new FakeClock();
  const line = new FakeLine();
  const pit = new Pit8254({ clock, line });
  const port61 = new Port61(clock, pit);
  return { clock, line, pit, port61, ports: pit.ports };
}
type Ports = Pit8254['ports'];

const control = (counter: number, mode: number, bcd = 0) => (counter << 6) | 0x30 | (mode << 1) | bcd;

function program(ports: Ports, counter: number, mode: number, count: number): void {
  out8(ports, 3, control(counter, mode));
  out8(ports, counter, count & 0xff);
  out8(ports, counter, count >> 8);
}

function latched(ports: Ports, counter: number): number {
  out8(ports, 3, counter << 6);
  return in8(ports, counter) | (in8(ports, counter) << 8);
}

/** Status byte by read-back. */
function status(ports: Ports, counter: number): number {
  out8(ports, 3, 0xe0 | (2 << counter));
  return in8(ports, counter);
}

const output = (ports: Ports, counter: number) => (status(ports, counter) & 0x80) !== 0;

test('pit ticks HZ times a second in mode 2', () => {
  const { clock, line, ports } = setUp();
  program(ports, 0, 2, 11932); // 100 Hz
  line.risingEdges = 0;
  clock.advanceNs(1e9);
  assert.equal(line.risingEdges, 99);
  clock.advanceNs(1e9);
  assert.equal(line.risingEdges, 199);
});

test('pit fires in mode 0 on a host that was away for longer than it counts', () => {
  const clock = new BusyClock(100_000);
  const line = new FakeLine();
  const { ports } = new Pit8254({ clock, line });
  program(ports, 0, 0, 12); // 10 us
  line.risingEdges = 0;
  clock.runExpired();
  assert.equal(line.risingEdges, 1);
});

test('pit merges the ticks that passed while nobody looked', () => {
  const { clock, line, ports } = setUp();
  program(ports, 0, 2, 1193);
  line.risingEdges = 0;
  clock.skipNs(1e9);
  assert.equal(line.risingEdges, 1);
  clock.advanceNs(2_000_000);
  assert.equal(line.risingEdges, 3);
});

test('pit does not flood the host when a guest asks for a period of two ticks', () => {
  const { clock, line, ports } = setUp();
  program(ports, 0, 2, 2);
  clock.advanceNs(1e7);
  assert.ok(line.risingEdges <= 501, `${line.risingEdges} edges in 10 ms`);
});

test('pit raises its line once at terminal count in mode 0, and lowers it with a new count', () => {
  const { clock, line, ports } = setUp();
  program(ports, 0, 0, 1000);
  assert.equal(line.level, false);
  clock.advanceNs(ticksToNs(999));
  assert.equal(line.level, false);
  clock.advanceNs(ticksToNs(2));
  assert.equal(line.level, true);
  clock.advanceNs(1e9);
  assert.equal(line.risingEdges, 1);
  out8(ports, 0, 0x10);
  assert.equal(line.level, false);
  out8(ports, 0, 0x00);
  clock.advanceNs(ticksToNs(17));
  assert.equal(line.risingEdges, 2);
});

test('pit counts down from the count and goes on below zero in mode 0', () => {
  const { clock, ports } = setUp();
  program(ports, 1, 0, 0x1234);
  clock.advanceNs(ticksToNs(0x34));
  assert.equal(latched(ports, 1), 0x1200);
  clock.advanceNs(ticksToNs(0x1201));
  assert.equal(latched(ports, 1), 0xffff);
  assert.equal(output(ports, 1), true);
});

test('pit keeps a latched count until it was read', () => {
  const { clock, ports } = setUp();
  program(ports, 1, 2, 0x8000);
  clock.advanceNs(ticksToNs(0x10));
  out8(ports, 3, 0x40);
  clock.advanceNs(ticksToNs(0x1000));
  out8(ports, 3, 0x40);
  assert.equal(in8(ports, 1), 0xf0);
  assert.equal(in8(ports, 1), 0x7f);
  assert.equal(latched(ports, 1), 0x6ff0);
});

test('pit gives the status before the count when both are latched', () => {
  const { clock, ports } = setUp();
  program(ports, 1, 3, 0x100);
  clock.advanceNs(ticksToNs(0x10));
  out8(ports, 3, 0xc0 | 0x04);
  assert.equal(in8(ports, 1), 0xb6);
  assert.equal(in8(ports, 1), 0xe0);
  assert.equal(in8(ports, 1), 0x00);
});

test('pit reports a count that was not written yet', () => {
  const { ports } = setUp();
  out8(ports, 3, control(1, 2));
  assert.equal(status(ports, 1) & 0x40, 0x40);
  out8(ports, 1, 0x10);
  assert.equal(status(ports, 1) & 0x40, 0x40);
  out8(ports, 1, 0x00);
  assert.equal(status(ports, 1) & 0x40, 0);
});

test('pit reads and writes single bytes when told so', () => {
  const { ports } = setUp();
  out8(ports, 3, 0x50); // counter 1, low byte only, mode 0
  out8(ports, 1, 0x42);
  assert.equal(in8(ports, 1), 0x42);
  assert.equal(in8(ports, 1), 0x42);
  out8(ports, 3, 0x60); // high byte only
  out8(ports, 1, 0x42);
  assert.equal(in8(ports, 1), 0x42);
});

test('pit counts in BCD', () => {
  const { clock, ports } = setUp();
  out8(ports, 3, control(1, 2, 1));
  out8(ports, 1, 0x00);
  out8(ports, 1, 0x10);
  clock.advanceNs(ticksToNs(1));
  assert.equal(latched(ports, 1), 0x0999);
  out8(ports, 3, control(1, 0, 1));
  out8(ports, 1, 0x00);
  out8(ports, 1, 0x00);
  clock.advanceNs(ticksToNs(1));
  assert.equal(latched(ports, 1), 0x9999);
});

test('pit is high for the first half of a mode 3 period', () => {
  const { clock, ports } = setUp();
  program(ports, 1, 3, 1001);
  clock.advanceNs(ticksToNs(500));
  assert.equal(output(ports, 1), true);
  clock.advanceNs(ticksToNs(1));
  assert.equal(output(ports, 1), false);
  clock.advanceNs(ticksToNs(500));
  assert.equal(output(ports, 1), true);
});

test('pit takes a new count of a running period at its end', () => {
  const { clock, line, ports } = setUp();
  program(ports, 0, 2, 10_000);
  clock.advanceNs(ticksToNs(5_000));
  out8(ports, 0, 0xd0);
  out8(ports, 0, 0x07); // 2000
  line.risingEdges = 0;
  clock.advanceNs(ticksToNs(5_001));
  assert.equal(line.risingEdges, 1);
  clock.advanceNs(ticksToNs(2_000));
  assert.equal(line.risingEdges, 2);
});

test('pit is low for one tick in mode 4', () => {
  const { clock, ports } = setUp();
  program(ports, 1, 4, 100);
  clock.advanceNs(ticksToNs(99));
  assert.equal(output(ports, 1), true);
  clock.advanceNs(ticksToNs(1));
  assert.equal(output(ports, 1), false);
  clock.advanceNs(ticksToNs(1));
  assert.equal(output(ports, 1), true);
});

test('pit calibrates a TSC as Linux does it: counter 2, mode 0, gate and output through port 0x61', () => {
  const { clock, ports, port61 } = setUp();
  out8(port61.ports, 0, 0x01);
  program(ports, 2, 0, 11932);
  assert.equal(in8(port61.ports, 0) & 0x20, 0);
  clock.advanceNs(9_900_000);
  assert.equal(in8(port61.ports, 0) & 0x20, 0);
  clock.advanceNs(200_000);
  assert.equal(in8(port61.ports, 0) & 0x20, 0x20);
});

test('pit stops counter 2 while its gate is low in mode 0', () => {
  const { clock, ports, port61 } = setUp();
  program(ports, 2, 0, 1000);
  clock.advanceNs(1e9);
  assert.equal(latched(ports, 2), 1000);
  out8(port61.ports, 0, 0x01);
  clock.advanceNs(ticksToNs(400));
  out8(port61.ports, 0, 0x00);
  clock.advanceNs(1e9);
  assert.equal(latched(ports, 2), 600);
  out8(port61.ports, 0, 0x01);
  clock.advanceNs(ticksToNs(600));
  assert.equal(in8(port61.ports, 0) & 0x20, 0x20);
});

test('pit starts modes 1 and 5 when the gate rises', () => {
  const { clock, ports, port61 } = setUp();
  program(ports, 2, 1, 100);
  assert.equal(output(ports, 2), true);
  out8(port61.ports, 0, 0x01);
  assert.equal(output(ports, 2), false);
  clock.advanceNs(ticksToNs(100));
  assert.equal(output(ports, 2), true);
  program(ports, 2, 5, 100);
  out8(port61.ports, 0, 0x00);
  out8(port61.ports, 0, 0x01);
  clock.advanceNs(ticksToNs(100));
  assert.equal(output(ports, 2), false);
  clock.advanceNs(ticksToNs(1));
  assert.equal(output(ports, 2), true);
});

test('port 0x61 toggles its refresh bit about every 15 µs', () => {
  const { clock, port61 } = setUp();
  let changes = 0;
  let last = in8(port61.ports, 0) & 0x10;
  for (let i = 0; i < 1000; i++) {
    clock.advanceNs(1000);
    const now = in8(port61.ports, 0) & 0x10;
    if (now !== last) changes++;
    last = now;
  }
  assert.equal(changes, 66);
});

test('pit survives a guest that writes anything', () => {
  const { clock, ports, port61 } = setUp();
  for (let seed = 1; seed < 100; seed++) {
    hammer(
      [
        { target: ports, sizeBytes: 4 },
        { target: port61.ports, sizeBytes: 1 },
      ],
      seed,
      200,
    );
    clock.skipNs(seed * 1e6);
  }
});

test('pit goes on ticking after a restore on a clock that starts anew', () => {
  const { clock, pit, ports } = setUp();
  program(ports, 0, 2, 11932);
  clock.advanceNs(5_000_000);
  const other = setUp();
  other.pit.restore(pit.save());
  other.clock.advanceNs(4_900_000);
  assert.equal(other.line.risingEdges, 0);
  other.clock.advanceNs(200_000);
  assert.equal(other.line.risingEdges, 1);
});

testSavedDevice({
  name: 'pit',
  create: () => setUp().pit,
  disturb: (device) => {
    const { ports } = device as Pit8254;
    program(ports, 0, 2, 11932);
    out8(ports, 0, 0x12);
    out8(ports, 0, 0x34);
    program(ports, 2, 0, 77);
    out8(ports, 1, 0x10);
    out8(ports, 3, 0xc0 | 0x0e);
  },
});

testSavedDevice({
  name: 'port 0x61',
  create: () => setUp().port61,
  disturb: (device) => out8((device as Port61).ports, 0, 3),
});
