import type { EngineOfBench } from '../machines.ts';
import type { Bits } from './compile.ts';
import { debianPrograms } from './debian-programs.ts';
import { makeJobGuest } from './job-guest.ts';
import { JobMachine, type MachineName } from './job-machine.ts';
import { type Measurement, measureProgram } from './measure.ts';
import { ownPrograms, type Program } from './program-table.ts';

export interface ProgramsOptions {
  readonly repetitions: number;
  readonly engine: EngineOfBench;
  readonly machines: readonly MachineName[];
  readonly bits: readonly Bits[];
  /** Names of programs; all without. */
  readonly programs: readonly string[] | undefined;
  /** How long one measurement is to take. */
  readonly seconds: number;
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

const warmUpSeconds = 0.4;

/** Runs the programs on each machine in turn. */
export async function benchPrograms(options: ProgramsOptions): Promise<ProgramRow[]> {
  const rows: ProgramRow[] = [];
  for (const bits of options.bits) rows.push(...(await benchBits(bits, options)));
  return rows;
}

async function benchBits(bits: Bits, options: ProgramsOptions): Promise<ProgramRow[]> {
  const named = [...ownPrograms, ...debianPrograms].filter(
    (program) => program.bits.includes(bits) && (options.programs?.includes(program.name) ?? true),
  );
  if (named.length === 0) return [];
  const guest = await makeJobGuest(bits, options.folder);
  const wanted = named.filter(({ isDebian }) => !isDebian || guest.debian);
  const machines = machinesFor(bits, options.machines).map((name) => new JobMachine(name, guest, options.engine));
  const rows = wanted.map((program): ProgramRow => ({ program, bits, results: {}, failures: [] }));
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

/** v86 has no 64-bit mode. */
const machinesFor = (bits: Bits, names: readonly MachineName[]): MachineName[] =>
  names.filter((name) => name !== 'v86' || bits === 32);

async function measure({ program, results, failures }: ProgramRow, machine: JobMachine, seconds: number) {
  const measurements = (results[machine.name] ??= []);
  try {
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
