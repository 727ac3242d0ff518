import { spawn } from 'node:child_process';
import { marker, type PlacedProgram } from './guest-script.ts';
import { type Ending, type Outcome, outcomeOf } from './outcome.ts';
import { TimeLimit } from './time-limit.ts';

/** What a run of a guest came to. */
export interface GuestRun {
  /** Of the programs that had their turn. */
  readonly outcomes: readonly Outcome[];
  /** What the machine and the guest said outside of programs. */
  readonly remarks: string;
}

const keptBytes = 1 << 20;

/**
 * Runs the command of a machine whose guest runs the programs (see guest-script.ts), and judges what they print. A guest
 * that takes more than the limit to start, or over one program, is stopped.
 */
export async function runGuest(
  command: readonly string[],
  programs: readonly PlacedProgram[],
  limitSeconds: number,
  onOutcome: (outcome: Outcome) => void = () => {},
): Promise<GuestRun> {
  const outcomes: Outcome[] = [];
  const [path = '', ...args] = command;
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.on('exit', kill);
  let isLate = false;
  const limit = new TimeLimit(child.pid ?? 0, limitSeconds, () => {
    isLate = true;
    log.remark(`it was stopped after ${limitSeconds} s`);
    kill();
  });
  const log = new RunLog({
    onBegin: () => limit.restart(),
    onEnding: (index, printed) => {
      const seconds = limit.restart();
      const program = programs[index];
      if (!program) return;
      const outcome = outcomeOf(program, { ...printed, seconds, limitSeconds: isLate ? limitSeconds : undefined });
      outcomes.push(outcome);
      onOutcome(outcome);
    },
  });
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
  limit.stop();
  process.off('exit', kill);
  log.end();
  return { outcomes, remarks: log.remarks };
}

interface RunHooks {
  readonly onBegin: () => void;
  readonly onEnding: (index: number, printed: Pick<Ending, 'output' | 'status'>) => void;
}

/** Cuts a guest's console into what each program printed. */
class RunLog {
  remarks = '';
  readonly #hooks: RunHooks;
  #partial = '';
  #current: { readonly index: number; output: string } | undefined;

  constructor(hooks: RunHooks) {
    this.#hooks = hooks;
  }

  take(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#takeLine(line.replace(/\r$/, ''));
  }

  remark(text: string): void {
    this.remarks = `${this.remarks}${text}${text.endsWith('\n') ? '' : '\n'}`.slice(-keptBytes);
  }

  /** Nothing more will come: a program that has not ended will not. */
  end(): void {
    if (this.#partial) this.#takeLine(this.#partial);
    this.#finish(undefined);
  }

  #takeLine(line: string): void {
    const [, what, index, status] = new RegExp(`^${marker} (begin|end) (\\d+) ?(\\d*)$`).exec(line) ?? [];
    if (what === 'begin') {
      this.#current = { index: Number(index), output: '' };
      this.#hooks.onBegin();
    } else if (what === 'end') this.#finish(Number(status));
    else if (this.#current) this.#current.output = `${this.#current.output}${line}\n`.slice(-keptBytes);
    else this.remark(line);
  }

  #finish(status: number | undefined): void {
    if (!this.#current) return;
    const { index, output } = this.#current;
    this.#current = undefined;
    // The runner ends what a program prints with one more line feed.
    this.#hooks.onEnding(index, { output: output.replace(/\n$/, ''), status });
  }
}
