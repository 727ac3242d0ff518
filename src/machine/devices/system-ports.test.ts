import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { hammer, in8, in32, out8, out32 } from '../../testing/fake-hardware.ts';
import { debugExit, debugExitPorts } from './debug-exit.ts';
import { Port92 } from './port-92.ts';
import { ResetControl, resetControlPorts, resetControlValue } from './reset-control.ts';

function port92() {
  const seen = { resets: 0, a20: [] as boolean[] };
  const device = new Port92({ onReset: () => seen.resets++, onA20: (enabled) => seen.a20.push(enabled) });
  return { seen, device };
}

function resetControl() {
  const seen = { resets: 0 };
  return { seen, device: new ResetControl({ onReset: () => seen.resets++ }) };
}

test('port 0x92 drives the A20 gate and resets upon a rising bit 0', () => {
  const { seen, device } = port92();
  assert.equal(in8(device.ports, 0), 0x02);
  out8(device.ports, 0, 0x00);
  out8(device.ports, 0, 0x02);
  assert.deepEqual(seen.a20, [false, true]);
  out8(device.ports, 0, 0x03);
  out8(device.ports, 0, 0x03);
  assert.equal(seen.resets, 1);
});

test('reset control resets when bit 2 rises, by the value the FADT gives or in two steps', () => {
  const { seen, device } = resetControl();
  out8(device.ports, 1, 0x02);
  assert.equal(seen.resets, 0);
  out8(device.ports, 1, resetControlValue);
  assert.equal(seen.resets, 1);
  assert.equal(in8(device.ports, 1), 0x06);
  device.reset();
  out8(device.ports, 1, resetControlValue);
  assert.equal(seen.resets, 2);
});

test('reset control does not take PCI configuration addresses for itself', () => {
  const { seen, device } = resetControl();
  out32(device.ports, 0, 0x80000600);
  assert.equal(seen.resets, 0);
  assert.equal(in32(device.ports, 0), 0xffffffff);
});

test('debug exit reports an odd status', () => {
  const statuses: number[] = [];
  const target = debugExit((status) => statuses.push(status));
  out8(target, 0, 0x10);
  out32(target, 0, 0);
  assert.deepEqual(statuses, [0x21, 1]);
});

test('system ports survive a guest that writes anything', () => {
  hammer(
    [
      { target: port92().device.ports, sizeBytes: 1 },
      { target: resetControl().device.ports, sizeBytes: resetControlPorts },
      { target: debugExit(() => {}), sizeBytes: debugExitPorts },
    ],
    0x92,
  );
});

testSavedDevice({
  name: 'port 0x92',
  create: () => port92().device,
  disturb: (device) => out8((device as Port92).ports, 0, 0),
});

testSavedDevice({
  name: 'reset control',
  create: () => resetControl().device,
  disturb: (device) => out8((device as ResetControl).ports, 1, 0x0a),
});
