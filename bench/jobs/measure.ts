import type { Place } from './place.ts';
import type { Program } from './program-table.ts';
import type { JobResult, Session } from './session.ts';

export interface MeasureOptions {
  /** Where the machine has the programs. */
  readonly place: Place;
  /** How long the measured run is to take. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

export interface Measurement {
  readonly unitsPerSecond: number;
  readonly count: number;
  readonly seconds: number;
  readonly checksum: string;
}

const timeoutSeconds = 120;
const mostAttempts = 3;

/** Runs a program briefly until it is warm, then for as long as wanted. */
export async function measureProgram(
  session: Session,
  program: Program,
  options: MeasureOptions,
): Promise<Measurement> {
  const { name } = program;
  const run = (count: number): Promise<JobResult> =>
    session.run({ name, ...program.job(options.place, count) }, timeoutSeconds);
  let count = 1;
  let last = await run(count);
  for (let warmed = last.seconds; warmed < options.warmUpSeconds; warmed += last.seconds) {
    const wanted = countFor(options.warmUpSeconds / 2, count, last.seconds);
    count = Math.min(count * 10, Math.max(count, wanted));
    last = await run(count);
  }
  // An engine may still have become faster since: a run that was too short says how many units fit.
  for (let attempt = 1; ; attempt++) {
    count = countFor(options.seconds, count, last.seconds);
    last = await run(count);
    if (last.seconds >= options.seconds / 2 || attempt === mostAttempts) {
      return { unitsPerSecond: count / last.seconds, count, ...last };
    }
  }
}

const countFor = (seconds: number, count: number, took: number): number =>
  Math.max(1, Math.round((count * seconds) / Math.max(took, 1e-4)));
