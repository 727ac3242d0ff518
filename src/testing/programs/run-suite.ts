import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeGuest, type ProgramGuest, type WantedPrograms } from './guest.ts';
import type { Outcome } from './outcome.ts';
import { runGuest } from './run-guest.ts';
import type { ProgramSuite } from './suite.ts';

export interface SuiteRun extends Pick<WantedPrograms, 'bits' | 'isWanted'> {
  /** The command of the machine that runs the guest. */
  readonly machine: (guest: ProgramGuest) => readonly string[];
  readonly timeoutSeconds: number;
  readonly onOutcome: (outcome: Outcome) => void;
}

/** Runs those programs of a suite that are wanted, in a guest made for them. */
export async function runSuite(suite: ProgramSuite, run: SuiteRun): Promise<readonly Outcome[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mezz-programs-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.on('exit', remove);
  try {
    const guest = await makeGuest({ ...run, suites: [suite], folder });
    if (guest.programs.length === 0) return [];
    const { outcomes, remarks } = await runGuest(run.machine(guest), guest.programs, run.timeoutSeconds, run.onOutcome);
    if (outcomes.some(({ failure }) => failure !== undefined)) console.log(remarks.trimEnd());
    return outcomes;
  } finally {
    remove();
    process.off('exit', remove);
  }
}
