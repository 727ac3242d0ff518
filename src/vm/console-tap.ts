import type { Clock } from '../base/index.ts';
import type { SerialBackend } from '../machine/devices/index.ts';
import { PanicWatch } from './panic-watch.ts';

/** Listens in on the guest's console: when it first spoke, when it last did, and whether it panicked. */
export class ConsoleTap implements SerialBackend {
  readonly panic = new PanicWatch();
  firstByteNs: number | undefined;
  lastByteNs = 0;
  readonly #backend: SerialBackend;
  readonly #clock: Clock;

  constructor(backend: SerialBackend, clock: Clock) {
    this.#backend = backend;
    this.#clock = clock;
  }

  read(max: number): Uint8Array {
    return this.#backend.read(max);
  }

  write(bytes: Uint8Array): void {
    this.lastByteNs = this.#clock.nowNs();
    this.firstByteNs ??= this.lastByteNs;
    this.panic.take(bytes);
    this.#backend.write(bytes);
  }

  onReadable(callback: () => void): void {
    this.#backend.onReadable(callback);
  }
}
