import type { Clock } from '../base/index.ts';

/** The guest's time: nanoseconds since the VM was created, less the time that it was paused. */
export class VmClock implements Clock {
  readonly #host: Clock;
  #beginNs: number;
  #pausedAtNs: number | undefined;

  constructor(host: Clock) {
    this.#host = host;
    this.#beginNs = host.nowNs();
  }

  nowNs(): number {
    return (this.#pausedAtNs ?? this.#host.nowNs()) - this.#beginNs;
  }

  pause(): void {
    this.#pausedAtNs ??= this.#host.nowNs();
  }

  resume(): void {
    if (this.#pausedAtNs === undefined) return;
    this.#beginNs += this.#host.nowNs() - this.#pausedAtNs;
    this.#pausedAtNs = undefined;
  }
}
