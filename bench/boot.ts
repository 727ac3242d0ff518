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

/** Boots after which nearly all that a boot needs has been translated, optimized and kept. */
const boots = 3;

/** A file in which a guest's translated code has been kept, as after its first runs. */
async function keptBy(guest: GuestOfBench, { engine, folder }: BenchOptions, name: string): Promise<string> {
  const translations = join(folder, name);
  for (let i = 0; i < boots; i++) await boot(mezzCommand(guest, { engine, translations }));
  return translations;
}

/** Boots the default guest to its first process, in turn by Mezz and by QEMU. */
export async function benchBoot(guest: GuestOfBench, options: BenchOptions): Promise<Row[]> {
  const mezz: MeasuredRun[] = [];
  const first: MeasuredRun[] = [];
  const qemu: MeasuredRun[] = [];
  const { engine } = options;
  const translations = await keptBy(guest, options, 'translations-64');
  for (let i = 0; i < options.repetitions; i++) {
    mezz.push(await boot(mezzCommand(guest, { engine, translations })));
    first.push(await boot(mezzCommand(guest, { engine })));
    if (options.hasQemu) qemu.push(await boot(qemuCommand(guest)));
  }
  // Statistics slow a run down.
  const statsFile = join(options.folder, 'boot-stats.json');
  await boot(mezzCommand(guest, { engine, statsFile }));
  const stats: { instructions: number } = JSON.parse(await readFile(statsFile, 'utf8'));
  const row = (id: string, title: string, figure: (run: MeasuredRun) => number, runs = mezz): Row => ({
    id,
    title,
    unit: 's',
    mezz: sample(runs.map(figure)),
    qemu: sampleIfAny(qemu.map(figure)),
    ratio: ratios(runs.map(figure), qemu.map(figure)),
    note: options.hasQemu ? undefined : notInstalled,
  });
  return [
    { ...row('boot-wall', 'boot: time to first process', untilMarker), target: { atMost: 1, of: 'QEMU' } },
    row('boot-wall-first', 'the same, nothing kept', untilMarker, first),
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
export async function benchBoot32(options: BenchOptions): Promise<Row[]> {
  const { repetitions, hasQemu, hasV86, engine, folder } = options;
  const guest = await markerGuest(await imageGuest('debian-686'), 32, folder);
  const v86 = hasV86 ? v86Command(guest, await debianTree(32)) : undefined;
  const seconds: Record<'mezz' | 'first' | 'qemu' | 'v86', number[]> = { mezz: [], first: [], qemu: [], v86: [] };
  const translations = await keptBy(guest, options, 'translations-32');
  for (let i = 0; i < repetitions; i++) {
    seconds.mezz.push(untilMarker(await boot(mezzCommand(guest, { engine, translations }))));
    seconds.first.push(untilMarker(await boot(mezzCommand(guest, { engine }))));
    if (hasQemu) seconds.qemu.push(untilMarker(await boot(qemuCommand(guest))));
    if (v86) seconds.v86.push(untilMarker(await boot(v86)));
  }
  const row = (id: string, title: string, mezz: readonly number[]): Row => ({
    id,
    title,
    unit: 's',
    mezz: sample(mezz),
    qemu: sampleIfAny(seconds.qemu),
    v86: sampleIfAny(seconds.v86),
    ratio: ratios(mezz, seconds.qemu),
    v86Ratio: ratios(mezz, seconds.v86),
  });
  return [
    {
      ...row('boot-wall-32', 'boot of the 686 kernel: time to first process', seconds.mezz),
      target: { atMost: 0.25, of: 'v86' },
    },
    row('boot-wall-32-first', 'the same, nothing kept', seconds.first),
  ];
}

const untilMarker = ({ markerSeconds }: MeasuredRun): number => markerSeconds ?? Number.NaN;

async function boot(command: readonly string[]): Promise<MeasuredRun> {
  const run = await measuredRun(command, { marker: bootMarker, timeoutSeconds });
  if (run.markerSeconds === undefined) throw failure(command, 'the guest did not reach its first process', run.output);
  if (run.status !== 0) throw failure(command, `it ended with status ${run.status}`, run.output);
  return run;
}
