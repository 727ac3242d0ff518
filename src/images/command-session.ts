/**
 * The command protocol: how one command runs in the default guest with its standard streams and exit status passed
 * through. The guest's side is a shell script (guest-scripts.ts), so the protocol is what a shell can speak.
 *
 * The guest's console stays on serial port 0. Three more ports, raw and binary-safe, carry the command:
 *
 * | port | Linux | to the guest | from the guest |
 * |---|---|---|---|
 * | 1 | ttyS1 | standard input | standard output, as it is |
 * | 2 | ttyS2 | | standard error, as it is |
 * | 3 | ttyS3 | | control: lines of ASCII text |
 *
 * Control lines: `want` asks for standard input. The answer on port 1 is one line with a decimal length, then so many
 * bytes; `0` is the end of input. The guest asks again when the command has taken the last piece, so at most one piece
 * is on its way, however slow the command is. `exit N` comes last, after all output has left the guest: the status as a
 * shell tells it (127: not found, 128 + n: signal n). Other lines mean nothing. Then the machine turns itself off.
 */

export const commandPorts = { input: 1, output: 1, error: 2, control: 3 } as const;

/** A piece fits in the guest's serial buffers, which drop what exceeds them. */
const pieceMaxBytes = 0x8000;
const controlLineMax = 64;

export interface CommandStreams {
  /** Sends bytes to a serial port of the guest. */
  writeToPort(port: number, bytes: Uint8Array): void;
  onOutput(stream: 'stdout' | 'stderr', bytes: Uint8Array): void;
  /** Resolves with 1 to `maxBytes` bytes of standard input, or undefined at its end. */
  readInput(maxBytes: number): Promise<Uint8Array | undefined>;
}

/** The machine stopped, or its user's input failed, before the command had ended. */
export class CommandError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`Cannot finish the command: ${reason}`, options);
    this.name = 'CommandError';
  }
}

/** The host's side of the protocol, for one run of one command. Hand it what the ports send; await `exitStatus`. */
export class CommandSession {
  readonly exitStatus: Promise<number>;
  readonly #streams: CommandStreams;
  readonly #resolve: (status: number) => void;
  readonly #reject: (error: Error) => void;
  #controlLine = '';
  #inputIsPending = false;

  constructor(streams: CommandStreams) {
    this.#streams = streams;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.exitStatus = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // Whoever runs the command may look at the status only after the machine has stopped.
    promise.catch(() => {});
  }

  /** Takes what the guest sent on a serial port. Ports of others are ignored. */
  receive(port: number, bytes: Uint8Array): void {
    if (port === commandPorts.output) this.#streams.onOutput('stdout', bytes);
    else if (port === commandPorts.error) this.#streams.onOutput('stderr', bytes);
    else if (port === commandPorts.control) this.#takeControl(bytes);
  }

  /** The machine has stopped: without an exit status, `exitStatus` rejects. */
  machineStopped(): void {
    this.#reject(new CommandError('the machine stopped before the command ended'));
  }

  #takeControl(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === 0x0a) {
        this.#takeLine(this.#controlLine.trimEnd());
        this.#controlLine = '';
      } else if (this.#controlLine.length < controlLineMax) {
        this.#controlLine += String.fromCharCode(byte);
      }
    }
  }

  #takeLine(line: string): void {
    if (line === 'want') {
      void this.#sendInput();
      return;
    }
    const status = /^exit (\d{1,3})$/.exec(line)?.[1];
    if (status !== undefined) this.#resolve(Number(status));
  }

  /** A guest that asks again before it has its answer gets one answer. */
  async #sendInput(): Promise<void> {
    if (this.#inputIsPending) return;
    this.#inputIsPending = true;
    try {
      const piece = (await this.#streams.readInput(pieceMaxBytes)) ?? new Uint8Array();
      this.#streams.writeToPort(commandPorts.input, new TextEncoder().encode(`${piece.length}\n`));
      if (piece.length > 0) this.#streams.writeToPort(commandPorts.input, piece);
    } catch (cause) {
      this.#reject(new CommandError('its standard input cannot be read', { cause }));
    } finally {
      this.#inputIsPending = false;
    }
  }
}
