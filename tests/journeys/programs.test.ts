import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bits } from '../../src/testing/debian/package-tree.ts';
import { makeGuest, mezzMachine } from '../../src/testing/programs/guest.ts';
import { runGuest } from '../../src/testing/programs/run-guest.ts';
import type { GuestProgram, ProgramSuite } from '../../src/testing/programs/suite.ts';
import { suites } from '../../src/testing/programs/table.ts';
import { scratchFolder, wantsImage } from './support/mezz.ts';

const minutes = 60_000;
const isWanted = (suite: ProgramSuite, { name }: GuestProgram, bits: Bits): boolean => suite.quick[bits].includes(name);

for (const [bits, image] of [
  [64, 'debian'],
  [32, 'debian-686'],
] as const) {
  const skip = wantsImage(image);
  test(`software whose answers are known is right in a ${bits}-bit guest`, {
    skip,
    timeout: 15 * minutes,
  }, async () => {
    const quick = suites.filter((suite) => suite.quick[bits].length > 0);
    const guest = await makeGuest({ suites: quick, bits, isWanted, folder: scratchFolder });

    const { outcomes, remarks } = await runGuest(mezzMachine(guest, []), guest.programs, 300);

    const wrong = outcomes.filter(({ failure }) => failure !== undefined);
    assert.deepEqual(wrong, [], remarks);
    assert.ok(outcomes.length >= quick.length);
  });
}
