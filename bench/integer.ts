import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchOptions } from './boot.ts';
import { bareIntegerLoop, instructionsPerIteration, nativeIntegerLoop } from './integer-loop.ts';
import { type EngineOfBench, mezzCommand, qemuCommand } from './machines.ts';
import { failure, measuredRun } from './measured-run.ts';
import { type Row, ratios, sample, sampleIfAny } from './row.ts';

/** What every subject runs first, to be taken off: its start, and the compiler's first work on hot code. */
const warmUpIterations = 4_000_000;
const measuredIterations = { mezz: 15_000_000, qemu: 100_000_000, native: 200_000_000 };
const targetRate = 60;
const timeoutSeconds = 300;

interface Subject {
  readonly name: keyof typeof measuredIterations;
  program(iterations: number): Uint8Array;
  command(path: string): readonly string[];
}

const mezz = (engine: EngineOfBench): Subject => ({
  name: 'mezz',
  program: bareIntegerLoop,
  command: (kernel) => mezzCommand({ kernel }, { engine }),
});
const qemu: Subject = { name: 'qemu', program: bareIntegerLoop, command: (kernel) => qemuCommand({ kernel }) };
const native: Subject = { name: 'native', program: nativeIntegerLoop, command: (path) => [path] };

interface Measured {
  /** Million instructions a second of processor time. */
  readonly rate: number;
  /** The program's result after the warm-up, the same whatever runs it. */
  readonly result: number;
}

/** An integer loop without a kernel below it; its rate is that between a short and a long run. */
export async function benchInteger(options: BenchOptions): Promise<Row> {
  const subjects = [mezz(options.engine)];
  if (options.hasQemu) subjects.push(qemu);
  if (process.platform === 'linux' && process.arch === 'x64') subjects.push(native);
  const rates: Record<Subject['name'], number[]> = { mezz: [], qemu: [], native: [] };
  const results = new Set<number>();
  for (let i = 0; i < options.repetitions; i++) {
    for (const subject of subjects) {
      const { rate, result } = await measure(subject, options.folder);
      rates[subject.name].push(rate);
      results.add(result);
    }
  }
  if (results.size > 1) {
    throw new Error(`Cannot compare the integer loop: its results differ, ${[...results].join(', ')}`);
  }
  return {
    id: 'integer-loop',
    title: 'integer loop',
    unit: 'M instr/s',
    mezz: sample(rates.mezz),
    qemu: sampleIfAny(rates.qemu),
    native: sampleIfAny(rates.native),
    ratio: ratios(rates.mezz, rates.qemu),
    target: { atLeast: targetRate },
  };
}

async function measure(subject: Subject, folder: string): Promise<Measured> {
  const iterations = measuredIterations[subject.name];
  const short = await run(subject, folder, warmUpIterations);
  const long = await run(subject, folder, warmUpIterations + iterations);
  const seconds = long.processorSeconds - short.processorSeconds;
  return { rate: (iterations * instructionsPerIteration) / seconds / 1e6, result: short.status };
}

async function run(subject: Subject, folder: string, iterations: number) {
  const path = join(folder, `integer-loop-${subject.name}`);
  await writeFile(path, subject.program(iterations));
  await chmod(path, 0o755);
  const command = subject.command(path);
  const measured = await measuredRun(command, { timeoutSeconds });
  // The result's low bit is always set, and it is below 128, where no shell puts the death of a program.
  if (measured.status % 2 === 0 || measured.status > 127) {
    throw failure(command, `it ended with status ${measured.status}`, measured.output);
  }
  return measured;
}
