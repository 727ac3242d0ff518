/** The recorded x87 instructions once more, as programs on the engines: decoding, operands and faults included. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliDecompressSync } from 'node:zlib';
import { caseBytes, caseOffset, describe } from '../../src/cpu/isa/x86/x87/witness/cases.ts';
import { differs } from '../../src/cpu/isa/x86/x87/witness/tolerance.ts';
import { engines } from '../../src/testing/witness/engines.ts';
import { X87Machine } from '../../src/testing/witness/x87-machine.ts';

const fixture = '../../src/cpu/isa/x86/x87/fixtures/witness/ok-intel-rocket-lake.br';
const data = new Uint8Array(brotliDecompressSync(readFileSync(join(import.meta.dirname, fixture))));
const cases = data.subarray(0, data.length / 2);
/** Stored as what differs from the case. */
const expected = data.subarray(data.length / 2).map((byte, i) => byte ^ (cases[i] ?? 0));

for (const [engine, create] of Object.entries(engines)) {
  test(`the ${engine} does what a processor did: x87`, () => {
    const machine = new X87Machine(create);
    const actual = new Uint8Array(cases.length);
    const wrong: string[] = [];
    for (let at = 0; at < cases.length && wrong.length < 5; at += caseBytes) {
      machine.run(cases, actual, at);
      const difference = differs(cases, expected, actual, at);
      if (difference === undefined) continue;
      const code = Buffer.from(cases.subarray(at + caseOffset.opcode, at + caseOffset.modrm + 1)).toString('hex');
      const [given, native, ours] = [cases, expected, actual].map((records) => describe(records, at));
      wrong.push(`${code}: ${difference}\n  case ${given}\n  host ${native}\n  ours ${ours}`);
    }
    assert.equal(wrong.length, 0, wrong.join('\n'));
  });
}
