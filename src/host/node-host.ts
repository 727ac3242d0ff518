import { randomFillSync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { builtInterpreter } from './built-interpreter.ts';
import { tuneWasm } from './engine-flags.ts';
import { startThread } from './threads.ts';

/** The globals are getters, which every RDTSC would run. `hrtime` is the same clock as `performance`, read faster. */
const { performance } = globalThis;
const { hrtime } = process;

/**
 * Processors from which on code is translated in a thread of its own: with two, V8's compiler needs the second one (figures in
 * docs/decisions/0002-regions.md).
 */
const threadedFrom = 3;

/** The clock, the scheduler and the accounts that a VM gets from Node (structurally vm's VmHost). */
export const nodeHost = {
  nowNs(): number {
    const [seconds, nanoseconds] = hrtime();
    return seconds * 1e9 + nanoseconds;
  },

  prepareEngine: tuneWasm,

  ...(builtInterpreter && { builtInterpreter }),

  ...(availableParallelism() >= threadedFrom && { startThread }),

  wallClockMs: (): number => Date.now(),

  readEntropy: (): bigint => randomFillSync(entropy)[0] ?? 0n,

  yieldToHost(callback: () => void): void {
    setImmediate(callback);
  },

  /**
   * Node's timers count whole milliseconds and round down. The rest of a sleep blocks the thread, for about a millisecond
   * at most, after the event loop has had its turn.
   */
  sleep(durationNs: number, callback: () => void): () => void {
    const wholeMs = Math.min(Math.floor(durationNs / 1e6), timeoutMaxMs);
    const dueMs = performance.now() + durationNs / 1e6;
    const end = (): void => {
      const restMs = dueMs - performance.now();
      if (restMs > 0 && restMs < longestBlockMs) Atomics.wait(neverNotified, 0, 0, restMs);
      callback();
    };
    if (wholeMs > 0) {
      const timeout = setTimeout(end, wholeMs);
      return () => clearTimeout(timeout);
    }
    const immediate = setImmediate(end);
    return () => clearImmediate(immediate);
  },

  resources: (): { processorSeconds: number; peakRssBytes: number } => {
    const { user, system } = process.cpuUsage();
    return { processorSeconds: (user + system) / 1e6, peakRssBytes: process.resourceUsage().maxRSS * 1024 };
  },
};

const entropy = new BigUint64Array(1);
const timeoutMaxMs = 0x7fffffff;
const longestBlockMs = 2;
const neverNotified = new Int32Array(new SharedArrayBuffer(4));
