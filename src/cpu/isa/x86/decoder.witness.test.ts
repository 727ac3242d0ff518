import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { compareDecoder, drawDecoderCases } from '../../../testing/decoder-witness.ts';
import { type Disassembled, type DisassemblerMode, hasObjdump } from '../../../testing/objdump.ts';

/** MEZZ_BLESS=1 records the fixtures anew; MEZZ_SEED draws other instructions. */
const isBlessing = process.env.MEZZ_BLESS === '1';
const seed = Number(process.env.MEZZ_SEED ?? 1);
const liveCount = 20_000;
const recordedCount = 2_500;
const modes: readonly DisassemblerMode[] = [16, 32, 64];
const skip = hasObjdump() ? false : 'objdump is not installed';

const fixture = (mode: DisassemblerMode): URL =>
  new URL(`../../../../fixtures/decoder/objdump-${mode}.txt.gz`, import.meta.url);

/** A line for each: the bytes of the instruction, objdump's length and text. What it calls bad keeps all its bytes. */
function record(mode: DisassemblerMode, cases: readonly { bytes: Uint8Array; theirs: Disassembled }[]): void {
  const lines = cases.map(({ bytes, theirs }) => {
    const kept = theirs.text.includes('(bad)') ? bytes : bytes.subarray(0, theirs.length);
    return `${Buffer.from(kept).toString('hex')}\t${theirs.length}\t${theirs.text}`;
  });
  writeFileSync(fixture(mode), gzipSync(lines.join('\n'), { level: 9 }));
}

function recorded(mode: DisassemblerMode): { bytes: Uint8Array; theirs: Disassembled }[] {
  return gunzipSync(readFileSync(fixture(mode)))
    .toString('latin1')
    .split('\n')
    .map((line) => {
      const [hex = '', length, text = ''] = line.split('\t');
      return { bytes: Buffer.from(hex, 'hex'), theirs: { length: Number(length), text } };
    });
}

for (const mode of modes) {
  test(`random ${mode}-bit instructions have the lengths and addresses that objdump gives them`, { skip }, () => {
    const cases = drawDecoderCases(mode, liveCount, seed);

    const differences = compareDecoder(mode, cases);

    assert.deepEqual(differences, [], `seed ${seed}`);
  });

  test(`recorded ${mode}-bit instructions have the lengths and addresses that objdump gave them`, () => {
    if (isBlessing) record(mode, drawDecoderCases(mode, recordedCount, 20261122));
    assert.ok(existsSync(fixture(mode)));
    const cases = recorded(mode);

    const differences = compareDecoder(mode, cases);

    assert.deepEqual(differences, []);
    assert.equal(cases.length, recordedCount);
  });
}
