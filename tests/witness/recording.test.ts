import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { differences } from '../../src/testing/witness/compare.ts';
import { Generator } from '../../src/testing/witness/generator.ts';
import { WitnessMachine } from '../../src/testing/witness/machine.ts';
import { packRecording, unpackRecording } from '../../src/testing/witness/recording.ts';

const generator = new Generator({ mode: 32, units: ['integer', 'sse', 'mmx'] });
const machine = new WitnessMachine();
const cases = Array.from({ length: 50 }, (_, i) => generator.generate(i)).map((testCase) => ({
  test: testCase,
  native: machine.run(testCase),
}));

test('a recording gives back the cases that it was made of', () => {
  const unpacked = unpackRecording(packRecording(cases));

  assert.equal(unpacked.length, cases.length);
  unpacked.forEach(({ test: read }, i) => {
    const { instructions: _, ...written } = cases[i]?.test ?? assert.fail();
    const { instructions: __, ...same } = read;
    assert.deepEqual(same, written);
    assert.deepEqual(differences(read, unpacked[i]?.native ?? assert.fail(), machine.run(read)), []);
  });
});

test('a recording that is cut short is refused', () => {
  const whole = zstdDecompressSync(packRecording(cases));

  const cut = zstdCompressSync(whole.subarray(0, whole.length - 1));

  assert.throws(() => unpackRecording(cut), /they end in the middle of a case/);
});

test('a recording of another version is refused', () => {
  const whole = zstdDecompressSync(packRecording(cases));
  whole[0] = 99;

  assert.throws(() => unpackRecording(zstdCompressSync(whole)), /version 99 is not known/);
});

test('a seed gives the same case again', () => {
  assert.deepEqual(generator.generate(7), generator.generate(7));
});
