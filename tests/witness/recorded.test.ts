import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { differences } from '../../src/testing/witness/compare.ts';
import { unwitnessed } from '../../src/testing/witness/coverage.ts';
import { engines } from '../../src/testing/witness/engines.ts';
import { WitnessMachine } from '../../src/testing/witness/machine.ts';
import { unpackRecording } from '../../src/testing/witness/recording.ts';
import { recordings } from '../../src/testing/witness/recordings.ts';
import { reportMismatch } from '../../src/testing/witness/report.ts';

const pathOf = (name: string): string => join(import.meta.dirname, '../../fixtures/witness', `${name}.zst`);
const loaded = recordings.map((recording) => ({
  ...recording,
  cases: unpackRecording(readFileSync(pathOf(recording.name))),
}));

const combinations = Object.keys(engines).flatMap((engine) => loaded.map((recording) => ({ engine, ...recording })));

for (const { engine, name, cases } of combinations) {
  test(`the ${engine} does what a processor did: ${name}`, () => {
    const machine = new WitnessMachine(engines[engine]);
    const outcomes = cases.map((recorded) => ({ ...recorded, ours: machine.run(recorded.test) }));
    const wrong = outcomes.filter((o) => differences(o.test, o.native, o.ours).length > 0);
    const reports = wrong.slice(0, 5).map((o) => reportMismatch(o.test, o.native, o.ours));
    assert.equal(wrong.length, 0, `${wrong.length} of ${cases.length} differ\n${reports.join('\n\n')}`);
    if (engine === 'jit') assert.ok(machine.translatedRegions >= cases.length, `only ${machine.translatedRegions}`);
  });
}

test('recorded vectors are many, small, and cover the instruction tables', () => {
  const cases = loaded.flatMap((recording) => recording.cases.map((recorded) => recorded.test));
  const bytes = recordings.reduce((sum, { name }) => sum + statSync(pathOf(name)).size, 0);
  assert.ok(cases.length >= 20_000);
  assert.ok(bytes <= 2_200_000);
  assert.deepEqual(unwitnessed(cases, ['integer', 'sse', 'mmx', 'avx']), []);
});
