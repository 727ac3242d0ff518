import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, hammer } from '../../testing/fake-hardware.ts';
import type { SerialBackend } from '../devices/index.ts';
import { backingSizeBytes, LinearGuestMemory } from '../memory/index.ts';
import type { BoardListeners } from './board.ts';
import { createPcBoard, type PcConfig } from './pc.ts';
import { ramRangesFor } from './ram-layout.ts';

const localApic = 0xfee00000;
const ioApic = 0xfec00000;

class FakeSerial implements SerialBackend {
  output = '';
  #input: number[] = [];
  #onReadable = () => {};

  read(max: number): Uint8Array {
    return Uint8Array.from(this.#input.splice(0, max));
  }

  write(bytes: Uint8Array): void {
    this.output += String.fromCharCode(...bytes);
  }

  onReadable(callback: () => void): void {
    this.#onReadable = callback;
  }

  type(text: string): void {
    this.#input.push(...Buffer.from(text));
    this.#onReadable();
  }
}

function setUp(config: PcConfig = {}) {
  const clock = new FakeClock();
  const ranges = ramRangesFor(2 ** 20);
  const buffer = new ArrayBuffer(backingSizeBytes(ranges));
  const memory = new LinearGuestMemory({ buffer, baseOffset: 0, ranges });
  const com1 = new FakeSerial();
  const tsc = { read: () => BigInt(Math.floor(clock.nowNs())), whenReachesNs: (value: bigint) => Number(value) };
  const wallClock = () => Date.UTC(2025, 0, 1) + clock.nowNs() / 1e6;
  const board = createPcBoard({ com1, ...config }, { clock, wallClock, tsc: () => tsc, memory });
  const cpu = { interrupt: false, events: [] as string[] };
  board.connectCpu(0, {
    setInterrupt: (level) => {
      cpu.interrupt = level;
    },
    nmi: () => cpu.events.push('nmi'),
    init: () => cpu.events.push('init'),
    sipi: (vector) => cpu.events.push(`sipi ${vector}`),
  });
  return { clock, board, com1, cpu, ports: board.ports, mmio: board.mmio };
}
type Machine = ReturnType<typeof setUp>;

/** Legacy interrupts as DOS and old kernels set them up, on vectors 0x20 and 0x28. */
function initializePics({ ports }: Machine): void {
  for (const [base, vector, cascade] of [
    [0x20, 0x20, 4],
    [0xa0, 0x28, 2],
  ] as const) {
    ports.write(base, 1, 0x11);
    for (const icw of [vector, cascade, 1, 0]) ports.write(base + 1, 1, icw);
  }
}

/** APICs as Linux sets them up: the PICs masked, each pin on vector 0x40 + pin. */
function initializeApics({ ports, mmio }: Machine): void {
  ports.write(0x21, 1, 0xff);
  ports.write(0xa1, 1, 0xff);
  mmio.write(localApic + 0xf0, 4, 0x1ff);
  mmio.write(localApic + 0x350, 4, 0x10700);
  for (let pin = 1; pin < 24; pin++) {
    mmio.write(ioApic, 4, 0x10 + 2 * pin);
    mmio.write(ioApic + 0x10, 4, (0x40 + pin) | (pin === 9 ? 0x8000 : 0));
  }
}

test('pc ticks through the PIC for a system that knows no APIC', () => {
  const machine = setUp();
  const { clock, board, cpu, ports } = machine;
  initializePics(machine);
  ports.write(0x43, 1, 0x34);
  ports.write(0x40, 1, 0x9c);
  ports.write(0x40, 1, 0x2e);
  let ticks = 0;
  for (let i = 0; i < 1000; i++) {
    clock.advanceNs(1e6);
    if (!cpu.interrupt) continue;
    assert.equal(board.acknowledge(0), 0x20);
    ports.write(0x20, 1, 0x20);
    ticks++;
  }
  assert.ok(ticks >= 99 && ticks <= 101, `${ticks} ticks`);
});

test('pc brings the timer to GSI 2 and serial ports to their own pins of the I/O APIC', () => {
  const machine = setUp();
  const { clock, board, com1, cpu, ports, mmio } = machine;
  initializeApics(machine);
  ports.write(0x43, 1, 0x30);
  ports.write(0x40, 1, 0x10);
  ports.write(0x40, 1, 0x00);
  clock.advanceNs(1e6);
  assert.equal(board.acknowledge(0), 0x42);
  mmio.write(localApic + 0xb0, 4, 0);
  ports.write(0x3f9, 1, 0x01);
  com1.type('x');
  assert.equal(cpu.interrupt, true);
  assert.equal(board.acknowledge(0), 0x44);
  assert.equal(ports.read(0x3f8, 1), 0x78);
  mmio.write(localApic + 0xb0, 4, 0);
  assert.equal(cpu.interrupt, false);
});

test('pc repeats the level-triggered SCI until the guest has cleared its cause, through either controller', () => {
  for (const [initialize, vector, end] of [
    [initializePics, 0x29, ({ ports }: Machine) => [0xa0, 0x20].map((pic) => ports.write(pic, 1, 0x20))],
    [initializeApics, 0x49, ({ mmio }: Machine) => mmio.write(localApic + 0xb0, 4, 0)],
  ] as const) {
    const machine = setUp();
    const { board, cpu, ports } = machine;
    initialize(machine);
    ports.write(0x602, 2, 0x0100);
    board.pressPowerButton();
    for (let i = 0; i < 3; i++) {
      assert.equal(board.acknowledge(0), vector);
      assert.equal(cpu.interrupt, false);
      end(machine);
    }
    assert.equal(board.acknowledge(0), vector);
    ports.write(0x600, 2, 0x0100);
    end(machine);
    assert.equal(cpu.interrupt, false);
  }
});

test('pc routes the PIC through pin 0 of the I/O APIC as ExtINT', () => {
  const machine = setUp();
  const { board, mmio, ports, com1 } = machine;
  initializePics(machine);
  mmio.write(localApic + 0xf0, 4, 0x1ff);
  mmio.write(localApic + 0x350, 4, 0x10700);
  mmio.write(ioApic, 4, 0x10);
  mmio.write(ioApic + 0x10, 4, 0x700);
  ports.write(0x3f9, 1, 0x01);
  com1.type('x');
  assert.equal(board.acknowledge(0), 0x24);
});

test('pc tells of power off, resets, debug exit and A20', () => {
  const { board, ports } = setUp({ debugExitPort: 0xf4 });
  const seen: string[] = [];
  const listeners: BoardListeners = {
    onPowerOff: () => seen.push('power off'),
    onReset: () => seen.push('reset'),
    onDebugExit: (status) => seen.push(`exit ${status}`),
    onA20: (enabled) => seen.push(`a20 ${enabled}`),
  };
  board.listen(listeners);
  ports.write(0x604, 2, 0x3401);
  ports.write(0x64, 1, 0xfe);
  ports.write(0xcf9, 1, 0x06);
  ports.write(0x92, 1, 0x01);
  ports.write(0xf4, 4, 3);
  assert.deepEqual(seen, ['power off', 'reset', 'reset', 'a20 false', 'reset', 'exit 7']);
  assert.equal(board.isA20Enabled, false);
});

test('pc attaches serial ports and debug exit only when they are configured', () => {
  const { board, com1, ports } = setUp();
  ports.write(0x3f8, 1, 0x41);
  assert.equal(com1.output, 'A');
  assert.equal(ports.read(0x2fd, 1), 0xff);
  assert.equal(ports.read(0xf4, 1), 0xff);
  assert.deepEqual(board.acpi.serialPorts, [{ name: 'COM1', port: 0x3f8, sizeBytes: 8, isaIrq: 4 }]);
  assert.equal(setUp({ com2: new FakeSerial() }).ports.read(0x2fd, 1), 0x60);
});

test('pc has what its ACPI description says', () => {
  const { acpi, ports, mmio } = setUp({ cpuCount: 2 }).board;
  assert.equal(ports.read(acpi.pm1aControl.port, 2), 1);
  assert.equal(ports.read(acpi.pmTimer.port, 4), 0);
  assert.equal(ports.read(acpi.resetRegister.port, 1), 0);
  assert.equal(mmio.read(acpi.localApicAddress + 0x30, 4), 0x50014);
  const [io] = acpi.ioApics;
  mmio.write(io?.address ?? 0, 4, 0);
  assert.equal(mmio.read((io?.address ?? 0) + 0x10, 4), (io?.id ?? 0) << 24);
  assert.deepEqual(
    acpi.localApics.map(({ apicId }) => apicId),
    [0, 1],
  );
});

test('pc shows each processor its own local APIC', () => {
  const { board, mmio } = setUp({ cpuCount: 2 });
  board.selectCpu(1);
  assert.equal(mmio.read(localApic + 0x20, 4), 1 << 24);
  board.selectCpu(0);
  assert.equal(mmio.read(localApic + 0x20, 4), 0);
  assert.equal(board.readMsr(0, 0x1b), 0xfee00900n);
  assert.equal(board.readMsr(1, 0x1b), 0xfee00800n);
  board.writeCr8(1, 7);
  assert.equal(board.readCr8(1), 7);
  assert.equal(board.writeMsr(0, 0x1b, 0xfee00901n), false);
});

test('pc comes out of a reset as it was built', () => {
  const machine = setUp();
  const built = machine.board.devices.map((device) => device.save());
  initializePics(machine);
  initializeApics(machine);
  machine.ports.write(0x43, 1, 0x34);
  machine.ports.write(0x40, 2, 0x1234);
  machine.ports.write(0x3f9, 1, 0x02);
  machine.ports.write(0x602, 2, 0x0100);
  machine.board.pressPowerButton();
  assert.equal(machine.cpu.interrupt, true);
  machine.board.reset();
  assert.equal(machine.cpu.interrupt, false);
  const reset = machine.board.devices.map((device) => device.save());
  assert.deepEqual(reset, built);
});

test('pc devices have unique names, and their state moves to another board in any order', () => {
  const machine = setUp();
  const { board, ports } = machine;
  initializeApics(machine);
  ports.write(0x3f9, 1, 0x02);
  ports.write(0x602, 2, 0x0100);
  board.pressPowerButton();
  board.acknowledge(0);
  const names = board.devices.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const order of ['ascending', 'descending']) {
    const other = setUp();
    const pairs = board.devices.map((device, i) => [device, other.board.devices[i]] as const);
    for (const [from, to] of order === 'ascending' ? pairs : pairs.toReversed()) to?.restore(from.save());
    const save = ({ board: { devices } }: Machine) => devices.map((device) => device.save());
    assert.deepEqual(save(other), save(machine));
    assert.equal(other.cpu.interrupt, machine.cpu.interrupt);
    other.mmio.write(localApic + 0xb0, 4, 0);
    assert.equal(other.cpu.interrupt, true);
  }
});

test('pc survives a guest that writes anything anywhere', () => {
  const { board, clock } = setUp({ debugExitPort: 0xf4 });
  const targets = [
    { target: board.ports, sizeBytes: 0x1000 },
    { target: board.ports, sizeBytes: 0xa2 },
    { target: { read: page(board.mmio, 'read'), write: page(board.mmio, 'write') }, sizeBytes: 0x400 },
  ];
  for (let seed = 1; seed < 100; seed++) {
    hammer(targets, seed, 500);
    board.acknowledge(0);
    clock.skipNs(seed * 1e5);
  }
});

/** The same access on both APIC pages. */
function page(mmio: Machine['mmio'], operation: 'read' | 'write') {
  return (offset: number, size: 1 | 2 | 4, value = 0): number => {
    if (operation === 'read') return mmio.read(localApic + offset, size) + mmio.read(ioApic + offset, size);
    mmio.write(localApic + offset, size, value);
    mmio.write(ioApic + offset, size, value);
    return 0;
  };
}
