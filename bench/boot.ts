import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bootMarker } from './first-process.ts';
import { type EngineOfBench, type GuestOfBench, mezzCommand, qemuCommand } from './machines.ts';
import { failure, type MeasuredRun, measuredRun } from './measured-run.ts';
import { type Row, ratios, sample, sampleIfAny } from './row.ts';

export interface BenchOptions {
  readonly repetitions: number;
  readonly hasQemu: boolean;
  readonly engine: EngineOfBench;
  /** For files that last as long as the bench. */
  readonly folder: string;
}

const timeoutSeconds = 600;
const targetSeconds = 40;
const notInstalled = 'QEMU is not installed';

/** Boots the default guest to its first process, in turn by Mezz and by QEMU. */
export async function benchBoot(guest: GuestOfBench, options: BenchOptions): Promise<Row[]> {
  const mezz: MeasuredRun[] = [];
  const qemu: MeasuredRun[] = [];
  const stats: { instructions: number }[] = [];
  const statsFile = join(options.folder, 'boot-stats.json');
  for (let i = 0; i < options.repetitions; i++) {
    mezz.push(await boot(mezzCommand(guest, options.engine, statsFile)));
    stats.push(JSON.parse(await readFile(statsFile, 'utf8')));
    if (options.hasQemu) qemu.push(await boot(qemuCommand(guest)));
  }
  const row = (id: string, title: string, figure: (run: MeasuredRun) => number): Row => ({
    id,
    title,
    unit: 's',
    mezz: sample(mezz.map(figure)),
    qemu: sampleIfAny(qemu.map(figure)),
    ratio: ratios(mezz.map(figure), qemu.map(figure)),
    note: options.hasQemu ? undefined : notInstalled,
  });
  return [
    {
      ...row('boot-processor', 'boot: processor time', (run) => run.processorSeconds),
      target: { atMost: targetSeconds },
      details: { mezz, qemu, stats },
    },
    row('boot-wall', 'boot: time to first process', (run) => run.markerSeconds ?? Number.NaN),
    {
      id: 'boot-instructions',
      title: 'boot: guest instructions',
      unit: 'M',
      mezz: sample(stats.map(({ instructions }) => instructions / 1e6)),
    },
  ];
}

async function boot(command: readonly string[]): Promise<MeasuredRun> {
  const run = await measuredRun(command, { marker: bootMarker, timeoutSeconds });
  if (run.markerSeconds === undefined) throw failure(command, 'the guest did not reach its first process', run.output);
  if (run.status !== 0) throw failure(command, `it ended with status ${run.status}`, run.output);
  return run;
}
