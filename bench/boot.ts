import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markerGuest } from './default-guest.ts';
import { bootMarker } from './first-process.ts';
import { imageGuest } from './image-guest.ts';
import { debianTree } from './jobs/debian.ts';
import { v86Command } from './jobs/v86.ts';
import { type EngineOfBench, type GuestOfBench, mezzCommand, qemuCommand } from './machines.ts';
import { failure, type MeasuredRun, measuredRun } from './measured-run.ts';
import { type Row, ratios, sample, sampleIfAny } from './row.ts';

export interface BenchOptions {
  readonly repetitions: number;
  readonly hasQemu: boolean;
  readonly hasV86: boolean;
  readonly engine: EngineOfBench;
  /** For files that last as long as the bench. */
  readonly folder: string;
}

const timeoutSeconds = 240;
const notInstalled = 'QEMU is not installed';

/** Boots the default guest to its first process, in turn by Mezz and by QEMU. */
export async function benchBoot(guest: GuestOfBench, options: BenchOptions): Promise<Row[]> {
  const mezz: MeasuredRun[] = [];
  const qemu: MeasuredRun[] = [];
  for (let i = 0; i < options.repetitions; i++) {
    mezz.push(await boot(mezzCommand(guest, options.engine)));
    if (options.hasQemu) qemu.push(await boot(qemuCommand(guest)));
  }
  // Statistics slow a run down.
  const statsFile = join(options.folder, 'boot-stats.json');
  await boot(mezzCommand(guest, options.engine, statsFile));
  const stats: { instructions: number } = JSON.parse(await readFile(statsFile, 'utf8'));
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
    { ...row('boot-wall', 'boot: time to first process', untilMarker), target: { atMost: 1, of: 'QEMU' } },
    {
      ...row('boot-processor', 'boot: processor time', (run) => run.processorSeconds),
      details: { mezz, qemu, stats },
    },
    {
      id: 'boot-instructions',
      title: 'boot: guest instructions',
      unit: 'M',
      mezz: sample([stats.instructions / 1e6]),
    },
  ];
}

/** Boots a 32-bit guest to its first process, in turn by Mezz, QEMU and v86. */
export async function benchBoot32(options: BenchOptions): Promise<Row> {
  const { repetitions, hasQemu, hasV86, engine, folder } = options;
  const guest = await markerGuest(await imageGuest('debian-686'), 32, folder);
  const v86 = hasV86 ? v86Command(guest, await debianTree(32)) : undefined;
  const seconds: Record<'mezz' | 'qemu' | 'v86', number[]> = { mezz: [], qemu: [], v86: [] };
  for (let i = 0; i < repetitions; i++) {
    seconds.mezz.push(untilMarker(await boot(mezzCommand(guest, engine))));
    if (hasQemu) seconds.qemu.push(untilMarker(await boot(qemuCommand(guest))));
    if (v86) seconds.v86.push(untilMarker(await boot(v86)));
  }
  return {
    id: 'boot-wall-32',
    title: 'boot of the 686 kernel: time to first process',
    unit: 's',
    mezz: sample(seconds.mezz),
    qemu: sampleIfAny(seconds.qemu),
    v86: sampleIfAny(seconds.v86),
    ratio: ratios(seconds.mezz, seconds.qemu),
    v86Ratio: ratios(seconds.mezz, seconds.v86),
    target: { atMost: 0.25, of: 'v86' },
  };
}

const untilMarker = ({ markerSeconds }: MeasuredRun): number => markerSeconds ?? Number.NaN;

async function boot(command: readonly string[]): Promise<MeasuredRun> {
  const run = await measuredRun(command, { marker: bootMarker, timeoutSeconds });
  if (run.markerSeconds === undefined) throw failure(command, 'the guest did not reach its first process', run.output);
  if (run.status !== 0) throw failure(command, `it ended with status ${run.status}`, run.output);
  return run;
}
