/**
 * Runs software whose answers are known in guests, and says what is right:
 * `node src/testing/programs/run.ts --bits 64 --suites zlib,python --engine interpreter --cpu v2`. `--quick` runs what
 * the journey runs; `--machine qemu` asks QEMU instead, for a second opinion; `--show` prints what wrong programs said.
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bits } from '../debian/package-tree.ts';
import { makeGuest, mezzMachine, type ProgramGuest, qemuMachine } from './guest.ts';
import type { Outcome } from './outcome.ts';
import { runGuest } from './run-guest.ts';
import type { ProgramSuite } from './suite.ts';
import { suites } from './table.ts';

const { values } = parseArgs({
  options: {
    bits: { type: 'string', default: '64,32' },
    suites: { type: 'string' },
    programs: { type: 'string' },
    quick: { type: 'boolean', default: false },
    machine: { type: 'string', default: 'mezz' },
    engine: { type: 'string', default: 'auto' },
    cpu: { type: 'string' },
    option: { type: 'string', multiple: true, default: [] },
    timeout: { type: 'string', default: '3600' },
    show: { type: 'boolean', default: false },
  },
});

const wantedSuites = values.suites?.split(',') ?? suites.map(({ name }) => name);
const wantedPrograms = values.programs?.split(',');

const isWanted = (suite: ProgramSuite, program: string, bits: Bits): boolean =>
  (!values.quick || suite.quick[bits].includes(program)) && (!wantedPrograms || wantedPrograms.includes(program));

/** More options of `mezz run` come as they are, such as `--option=--cpus=4`. */
function machineOf(guest: ProgramGuest): string[] {
  if (values.machine === 'qemu') return qemuMachine(guest);
  const cpu = values.cpu === undefined ? [] : ['--cpu', values.cpu];
  return mezzMachine(guest, ['--engine', values.engine, ...cpu, ...values.option]);
}

function report({ name, failure, tests, seconds, output }: Outcome, bits: Bits): void {
  const row = [name.padEnd(40), String(bits), String(tests).padStart(7), `${seconds.toFixed(1).padStart(7)} s`];
  console.log(`${row.join('  ')}  ${failure ?? 'passed'}`);
  if (failure !== undefined && values.show) console.log(output);
}

/** Runs a suite in a guest of its own, so that what one does to its guest is no other's matter. */
async function runSuite(suite: ProgramSuite, bits: Bits): Promise<readonly Outcome[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mezz-programs-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.on('exit', remove);
  try {
    const guest = await makeGuest({ suites: [suite], bits, isWanted, folder });
    const onOutcome = (outcome: Outcome): void => report(outcome, bits);
    const { outcomes, remarks } = await runGuest(machineOf(guest), guest.programs, Number(values.timeout), onOutcome);
    if (outcomes.some(({ failure }) => failure !== undefined)) console.log(remarks.trimEnd());
    return outcomes;
  } finally {
    remove();
    process.off('exit', remove);
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

const outcomes: Outcome[] = [];
for (const bits of values.bits.split(',').map(Number) as Bits[]) {
  for (const suite of suites) {
    const isAsked = wantedSuites.includes(suite.name) && suite.bits.includes(bits);
    if (isAsked && (!values.quick || suite.quick[bits].length > 0)) outcomes.push(...(await runSuite(suite, bits)));
  }
}
const failed = outcomes.filter(({ failure }) => failure !== undefined);
const tests = outcomes.reduce((sum, outcome) => sum + outcome.tests, 0);
console.log(`${outcomes.length - failed.length} passed, ${failed.length} failed`);
console.log(`${tests} tests in them`);
process.exitCode = failed.length === 0 && outcomes.length > 0 ? 0 : 1;
