import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { hammer, in8, out8 } from '../../testing/fake-hardware.ts';
import { CoprocessorError, coprocessorErrorPorts } from './coprocessor-error.ts';

function setUp() {
  const seen = { level: false };
  const line = {
    set: (level: boolean) => {
      seen.level = level;
    },
  };
  return { seen, device: new CoprocessorError(line) };
}

test('a coprocessor error raises the line until the port is written, and is ignored until it ends', () => {
  const { seen, device } = setUp();

  assert.equal(device.setFerr(true), false);
  assert.equal(seen.level, true);
  out8(device.ports, 0, 0);
  assert.equal(seen.level, false);
  assert.equal(device.setFerr(true), true);
  assert.equal(seen.level, false);
  device.setFerr(false);
  assert.equal(device.setFerr(true), false);
  assert.equal(seen.level, true);
});

test('an error that ends lowers the line', () => {
  const { seen, device } = setUp();

  device.setFerr(true);
  device.setFerr(false);

  assert.equal(seen.level, false);
});

test('the port ignores nothing while there is no error, and reads as nothing', () => {
  const { device } = setUp();

  out8(device.ports, 0, 0);

  assert.equal(device.setFerr(true), false);
  assert.equal(in8(device.ports, 0), 0xff);
});

test('coprocessor errors survive a guest that writes anything', () => {
  const { device } = setUp();

  hammer([{ target: device.ports, sizeBytes: coprocessorErrorPorts }], 0xf0);

  assert.deepEqual(device.save(), { hasError: false, isIgnored: false });
});

testSavedDevice({
  name: 'coprocessor error',
  create: () => setUp().device,
  disturb(device) {
    (device as CoprocessorError).setFerr(true);
    out8((device as CoprocessorError).ports, 0, 0);
  },
});
