/**
 * Small privileged programs (fixtures/privileged/source) end in the same state as under QEMU's software mode. The records
 * are made anew by `node src/testing/qemu/record.ts`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  binutilsVersion,
  buildProgram,
  hasAssembler,
  programFile,
  programNames,
  readProgram,
  readRecord,
  unwitnessed,
} from '../../src/testing/qemu/programs.ts';
import { runOnMezz } from '../../src/testing/qemu/run-mezz.ts';
import { hasQemu, recordedVersion, runOnQemu } from '../../src/testing/qemu/run-qemu.ts';
import { engines } from '../../src/testing/witness/engines.ts';
import { departures } from './departures.ts';
import { expectedLog } from './expected-log.ts';

const witnessed = programNames.filter((name) => !unwitnessed.has(name));
const withoutQemu = hasQemu() ? false : `qemu-system-x86_64 ${recordedVersion} is not installed`;
const withoutAssembler = hasAssembler() ? false : `GNU Binutils ${binutilsVersion} are not installed`;

for (const [engine, create] of Object.entries(engines)) {
  describe(`the ${engine} ends as QEMU and the manual say`, () => {
    for (const name of programNames) {
      test(name, async () => {
        const log = await runOnMezz(name, readProgram(name), create);

        assert.deepEqual(log, expectedLog(name, readRecord(name)));
      });
    }
  });
}

describe('the records are what QEMU says', { skip: withoutQemu }, () => {
  for (const name of witnessed) {
    test(name, () => {
      assert.deepEqual(runOnQemu(name), readRecord(name));
    });
  }
});

test('the programs are built from their sources', { skip: withoutAssembler }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-privileged-'));
  try {
    for (const name of programNames) {
      const file = join(folder, name);
      buildProgram(name, file);
      assert.deepEqual(readFileSync(file), readFileSync(programFile(name)), name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every departure names a program and a case', () => {
  const unknown = departures.filter((d) => !witnessed.includes(d.program) || !readRecord(d.program).includes(d.case));

  assert.deepEqual(unknown, []);
});
