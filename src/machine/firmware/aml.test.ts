import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amlBuffer, amlDevice, amlEisaId, amlInteger, amlName, amlPackage, amlScope, amlString } from './aml.ts';

test('integers take their shortest form', () => {
  assert.deepEqual(amlInteger(0), [0x00]);
  assert.deepEqual(amlInteger(1), [0x01]);
  assert.deepEqual(amlInteger(0xff), [0x0a, 0xff]);
  assert.deepEqual(amlInteger(0x1234), [0x0b, 0x34, 0x12]);
  assert.deepEqual(amlInteger(0xfec00000), [0x0c, 0x00, 0x00, 0xc0, 0xfe]);
});

test('EISA identifiers are compressed as the specification shows', () => {
  assert.deepEqual(amlEisaId('PNP0501'), [0x0c, 0x41, 0xd0, 0x05, 0x01]);
  assert.throws(() => amlEisaId('pnp0501'), RangeError);
});

test('names are padded, and may begin at the root', () => {
  assert.deepEqual(amlName('\\_S5', amlInteger(0)), [0x08, 0x5c, 0x5f, 0x53, 0x35, 0x5f, 0x00]);
  assert.throws(() => amlName('5X', amlInteger(0)), RangeError);
});

test('a package length counts itself, in one to four bytes', () => {
  assert.deepEqual(amlPackage(amlInteger(0)), [0x12, 0x03, 0x01, 0x00]);
  const sizeOf = (bytes: number): readonly number[] => amlBuffer(new Array(bytes).fill(0)).slice(1, 5);
  assert.equal(sizeOf(60)[0], 63);
  assert.deepEqual(sizeOf(61).slice(0, 2), [0x40 | (65 & 15), 65 >> 4]);
  assert.deepEqual(sizeOf(5000).slice(0, 3), [0x80 | (5006 & 15), (5006 >> 4) & 0xff, 5006 >> 12]);
});

test('scopes and devices wrap their content', () => {
  assert.deepEqual(
    amlScope('\\_SB', amlDevice('COM1')),
    [0x10, 0x0d, 0x5c, 0x5f, 0x53, 0x42, 0x5f, 0x5b, 0x82, 0x05, 0x43, 0x4f, 0x4d, 0x31],
  );
  assert.deepEqual(amlString('AB'), [0x0d, 0x41, 0x42, 0x00]);
});
