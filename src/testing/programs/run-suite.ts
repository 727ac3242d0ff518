import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeGuest, type ProgramGuest, type WantedPrograms } from './guest.ts';
import type { PlacedProgram } from './guest-script.ts';
import type { Outcome } from './outcome.ts';
import { runGuest } from './run-guest.ts';
import type { ProgramSuite } from './suite.ts';

export interface SuiteRun extends Pick<WantedPrograms, 'bits' | 'isWanted'> {
  /** The command of the machine that runs the guest. */
  readonly machine: (guest: ProgramGuest) => readonly string[];
  /** For each program. */
  readonly limitSeconds: number;
  readonly onOutcome: (outcome: Outcome) => void;
}

/**
 * Runs those programs of a suite that are wanted, in a guest made for them; in a further one what is left when a program
 * has taken its guest along.
 */
export async function runSuite(suite: ProgramSuite, run: SuiteRun): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'mezz-programs-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.on('exit', remove);
  try {
    const had: Outcome[] = [];
    const isWanted: SuiteRun['isWanted'] = (suite, program, bits) =>
      run.isWanted(suite, program, bits) && !had.some(({ name }) => name === `${suite.name}: ${program.name}`);
    for (;;) {
      const place = await mkdtemp(join(folder, 'guest-')); // What one guest was made from is in the way of the next.
      const guest = await makeGuest({ ...run, isWanted, suites: [suite], folder: place });
      const outcomes = guest.programs.length > 0 ? await runOnce(guest, run) : [];
      had.push(...outcomes);
      if (outcomes.length >= guest.programs.length) return;
    }
  } finally {
    remove();
    process.off('exit', remove);
  }
}

/** Outcomes of the programs that had their turn: of all, when none had. */
async function runOnce(guest: ProgramGuest, run: SuiteRun): Promise<readonly Outcome[]> {
  const { outcomes, remarks } = await runGuest(run.machine(guest), guest.programs, run.limitSeconds, run.onOutcome);
  if (outcomes.length < guest.programs.length || outcomes.some(({ failure }) => failure !== undefined)) {
    console.log(remarks.trimEnd());
  }
  if (outcomes.length > 0) return outcomes;
  const lost = guest.programs.map(unstarted);
  lost.forEach(run.onOutcome);
  return lost;
}

const unstarted = ({ name }: PlacedProgram): Outcome => ({
  name,
  failure: 'its guest did not start',
  tests: 0,
  seconds: 0,
  output: '',
});
