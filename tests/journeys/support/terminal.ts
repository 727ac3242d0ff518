import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

/** Why tests that need a terminal are skipped, or false: `script` of util-linux makes one. */
export const wantsTerminal = (): string | false =>
  spawnSync('script', ['--version']).status === 0 ? false : 'there is no "script" command to make a terminal';

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** A program on a pseudo-terminal, as a user has it. */
export class Terminal {
  /** All that came on the screen. */
  screen = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #seen = 0;
  #onOutput: () => void = () => {};

  /** `after` is a shell command that runs on the same terminal when the program has ended. */
  constructor(command: readonly string[], options: { rows: number; columns: number; after: string }) {
    const { rows, columns, after } = options;
    const program = `stty rows ${rows} cols ${columns}; ${command.map(quoted).join(' ')}; s=$?; ${after}; exit $s`;
    this.#child = spawn('script', ['-qefc', program, '/dev/null'], { stdio: 'pipe' });
    this.#child.stdout?.on('data', (bytes) => {
      this.screen += bytes;
      this.#onOutput();
    });
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (status) => {
        resolve(status);
        this.#onOutput();
      });
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Resolves with what came since the last call up to the end of a match. Rejects when the program ends without it. */
  async until(pattern: RegExp): Promise<string> {
    const isOver = this.#ended.then(() => true);
    for (;;) {
      const fresh = this.screen.slice(this.#seen);
      const match = pattern.exec(fresh);
      if (match) {
        const end = match.index + match[0].length;
        this.#seen += end;
        return fresh.slice(0, end);
      }
      const more = new Promise<false>((resolve) => {
        this.#onOutput = () => resolve(false);
      });
      if ((await Promise.race([more, isOver])) && !pattern.test(this.screen.slice(this.#seen))) {
        throw new Error(`The program ended before ${pattern}; the screen is:\n${this.screen}`);
      }
    }
  }

  /** Hangs up. */
  close(): void {
    this.#child.kill();
  }

  /** Resolves with the exit status, when the program has ended. */
  ended(): Promise<number | null> {
    return this.#ended;
  }
}
