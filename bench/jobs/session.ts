import { type ChildProcess, spawn } from 'node:child_process';
import { endWithUs } from '../end-with-us.ts';
import { failure } from '../measured-run.ts';

/** A program that a job runs (see programs/init.c). */
export interface Job {
  readonly name: string;
  /** How often it is run; 0 is for a program that runs once and prints "begin" when its preparations are done. */
  readonly repetitions: number;
  readonly words: readonly string[];
}

export interface JobResult {
  /** By the host's clock, from the guest's line "begin" to its line "end". */
  readonly seconds: number;
  readonly checksum: string;
}

/** The program failed, the machine goes on. */
export class JobError extends Error {
  constructor(name: string, reason: string) {
    super(`Cannot run program "${name}": ${reason}`);
    this.name = 'JobError';
  }
}

interface Line {
  readonly text: string;
  readonly atMs: number;
}

const prefix = 'mezz-bench: ';
const keptOutput = 4096;

/** A machine whose first process is the job runner, with its console on our pipes. */
export class Session {
  readonly #command: readonly string[];
  readonly #child: ChildProcess;
  readonly #lines: Line[] = [];
  #output = '';
  #partial = '';
  #isClosed = false;
  #wake = (): void => {};

  private constructor(command: readonly string[]) {
    const [program = '', ...args] = command;
    this.#command = command;
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    endWithUs(this.#child);
    this.#child.stdout?.on('data', (bytes: Buffer) => this.#take(bytes.toString('latin1')));
    this.#child.stderr?.on('data', (bytes: Buffer) => this.#keep(bytes.toString()));
    // A machine that ends early shows itself by the missing answer.
    this.#child.stdin?.on('error', () => {});
    const close = (): void => {
      this.#isClosed = true;
      this.#wake();
    };
    this.#child.on('error', (error) => {
      this.#keep(error.message);
      close();
    });
    this.#child.on('close', close);
  }

  /** Starts a machine and waits until its job runner is ready. */
  static async start(command: readonly string[], timeoutSeconds: number): Promise<Session> {
    const session = new Session(command);
    try {
      await session.#expect(/^ready /, timeoutSeconds);
      return session;
    } catch (error) {
      session.kill();
      throw error;
    }
  }

  /** Of the machine's process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Throws JobError when the program fails, another error when the machine does. */
  async run({ name, repetitions, words }: Job, timeoutSeconds: number): Promise<JobResult> {
    this.#child.stdin?.write(`${[name, repetitions, ...words].join('\t')}\n`);
    const begin = await this.#answer(/^begin /, name, timeoutSeconds);
    const end = await this.#answer(/^end /, name, timeoutSeconds);
    return { seconds: (end.atMs - begin.atMs) / 1000, checksum: end.text.split(' ')[2] ?? '' };
  }

  /** Lets the machine turn itself off; after the timeout it is killed. */
  async stop(timeoutSeconds: number): Promise<void> {
    this.#child.stdin?.write('\n');
    await this.#changed(timeoutSeconds * 1000, () => this.#isClosed);
    this.kill();
  }

  kill(): void {
    if (!this.#isClosed) this.signal('SIGKILL');
  }

  /** Sends a signal to all of the machine's processes. */
  signal(name: NodeJS.Signals): void {
    if (this.#child.pid !== undefined && !this.#isClosed) process.kill(-this.#child.pid, name);
  }

  #take(text: string): void {
    const atMs = performance.now();
    this.#keep(text);
    const lines = (this.#partial + text).split(/\r?\n/);
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      const at = line.indexOf(prefix);
      if (at >= 0) this.#lines.push({ text: line.slice(at + prefix.length), atMs });
    }
    this.#wake();
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-keptOutput);
  }

  async #answer(pattern: RegExp, name: string, timeoutSeconds: number): Promise<Line> {
    const line = await this.#expect(/^(begin|end|failed) /, timeoutSeconds);
    if (pattern.test(line.text)) return line;
    throw new JobError(name, line.text);
  }

  async #expect(pattern: RegExp, timeoutSeconds: number): Promise<Line> {
    await this.#changed(timeoutSeconds * 1000, () => this.#lines.length > 0 || this.#isClosed);
    const line = this.#lines.shift();
    if (line && pattern.test(line.text)) return line;
    const reason = line ? `it said "${line.text}"` : this.#isClosed ? 'it ended' : `no answer in ${timeoutSeconds} s`;
    this.kill();
    throw failure(this.#command, reason, this.#output);
  }

  /** Waits until something is true, or until the timeout. */
  async #changed(timeoutMs: number, isTrue: () => boolean): Promise<void> {
    const lateMs = performance.now() + timeoutMs;
    while (!isTrue() && performance.now() < lateMs) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lateMs - performance.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
