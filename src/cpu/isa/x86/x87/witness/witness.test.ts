/**
 * Our x87 against a real one. Recorded outcomes of an Intel processor are in fixtures; with gcc and an x86-64 host:
 *
 *   X87_WITNESS=live X87_SEED=7 X87_ROUNDS=10 node --test witness.test.ts    compares on new random cases
 *   X87_WITNESS=record X87_SEED=7 node --test witness.test.ts                rewrites the fixture
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { makeCases, notesAsOurs, withOracle, x87Differences } from '../../../../../testing/witness/x87-oracle.ts';
import { caseBytes, randomFrom, thinCase } from './cases.ts';
import { approximate } from './tolerance.ts';

const fixture = join(import.meta.dirname, '../fixtures/witness/ok-intel-rocket-lake.br');
const mode = process.env.X87_WITNESS;
const seed = Number(process.env.X87_SEED ?? 1);
const rounds = Number(process.env.X87_ROUNDS ?? 1);
const liveCasesPerInstruction = 40;
const recordedCasesPerInstruction = 24;

/** Outcomes are stored as what differs from the case, which compresses well. */
function exclusiveOr(x: Uint8Array, y: Uint8Array): Uint8Array {
  return x.map((byte, i) => byte ^ y[i]!);
}

function record(): void {
  const cases = makeCases(randomFrom(seed), recordedCasesPerInstruction);
  for (let at = 0; at < cases.length; at += caseBytes) thinCase(cases, at);
  withOracle((ask) => {
    const data = Buffer.concat([cases, exclusiveOr(ask(cases), cases)]);
    writeFileSync(fixture, brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } }));
  });
}

test('every x87 instruction does what the recorded processor did', () => {
  if (mode === 'record') record();
  const data = new Uint8Array(brotliDecompressSync(readFileSync(fixture)));
  const cases = data.subarray(0, data.length / 2);
  assert.deepEqual(x87Differences(cases, exclusiveOr(data.subarray(data.length / 2), cases)), []);
});

const whyNotLive = 'needs gcc and an x86-64 host: set X87_WITNESS=live';

test('every x87 instruction does what this host does', { skip: mode === 'live' ? false : whyNotLive }, (context) => {
  context.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  withOracle((ask) => {
    for (let round = 0; round < rounds; round++) {
      const cases = makeCases(random, liveCasesPerInstruction);
      assert.deepEqual(x87Differences(cases, ask(cases), notesAsOurs()), []);
    }
  });
  context.diagnostic(`transcendentals by distance in ulp: ${JSON.stringify(Object.fromEntries(approximate))}`);
});
