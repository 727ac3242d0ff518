import type { Writable } from 'node:stream';

const fullBytes = 1 << 20;
const drainedBytes = 1 << 16;

export interface OutputFlow {
  /** More is waiting than the reader takes: stop writing until `onDrained`. */
  readonly onFull: () => void;
  readonly onDrained: () => void;
  /** The reader is gone. */
  readonly onClosed: () => void;
}

/** Standard output or error, with a bound on what waits there. */
export class HostOutput {
  readonly #stream: Writable;
  readonly #flow: OutputFlow;
  #waitingBytes = 0;
  #isFull = false;
  #isClosed = false;
  #onEmpty: (() => void)[] = [];

  constructor(stream: Writable, flow: OutputFlow) {
    this.#stream = stream;
    this.#flow = flow;
    stream.on('error', () => this.#close());
  }

  write(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#waitingBytes += bytes.length;
    this.#stream.write(bytes, () => this.#written(bytes.length));
    if (this.#waitingBytes <= fullBytes || this.#isFull) return;
    this.#isFull = true;
    this.#flow.onFull();
  }

  /** Resolves when all that was written is with the reader. */
  flushed(): Promise<void> {
    if (this.#waitingBytes === 0 || this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  #written(length: number): void {
    this.#waitingBytes -= length;
    if (this.#isFull && this.#waitingBytes <= drainedBytes) this.#drain();
    if (this.#waitingBytes === 0) this.#tellEmpty();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isFull) this.#drain();
    this.#tellEmpty();
    this.#flow.onClosed();
  }

  #drain(): void {
    this.#isFull = false;
    this.#flow.onDrained();
  }

  #tellEmpty(): void {
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
