import { type Profiler, Session } from 'node:inspector';

export interface SampledFrame {
  readonly functionName: string;
  /** Of a module's file, or of Wasm (`wasm://...`); empty for what V8 does itself. */
  readonly url: string;
}

const intervalUs = 1000;
/** Samples are summed up this often: V8 keeps all of them until then. */
const roundMs = 5000;

/**
 * Where this program spends its time, by V8's sampling profiler: a thousand times a second it looks at the stack, and what
 * runs is slowed down a little by that.
 */
export class TimeSampler {
  readonly intervalMs = intervalUs / 1000;
  readonly #classify: (stack: readonly SampledFrame[]) => string;
  readonly #session = new Session();
  readonly #microseconds = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  /** `classify` names what a stack, the innermost frame first, spends its time for. */
  constructor(classify: (stack: readonly SampledFrame[]) => string) {
    this.#classify = classify;
  }

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.setSamplingInterval', { interval: intervalUs });
    this.#session.post('Profiler.start');
    this.#timer = setInterval(() => {
      this.#harvest();
      this.#session.post('Profiler.start');
    }, roundMs).unref();
  }

  /** Seconds by name, the most first. */
  stop(): Readonly<Record<string, number>> {
    clearInterval(this.#timer);
    this.#harvest();
    this.#session.disconnect();
    const byTime = [...this.#microseconds].sort(([, a], [, b]) => b - a);
    return Object.fromEntries(byTime.map(([name, microseconds]) => [name, microseconds / 1e6]));
  }

  #harvest(): void {
    // Within one thread the answer comes at once.
    this.#session.post('Profiler.stop', (error, { profile } = {} as Profiler.StopReturnType) => {
      if (error) throw error;
      this.#addUp(profile);
    });
  }

  #addUp({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): void {
    const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
    const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
    const names = new Map<number, string>();
    const nameOf = (id: number): string => {
      const known = names.get(id);
      if (known !== undefined) return known;
      const stack: SampledFrame[] = [];
      for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
        const frame = frames.get(at);
        if (frame) stack.push(frame);
      }
      const name = this.#classify(stack);
      names.set(id, name);
      return name;
    };
    samples.forEach((id, i) => {
      const name = nameOf(id);
      // The clock of the samples may go back a little.
      const microseconds = Math.max(0, timeDeltas[i] ?? 0);
      this.#microseconds.set(name, (this.#microseconds.get(name) ?? 0) + microseconds);
    });
  }
}
