import { ReadStream } from 'node:tty';
import { SerialPipe } from '../backends/index.ts';
import type { SerialBackend } from '../machine/devices/index.ts';
import { EscapeKeys, escapeKeysHelp } from './escape-keys.ts';
import { HostInput } from './host-input.ts';
import { HostOutput, type OutputFlow } from './host-output.ts';
import { RawTerminal } from './terminal.ts';

export interface StdioSerialOptions extends OutputFlow {
  /** The user typed Ctrl-A x. */
  readonly onQuit: () => void;
}

const readBytes = 4096;
const newline = 0x0a;
/** What may wait for a guest that doesn't read: beyond it a pipe is not read, and a terminal's keys are lost. */
const waitingMaxBytes = 1 << 16;

/** A serial port on standard input and output; a terminal is set to raw mode and has its escape keys. */
export class StdioSerial {
  readonly backend: SerialBackend;
  readonly #pipe: SerialPipe;
  readonly #input = new HostInput(() => process.stdin);
  readonly #output: HostOutput;
  readonly #escapeKeys: EscapeKeys;
  readonly #isTerminal = process.stdin instanceof ReadStream && process.stdin.isTTY;
  #terminal: RawTerminal | undefined;
  #isAtLineStart = true;
  #onInputTaken: () => void = () => {};

  constructor(options: StdioSerialOptions) {
    this.#output = new HostOutput(process.stdout, options);
    this.#pipe = new SerialPipe({
      onOutput: (bytes) => {
        this.#isAtLineStart = bytes.at(-1) === newline;
        this.#output.write(bytes);
      },
      onInputTaken: () => this.#onInputTaken(),
    });
    this.backend = this.#pipe;
    this.#escapeKeys = new EscapeKeys({ onQuit: options.onQuit, onHelp: () => this.#note(escapeKeysHelp) });
  }

  get isTerminal(): boolean {
    return this.#isTerminal;
  }

  /** Takes the terminal and begins to pass input on. */
  open(): void {
    if (this.#isTerminal) {
      this.#terminal = new RawTerminal(process.stdin);
      this.#note(['Ctrl-A x quits, Ctrl-A ? explains.']);
    }
    void this.#passInput();
  }

  /** Gives the terminal back; resolves when all output is out. */
  async close(): Promise<void> {
    if (this.#terminal && !this.#isAtLineStart) this.#note(['']);
    this.#terminal?.restore();
    this.#input.close();
    await this.#output.flushed();
  }

  /** Input that fails has ended: a terminal that hung up, for instance. */
  async #passInput(): Promise<void> {
    for (;;) {
      const bytes = await this.#input.read(readBytes).catch(() => undefined);
      if (!bytes) return;
      if (this.#isTerminal) this.#passKeys(this.#escapeKeys.filter(bytes));
      else await this.#passPiped(bytes);
    }
  }

  #passKeys(keys: Uint8Array): void {
    if (this.#pipe.waitingBytes + keys.length <= waitingMaxBytes) this.#pipe.send(keys);
  }

  async #passPiped(bytes: Uint8Array): Promise<void> {
    this.#pipe.send(bytes);
    if (this.#pipe.waitingBytes < waitingMaxBytes) return;
    await new Promise<void>((resolve) => {
      this.#onInputTaken = resolve;
    });
  }

  #note(lines: readonly string[]): void {
    this.#isAtLineStart = true;
    for (const line of lines) process.stderr.write(`${line}\r\n`);
  }
}
