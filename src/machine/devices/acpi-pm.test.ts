import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { FakeClock, FakeLine, hammer, in8, in32, out8 } from '../../testing/fake-hardware.ts';
import { AcpiPm, acpiPmPorts } from './acpi-pm.ts';

function setUp() {
  const clock = new FakeClock();
  const sci = new FakeLine();
  let powerOffs = 0;
  const pm = new AcpiPm({ clock, sci, onPowerOff: () => powerOffs++ });
  return { clock, sci, pm, powerOffs: () => powerOffs };
}

test('acpi-pm is in ACPI mode from the start', () => {
  const { pm } = setUp();
  assert.equal(pm.controlPorts.read(0, 2), 0x0001);
});

test('acpi-pm powers off when the guest enters S5, and in no other sleeping state', () => {
  const { pm, powerOffs } = setUp();
  pm.controlPorts.write(0, 2, (5 << 10) | 1);
  pm.controlPorts.write(0, 2, (3 << 10) | 0x2001);
  assert.equal(powerOffs(), 0);
  pm.controlPorts.write(0, 2, (5 << 10) | 0x2001);
  assert.equal(powerOffs(), 1);
  assert.equal(pm.controlPorts.read(0, 2), (5 << 10) | 1);
});

test('acpi-pm takes the sleep type from a byte access too', () => {
  const { pm, powerOffs } = setUp();
  pm.controlPorts.write(1, 1, (5 << 2) | 0x20);
  assert.equal(powerOffs(), 1);
});

test('acpi-pm raises the SCI for the power button while it is enabled and pending', () => {
  const { pm, sci } = setUp();
  pm.pressPowerButton();
  assert.equal(sci.level, false);
  pm.eventPorts.write(2, 2, 0x0100);
  assert.equal(sci.level, true);
  assert.equal(pm.eventPorts.read(0, 2), 0x0100);
  pm.eventPorts.write(0, 2, 0x0100);
  assert.equal(sci.level, false);
  assert.equal(pm.eventPorts.read(0, 4), 0x01000000);
});

test('acpi-pm counts at 3.579545 MHz in 32 bits', () => {
  const { clock, pm } = setUp();
  clock.advanceNs(1e9);
  assert.equal(in32(pm.timerPorts, 0), 3_579_545);
  clock.advanceNs(1200e9);
  assert.equal(in32(pm.timerPorts, 0), (1201 * 3_579_545) % 2 ** 32);
  assert.equal(in8(pm.timerPorts, 1), (in32(pm.timerPorts, 0) >>> 8) & 0xff);
});

test('acpi-pm reports a change of the top bit of its timer', () => {
  const { clock, pm, sci } = setUp();
  out8(pm.eventPorts, 2, 0x01);
  clock.advanceNs(599e9);
  assert.equal(sci.level, false);
  clock.advanceNs(2e9);
  assert.equal(sci.level, true);
  assert.equal(in8(pm.eventPorts, 0), 0x01);
  out8(pm.eventPorts, 0, 0x01);
  assert.equal(sci.level, false);
  clock.advanceNs(601e9);
  assert.equal(sci.level, true);
});

test('acpi-pm goes on counting after a restore on a clock that starts anew', () => {
  const { clock, pm } = setUp();
  clock.advanceNs(5e9);
  const other = setUp();
  other.pm.restore(pm.save());
  other.clock.advanceNs(1e9);
  assert.ok(Math.abs(in32(other.pm.timerPorts, 0) - 6 * 3_579_545) <= 1);
});

test('acpi-pm survives a guest that writes anything', () => {
  const { pm } = setUp();
  hammer(
    [
      { target: pm.eventPorts, sizeBytes: acpiPmPorts.event },
      { target: pm.controlPorts, sizeBytes: acpiPmPorts.control },
      { target: pm.timerPorts, sizeBytes: acpiPmPorts.timer },
    ],
    0xac91,
  );
});

testSavedDevice({
  name: 'acpi-pm',
  create: () => setUp().pm,
  disturb: (device) => {
    const pm = device as AcpiPm;
    pm.pressPowerButton();
    pm.eventPorts.write(2, 2, 0x0120);
    pm.controlPorts.write(0, 2, 0x1400);
  },
});
