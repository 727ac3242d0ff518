import type { Clock, ThreadStarter } from '../base/index.ts';
import type { BuiltInterpreter } from '../cpu/index.ts';

/** What a VM needs from the program that it runs in. Time of `nowNs` is monotonic from any beginning. */
export interface VmHost extends Clock {
  /** Calls back once the host's event loop has served what waits there. */
  yieldToHost(callback: () => void): void;
  /** Calls back when about `durationNs` have passed. Returns a function that calls it off. */
  sleep(durationNs: number, callback: () => void): () => void;
  /** Milliseconds since 1970, UTC. */
  wallClockMs(): number;
  /** 64 bits that nobody can foretell. */
  readEntropy(): bigint;
  /** Called before generated code is compiled. */
  prepareEngine?(): void;
  /** The interpreter's modules as built in advance, where there are some. */
  readonly builtInterpreter?: BuiltInterpreter;
  /** Gives back what is not in use: called when the guest is at rest after having been busy, and not often. */
  compactMemory?(): void;
  /** Starts threads, where there are some: the JIT then writes its code in one. */
  startThread?: ThreadStarter;
  /** What this program has used since it began. */
  resources(): HostResources;
}

export interface HostResources {
  readonly processorSeconds: number;
  readonly peakRssBytes: number;
}
