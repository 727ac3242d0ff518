import type { Place } from '../jobs/place.ts';
import { JobError, type Session } from '../jobs/session.ts';
import { isGone, type MemoryMeter } from '../memory-meter.ts';
import type { Work } from './work.ts';

/** What became of one program. */
export interface WorkDone {
  readonly name: string;
  runs: number;
  units: number;
  seconds: number;
  failures: string[];
}

/** What is run, and where the guest has it. */
export interface LongWork {
  readonly work: readonly Work[];
  readonly place: Place;
}

/** A look at the machine's process. */
export interface MemorySample {
  readonly atSeconds: number;
  /** The resident set less the guest's pages. */
  readonly overheadBytes: number;
}

const jobSeconds = 1.5;
const jobTimeoutSeconds = 180;
const sampleMs = 1000;

/** Runs the work in turn until the time is over; `memory` is looked at every second. */
export async function runLong(
  session: Session,
  { work, place }: LongWork,
  seconds: number,
  memory: MemoryMeter | undefined,
): Promise<{ done: readonly WorkDone[]; samples: readonly MemorySample[] }> {
  const beginMs = performance.now();
  const elapsed = (): number => (performance.now() - beginMs) / 1000;
  const samples: MemorySample[] = [];
  const timer = setInterval(() => {
    try {
      if (memory) samples.push({ atSeconds: elapsed(), overheadBytes: memory.sample() });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }, sampleMs);
  const turns = work.map((one) => new Turn(one, place));
  try {
    while (elapsed() < seconds) {
      for (const turn of turns) if (elapsed() < seconds) await turn.run(session);
    }
  } finally {
    clearInterval(timer);
  }
  return { done: turns.map(({ done }) => done), samples };
}

/** A program's turns: as many units at a time as take a second or two. */
class Turn {
  readonly done: WorkDone;
  readonly #program: Work['program'];
  readonly #place: Place;
  readonly #checksum: string;
  #count = 1;

  constructor({ program, checksum }: Work, place: Place) {
    this.#program = program;
    this.#place = place;
    this.#checksum = checksum;
    this.done = { name: program.name, runs: 0, units: 0, seconds: 0, failures: [] };
  }

  /** What the program does wrong is noted; the machine's end is thrown. */
  async run(session: Session): Promise<void> {
    const job = { name: this.done.name, ...this.#program.job(this.#place, this.#count) };
    try {
      const { seconds, checksum } = await session.run(job, jobTimeoutSeconds);
      if (checksum !== this.#checksum) this.done.failures.push(`${checksum}, not ${this.#checksum}`);
      this.done.runs++;
      this.done.units += this.#count;
      this.done.seconds += seconds;
      const fitting = (this.#count * jobSeconds) / Math.max(seconds, 1e-3);
      this.#count = Math.max(1, Math.round(Math.min(fitting, this.#count * 10)));
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      this.done.failures.push(error.message);
    }
  }
}
