import type { SerialBackend } from '../machine/devices/index.ts';

const outputPieceBytes = 4096;

export interface SerialPipeOptions {
  /** Takes what the guest sends, gathered: at the latest when the VM next lets the host work. */
  readonly onOutput?: ((bytes: Uint8Array) => void) | undefined;
  /** Called when the guest has taken all input that was sent. */
  readonly onInputTaken?: (() => void) | undefined;
}

/** A serial port's host end for programs: `send` what the guest shall read, be told what it writes. */
export class SerialPipe implements SerialBackend {
  readonly #options: SerialPipeOptions;
  #input: Uint8Array[] = [];
  #inputBytes = 0;
  #onReadable: () => void = () => {};
  #output = new Uint8Array(outputPieceBytes);
  #outputBytes = 0;

  constructor(options: SerialPipeOptions = {}) {
    this.#options = options;
  }

  /** Bytes that were sent and not read yet. */
  get waitingBytes(): number {
    return this.#inputBytes;
  }

  send(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#input.push(bytes);
    this.#inputBytes += bytes.length;
    this.#onReadable();
  }

  read(max: number): Uint8Array {
    const first = this.#input[0];
    if (first === undefined) return new Uint8Array();
    const taken = Uint8Array.from(first.subarray(0, max));
    if (taken.length === first.length) this.#input.shift();
    else this.#input[0] = first.subarray(taken.length);
    this.#inputBytes -= taken.length;
    if (this.#inputBytes === 0) this.#options.onInputTaken?.();
    // A short answer means that nothing is left: see SerialBackend.onReadable.
    if (taken.length === max || this.#input.length === 0) return taken;
    return joined(taken, this.read(max - taken.length));
  }

  write(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#outputBytes === 0) queueMicrotask(() => this.#flush());
      this.#output[this.#outputBytes++] = byte;
      if (this.#outputBytes === outputPieceBytes) this.#flush();
    }
  }

  onReadable(callback: () => void): void {
    this.#onReadable = callback;
  }

  #flush(): void {
    if (this.#outputBytes === 0) return;
    const bytes = this.#output.slice(0, this.#outputBytes);
    this.#outputBytes = 0;
    this.#options.onOutput?.(bytes);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
