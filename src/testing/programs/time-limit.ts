import { readFileSync } from 'node:fs';
import { processorSeconds } from '../processor-seconds.ts';

const checkMs = 250;
/** No more is counted at once: whoever stops the guest for a while stops this program, too. */
const longestCheckSeconds = (2 * checkMs) / 1000;

/**
 * Tells when a process has taken too long over something. Counted is the time that it ran on a processor or slept; not
 * that it was stopped, or waited for a processor while others had it. On Linux; elsewhere all time is.
 */
export class TimeLimit {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #taken = 0;
  #lastMs = performance.now();
  #lastProcessorSeconds = 0;

  constructor(pid: number, seconds: number, onTaken: () => void) {
    this.#pid = pid;
    this.#timer = setInterval(() => {
      this.#count();
      if (this.#taken < seconds) return;
      this.stop();
      onTaken();
    }, checkMs);
  }

  /** How many seconds it has taken since the beginning, or since this was asked. */
  restart(): number {
    this.#count();
    const taken = this.#taken;
    this.#taken = 0;
    return taken;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #count(): void {
    const nowMs = performance.now();
    const passed = Math.min((nowMs - this.#lastMs) / 1000, longestCheckSeconds);
    this.#lastMs = nowMs;
    if (process.platform !== 'linux') {
      this.#taken += passed;
      return;
    }
    try {
      const used = processorSeconds(this.#pid);
      // Threads that have ended are no longer counted.
      this.#taken += isAsleep(this.#pid) ? passed : Math.max(0, used - this.#lastProcessorSeconds);
      this.#lastProcessorSeconds = used;
    } catch {
      // It has just ended.
    }
  }
}

/** Its first thread waits for something (proc(5), the state in /proc/pid/stat). */
const isAsleep = (pid: number): boolean => /\) [SD] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
