import { FamilyCounts } from './families.ts';
import type { Generator } from './generator.ts';
import { type Mismatch, runBoth } from './live.ts';
import type { WitnessMachine } from './machine.ts';
import { hostCaseOf, type NativeHost } from './native-host.ts';

const batch = 2000;
/** After so many nobody reads on. */
const mostMismatches = 200;

/** Cases drawn and run in batches, and what came of them. */
export class Session {
  readonly mismatches: Mismatch[] = [];
  readonly families = new FamilyCounts();
  readonly ends = { completed: 0, fault: 0, timeout: 0 };
  readonly #host: NativeHost;
  readonly #machine: WitnessMachine;

  constructor(host: NativeHost, machine: WitnessMachine) {
    this.#host = host;
    this.#machine = machine;
  }

  async run(generator: Generator, sequences: number, seed: number): Promise<void> {
    for (let done = 0; done < sequences && this.mismatches.length < mostMismatches; done += batch) {
      const count = Math.min(batch, sequences - done);
      const drawn = Array.from({ length: count }, (_, i) => generator.generate((seed + done + i) | 0));
      const cases = drawn.filter((test) => hostCaseOf(test));
      const { natives, mismatches } = await runBoth(cases, this.#host, this.#machine);
      for (const test of cases) this.families.add(test);
      for (const { kind } of natives) this.ends[kind]++;
      this.mismatches.push(...mismatches);
    }
  }
}
