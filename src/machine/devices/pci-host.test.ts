import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { PciHost } from './pci-host.ts';

const select = (host: PciHost, address: number): void => host.configAddress.write(0, 4, address);

testSavedDevice({
  name: 'PCI host bridge',
  create: () => new PciHost(),
  disturb: (device) => select(device as PciHost, 0x80001008),
});

test('the bridge is found at device 0 by mechanism #1', () => {
  const host = new PciHost();

  select(host, 0x80000000);
  assert.equal(host.configAddress.read(0, 4), 0x80000000);
  assert.equal(host.configData.read(0, 4), 0x12378086);
  select(host, 0x80000008);
  assert.equal(host.configData.read(2, 2), 0x0600);
});

test('other devices, and a disabled address, read as all ones', () => {
  const host = new PciHost();

  for (const address of [0x80000800, 0x80010000, 0]) {
    select(host, address);
    assert.equal(host.configData.read(0, 4), 0xffffffff, address.toString(16));
  }
});

test('a byte write to the address register is not one', () => {
  const host = new PciHost();
  select(host, 0x80000000);

  host.configAddress.write(1, 1, 0x55);

  assert.equal(host.configAddress.read(0, 4), 0x80000000);
});
