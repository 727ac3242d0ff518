/**
 * Compares our processor with the host's: `node src/testing/witness/run.ts --sequences 200000 --seed 1 --mode 64`.
 * `--floats`: floating point of SSE with any MXCSR. `--extensions` draws only what not every x86-64 processor has.
 * `--minutes 30 --seed 1`: all of that and the x87 in turn, on both engines, for so long.
 * `--record NAME,NAME` writes those of the vectors that tests/witness replays, as far as this host can: what is recorded
 * elsewhere stays as it is.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { WitnessMode } from './case.ts';
import type { WitnessUnit } from './encodings.ts';
import { engines } from './engines.ts';
import { Generator } from './generator.ts';
import { type HostCase, leftAddressSpace } from './host-case.ts';
import { shrink } from './live.ts';
import { runFor } from './long-run.ts';
import { WitnessMachine } from './machine.ts';
import { hostCaseOf, hostLimits, NativeHost, nativeObstacle } from './native-host.ts';
import { packRecording } from './recording.ts';
import { recordings } from './recordings.ts';
import { reportMismatch } from './report.ts';
import { Session } from './session.ts';

const { values } = parseArgs({
  options: {
    sequences: { type: 'string', default: '20000' },
    seed: { type: 'string' },
    mode: { type: 'string', default: '64,32,16' },
    units: { type: 'string', default: 'integer,sse,mmx,avx,xsave' },
    floats: { type: 'boolean', default: false },
    engine: { type: 'string', default: 'interpreter' },
    reports: { type: 'string', default: '10' },
    extensions: { type: 'boolean', default: false },
    record: { type: 'string' },
    minutes: { type: 'string' },
  },
});

const seed = Number(values.seed ?? Math.floor(Math.random() * 0x1_0000_0000));

/** Runs random cases; the number of mismatches. */
async function witness(host: NativeHost): Promise<number> {
  const units = values.units.split(',') as WitnessUnit[];
  const asked = values.mode.split(',').map((mode) => Number(mode) as WitnessMode);
  const modes = asked.filter((mode) => {
    const missing = nativeObstacle(mode, units);
    if (missing) console.log(`No ${mode}-bit code: ${missing}`);
    return !missing;
  });
  const machine = new WitnessMachine(engines[values.engine]);
  const session = new Session(host, machine);
  const share = Math.ceil(Number(values.sequences) / modes.length);
  const { floats: hasFloats, extensions } = values;
  for (const mode of modes) {
    const generator = new Generator({ mode, units, hasFloats, extensions, limits: hostLimits() });
    await session.run(generator, share, seed);
  }
  for (const mismatch of session.mismatches.slice(0, Number(values.reports))) {
    const { test, native, ours } = await shrink(mismatch, host, machine);
    console.log(`${reportMismatch(test, native, ours)}\n`);
  }
  const { completed, fault, timeout } = session.ends;
  const total = completed + fault + timeout;
  console.log(`${total} sequences, ${session.mismatches.length} mismatches (seed ${seed}, ${fault} faults)`);
  return session.mismatches.length;
}

async function record(host: NativeHost, names: readonly string[]): Promise<void> {
  const folder = join(import.meta.dirname, '../../../fixtures/witness');
  for (const { name, mode, units, sequences, hasFloats, extensions, names: asked } of recordings) {
    if (!names.includes(name)) continue;
    const missing = nativeObstacle(mode, units);
    if (missing) throw new Error(`Cannot record ${name}: ${missing}`);
    const only = asked === undefined ? undefined : new Set(asked.split(' '));
    const generator = new Generator({ mode, units, hasFloats, extensions, names: only, limits: hostLimits() });
    const pairs: HostCase[] = [];
    for (let i = 0; pairs.length < sequences; i++) {
      const pair = hostCaseOf(generator.generate((seed + i) | 0));
      if (pair) pairs.push(pair);
    }
    const natives = await host.run(pairs.map((pair) => pair.native));
    const cases = pairs.flatMap(({ native: asked, ours: test }, i) => {
      const native = natives[i];
      if (!native || native.kind === 'timeout' || (asked !== test && leftAddressSpace(native))) return [];
      return [{ test, native }];
    });
    const packed = packRecording(cases);
    writeFileSync(join(folder, `${name}.zst`), packed);
    console.log(`${name}: ${cases.length} sequences, ${packed.length} bytes`);
  }
}

const obstacle = nativeObstacle(64, values.units.split(',') as WitnessUnit[]);
if (obstacle) {
  console.error(`Cannot run the witness: ${obstacle}`);
  process.exitCode = 2;
} else {
  const host = new NativeHost();
  if (values.record !== undefined) await record(host, values.record.split(','));
  else {
    const mismatches = values.minutes
      ? await runFor(host, Number(values.minutes), seed, Number(values.reports))
      : await witness(host);
    process.exitCode = mismatches > 0 ? 1 : 0;
  }
  host.close();
}
