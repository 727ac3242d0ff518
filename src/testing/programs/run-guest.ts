import { spawn } from 'node:child_process';
import { marker, type PlacedProgram } from './guest-script.ts';
import { type Ending, type Outcome, outcomeOf } from './outcome.ts';

/** What a run of a guest came to. */
export interface GuestRun {
  readonly outcomes: readonly Outcome[];
  /** From the start of the machine to its end. */
  readonly seconds: number;
  /** What the machine and the guest said outside of programs. */
  readonly remarks: string;
}

const keptBytes = 1 << 20;

/** Runs the command of a machine whose guest runs the programs (see guest-script.ts), and judges what they print. */
export async function runGuest(
  command: readonly string[],
  programs: readonly PlacedProgram[],
  timeoutSeconds: number,
  onOutcome: (outcome: Outcome) => void = () => {},
): Promise<GuestRun> {
  const begin = performance.now();
  const log = new RunLog((index, ending) => {
    const program = programs[index];
    if (program) onOutcome(outcomeOf(program, ending));
  });
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.on('exit', kill);
  const timer = setTimeout(() => {
    log.remark(`it was stopped after ${timeoutSeconds} s`);
    kill();
  }, timeoutSeconds * 1000);
  child.stdout.on('data', (bytes: Buffer) => log.take(bytes.toString('latin1')));
  child.stderr.on('data', (bytes: Buffer) => log.remark(bytes.toString()));
  await new Promise<void>((resolve) => {
    child.on('error', (error) => {
      log.remark(error.message);
      resolve();
    });
    child.on('close', (status, signal) => {
      if (status !== 0) log.remark(`the machine ended with ${signal ?? `status ${status}`}`);
      resolve();
    });
  });
  clearTimeout(timer);
  process.off('exit', kill);
  const endings = log.end();
  return {
    outcomes: programs.map((one, index) =>
      outcomeOf(one, endings.get(index) ?? { output: '', status: undefined, seconds: 0 }),
    ),
    seconds: (performance.now() - begin) / 1000,
    remarks: log.remarks,
  };
}

/** Cuts a guest's console into what each program printed. */
class RunLog {
  remarks = '';
  readonly #endings = new Map<number, Ending>();
  readonly #onEnding: (index: number, ending: Ending) => void;
  #partial = '';
  #current: { readonly index: number; readonly begin: number; output: string } | undefined;

  constructor(onEnding: (index: number, ending: Ending) => void) {
    this.#onEnding = onEnding;
  }

  take(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#takeLine(line.replace(/\r$/, ''));
  }

  remark(text: string): void {
    this.remarks = `${this.remarks}${text}${text.endsWith('\n') ? '' : '\n'}`.slice(-keptBytes);
  }

  end(): ReadonlyMap<number, Ending> {
    if (this.#partial) this.#takeLine(this.#partial);
    this.#finish(undefined);
    return this.#endings;
  }

  #takeLine(line: string): void {
    const [, what, index, status] = new RegExp(`^${marker} (begin|end) (\\d+) ?(\\d*)$`).exec(line) ?? [];
    if (what === 'begin') this.#current = { index: Number(index), begin: performance.now(), output: '' };
    else if (what === 'end') this.#finish(Number(status));
    else if (this.#current) this.#current.output = `${this.#current.output}${line}\n`.slice(-keptBytes);
    else this.remark(line);
  }

  #finish(status: number | undefined): void {
    if (!this.#current) return;
    const { index, begin, output } = this.#current;
    // The runner ends what a program prints with one more line feed.
    const ending = { output: output.replace(/\n$/, ''), status, seconds: (performance.now() - begin) / 1000 };
    this.#endings.set(index, ending);
    this.#current = undefined;
    this.#onEnding(index, ending);
  }
}
