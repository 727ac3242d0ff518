import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareFormatter } from '../../../testing/format-witness.ts';
import { type DisassemblerMode, hasObjdump } from '../../../testing/objdump.ts';

/** MEZZ_SEED draws other instructions. */
const seed = Number(process.env.MEZZ_SEED ?? 1);
const count = 20_000;
const modes: readonly DisassemblerMode[] = [16, 32, 64];
const skip = hasObjdump() ? false : 'objdump is not installed';

for (const mode of modes) {
  test(`random ${mode}-bit instructions have the mnemonics and operands that objdump gives them`, { skip }, () => {
    const { differences, compared } = compareFormatter(mode, count, seed);

    assert.deepEqual(differences, [], `seed ${seed}`);
    assert.ok(compared > (count * 4) / 5, `only ${compared} could be compared`);
  });
}
