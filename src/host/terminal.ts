import type { ReadStream } from 'node:tty';

/** The user's terminal in raw mode: each key goes to the guest. It is given back in every exit of the program. */
export class RawTerminal {
  readonly #input: ReadStream;
  readonly #restore = (): void => {
    this.#setRaw(false);
  };
  /** Whoever stopped us has set the terminal to its own liking. */
  readonly #enterAgain = (): void => {
    this.#setRaw(false);
    this.#setRaw(true);
  };

  constructor(input: ReadStream) {
    this.#input = input;
    process.on('exit', this.#restore);
    process.on('SIGCONT', this.#enterAgain);
    this.#setRaw(true);
  }

  restore(): void {
    process.off('exit', this.#restore);
    process.off('SIGCONT', this.#enterAgain);
    this.#restore();
  }

  /**
   * Node leaves the terminal's output processing on, which makes CR LF of each LF: the guest's full-screen programs mean
   * a bare LF. Leaving raw mode restores all. A terminal that has hung up cannot be set, and need not.
   */
  #setRaw(isRaw: boolean): void {
    try {
      this.#input.setRawMode(isRaw);
      if (isRaw) translateNothing();
    } catch {}
  }
}

function translateNothing(): void {
  // Loaded here, as most runs have no terminal.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
}
