import type { VmHost } from './vm-host.ts';

/** With nothing to wait for but a wake-up, looks around this often; it also keeps the host program alive. */
const longestSleepNs = 3600e9;

/** Sleeping that a wake-up ends, also one that came just before. */
export class Sleeper {
  readonly #host: VmHost;
  #isAwake = false;
  #end: (() => void) | undefined;
  /** Times that it slept. */
  sleeps = 0;

  constructor(host: VmHost) {
    this.#host = host;
  }

  /** True when `wake` was called since `reset`. */
  get isAwake(): boolean {
    return this.#isAwake;
  }

  /** Forgets earlier wake-ups: call it before looking for work. */
  reset(): void {
    this.#isAwake = false;
  }

  wake(): void {
    this.#isAwake = true;
    this.#end?.();
  }

  /** Resolves at a wake-up, or after `durationNs`. */
  sleep(durationNs = longestSleepNs): Promise<void> {
    if (this.#isAwake) return new Promise((resolve) => this.#host.yieldToHost(resolve));
    this.sleeps++;
    return new Promise((resolve) => {
      const cancel = this.#host.sleep(Math.min(durationNs, longestSleepNs), () => this.#end?.());
      this.#end = () => {
        this.#end = undefined;
        cancel();
        resolve();
      };
    });
  }
}
