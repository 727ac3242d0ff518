import { join } from 'node:path';
import type { EngineOfBench } from '../machines.ts';
import { type Bits, runsHere } from './compile.ts';
import { debianPrograms } from './debian-programs.ts';
import { type JobGuest, makeJobGuest } from './job-guest.ts';
import { JobMachine, type MachineName } from './job-machine.ts';
import { type Measurement, measureProgram } from './measure.ts';
import { ownPrograms, type Program } from './program-table.ts';

export interface ProgramsOptions {
  readonly repetitions: number;
  readonly engine: EngineOfBench;
  readonly machines: readonly MachineName[];
  readonly bits: readonly Bits[];
  /** Names of programs. */
  readonly programs: readonly string[];
  /** How long one measurement is to take. */
  readonly seconds: number;
  /** Mezz's translated code is kept from a run of all of them before. */
  readonly isKept: boolean;
  readonly folder: string;
}

/** What became of one program on one machine, repetition by repetition; undefined where it failed. */
export type Results = Partial<Record<MachineName, (Measurement | undefined)[]>>;

export interface ProgramRow {
  readonly program: Program;
  readonly bits: Bits;
  readonly results: Results;
  /** What went wrong, machine by machine. */
  readonly failures: string[];
}

const secondsBefore = 1.5;
const ownWarmUpSeconds = 0.4;
/** Debian's programs have a hundred times as much code. */
const debianWarmUpSeconds = 1.5;

const allPrograms: readonly Program[] = [...ownPrograms, ...debianPrograms];

/** Those of 32 bits only are among them. */
export const programNames: readonly string[] = allPrograms.map(({ name }) => name);

/** Runs the programs on each machine in turn. */
export async function benchPrograms(options: ProgramsOptions): Promise<ProgramRow[]> {
  // All are made before any is measured: what is missing shows itself at once.
  const guests: JobGuest[] = [];
  for (const bits of options.bits) guests.push(await makeJobGuest(bits, options.folder));
  const rows: ProgramRow[] = [];
  for (const guest of guests) rows.push(...(await benchGuest(guest, options)));
  return rows;
}

async function benchGuest(guest: JobGuest, options: ProgramsOptions): Promise<ProgramRow[]> {
  const { bits, debian } = guest;
  const rows = allPrograms
    .filter(({ name }) => options.programs.includes(name))
    .filter((program) => program.bits.includes(bits) && (!program.isDebian || debian))
    .map((program): ProgramRow => ({ program, bits, results: {}, failures: [] }));
  const { engine, isKept } = options;
  const translations = isKept ? join(options.folder, `translations-programs-${bits}`) : undefined;
  const machines = machinesFor(guest, options.machines).map(
    (name) => new JobMachine(name, guest, { engine, translations }),
  );
  if (isKept) await runBefore(rows, machines);
  for (let i = 0; i < options.repetitions; i++) {
    for (const row of rows) {
      for (const machine of machines) await measure(row, machine, options.seconds);
      console.error(`${bits} bits, ${i + 1}/${options.repetitions}: ${row.program.name}`);
    }
    for (const machine of machines) await machine.stop();
  }
  for (const row of rows) compareChecksums(row);
  return rows;
}

/** What Mezz makes of the programs is kept; the others have nothing of the kind. */
async function runBefore(rows: readonly ProgramRow[], machines: readonly JobMachine[]): Promise<void> {
  const mezz = machines.find(({ name }) => name === 'mezz');
  if (!mezz) return;
  for (const { program, bits } of rows) {
    const before: ProgramRow = { program, bits, results: {}, failures: [] };
    await measure(before, mezz, secondsBefore);
    console.error(`${bits} bits, before: ${program.name}${before.failures.join(', ')}`);
  }
  await mezz.stop();
}

/** v86 has no 64-bit mode, and some hosts run no 32-bit programs. */
function machinesFor({ bits, folder }: JobGuest, names: readonly MachineName[]): MachineName[] {
  const isHostLeftOut = names.includes('native') && !runsHere(folder);
  if (isHostLeftOut) console.error(`Leaving out the host: it runs no programs of ${bits} bits`);
  return names.filter((name) => (name === 'native' ? !isHostLeftOut : name !== 'v86' || bits === 32));
}

async function measure({ program, results, failures }: ProgramRow, machine: JobMachine, seconds: number) {
  const measurements = (results[machine.name] ??= []);
  try {
    const warmUpSeconds = program.isDebian ? debianWarmUpSeconds : ownWarmUpSeconds;
    const options = { place: machine.place, seconds, warmUpSeconds };
    measurements.push(await machine.awake((session) => measureProgram(session, program, options)));
  } catch (error) {
    measurements.push(undefined);
    failures.push(`${machine.name}: ${error instanceof Error ? error.message : error}`);
  }
}

/** All machines must come to the same result, each time. */
function compareChecksums({ results, failures }: ProgramRow): void {
  const found = Object.entries(results).flatMap(([name, measurements]) =>
    measurements.flatMap((measurement) => (measurement ? [`${name} ${measurement.checksum}`] : [])),
  );
  const checksums = new Set(found.map((text) => text.split(' ')[1]));
  if (checksums.size > 1) failures.push(`checksums differ: ${[...new Set(found)].join(', ')}`);
}
