import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchBoot, benchBoot32 } from './boot.ts';
import { buildProgram } from './build.ts';
import { type DefaultGuest, defaultGuest } from './default-guest.ts';
import { benchInteger } from './integer.ts';
import { benchPrograms, type ProgramRow } from './jobs/bench-programs.ts';
import { programTable } from './jobs/program-report.ts';
import { verdicts } from './jobs/targets.ts';
import { verdictTable } from './jobs/verdict-table.ts';
import { qemuVersion } from './machines.ts';
import { type BenchFlags, readFlags, usage } from './options.ts';
import { conditions, table, writeResults } from './report.ts';
import { benchAtRest } from './rest.ts';
import type { Row } from './row.ts';

const resultsFolder = fileURLToPath(new URL('results', import.meta.url));
const idleSeconds = 20;

type RowsOptions = BenchFlags & { readonly hasQemu: boolean; readonly hasV86: boolean; readonly folder: string };

/** The parts of the bench that give rows of one table, in its order. */
const rowParts: Readonly<Record<string, (guest: DefaultGuest, options: RowsOptions) => Promise<readonly Row[]>>> = {
  boot: async (guest, options) => [
    ...(options.bits.includes(64) ? await benchBoot(guest.marker, options) : []),
    ...(options.bits.includes(32) ? await benchBoot32(options) : []),
  ],
  integer: async (_guest, options) => [await benchInteger(options)],
  rest: (guest, options) =>
    benchAtRest(guest.shell, { ...options, idleSeconds, repetitions: Math.min(options.repetitions, 2) }),
};

async function measureRows(options: RowsOptions): Promise<{ rows: Row[]; guest: DefaultGuest }> {
  const guest = await defaultGuest(options.folder);
  const rows: Row[] = [];
  for (const [name, part] of Object.entries(rowParts)) {
    if (!options.parts.includes(name)) continue;
    console.error(`Measuring: ${name}`);
    // A guest that does not come up must not lose the other parts' figures.
    await part(guest, options).then((found) => rows.push(...found), report);
  }
  return { rows, guest };
}

async function measurePrograms(options: RowsOptions): Promise<ProgramRow[]> {
  if (!options.parts.includes('programs')) return [];
  console.error('Measuring: programs');
  const machines = options.machines.filter((name) => name !== 'qemu' || options.hasQemu);
  return benchPrograms({ ...options, machines });
}

/** Says what went wrong; the bench ends as failed. */
function report(error: unknown): void {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const flags = readFlags();
  if (!flags) {
    console.log(usage);
    return;
  }
  if (flags.isBuilt) buildProgram();
  const folder = await mkdtemp(join(tmpdir(), 'mezz-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const qemu = qemuVersion();
  const hasQemu = qemu !== undefined && flags.machines.includes('qemu');
  const options = { ...flags, hasQemu, hasV86: flags.machines.includes('v86'), folder };
  const { rows, guest } = await measureRows(options);
  const programs = await measurePrograms(options);
  if (rows.length > 0) console.log(`\n${table(rows)}`);
  if (programs.length > 0) console.log(`\n${programTable(programs)}`);
  const targets = verdicts(programs);
  if (targets.length > 0) console.log(`\n${verdictTable(targets)}`);
  if (qemu === undefined) console.log('\nQEMU (qemu-system-x86_64) is not installed: Mezz was measured without it');
  const { repetitions, engine } = flags;
  const about = conditions({ repetitions, engine, qemu, guest: guest.packages });
  const path = await writeResults(resultsFolder, about, { rows, programs, verdicts: targets });
  console.log(`\nFigures: ${relative(process.cwd(), path)}`);
}

// Ending runs what is to be done at the end: machines end with us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

main().catch(report);
