import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, loadavg, platform } from 'node:os';
import { join } from 'node:path';
import type { ProgramRow } from './jobs/bench-programs.ts';
import { programFigures } from './jobs/program-report.ts';
import type { Verdict } from './jobs/targets.ts';
import { figure, markdownTable, verdictText } from './markdown.ts';
import { isMet, type Row, type Sample, type Target } from './row.ts';

export interface Conditions {
  readonly date: string;
  readonly repetitions: number;
  readonly engine: string;
  readonly node: string;
  readonly qemu: string | undefined;
  readonly guest: Readonly<Record<string, string>>;
  readonly host: {
    readonly platform: string;
    readonly processor: string;
    readonly processors: number;
    readonly loadAverage: number;
  };
}

/** What to know about a run besides its figures. */
export function conditions(options: Pick<Conditions, 'repetitions' | 'engine' | 'qemu' | 'guest'>): Conditions {
  const { repetitions, engine, qemu, guest } = options;
  return {
    date: new Date().toISOString(),
    repetitions,
    engine,
    node: process.version,
    qemu,
    guest,
    host: {
      platform: `${platform()} ${arch()}`,
      processor: cpus()[0]?.model ?? 'unknown',
      processors: cpus().length,
      loadAverage: loadavg()[0] ?? 0,
    },
  };
}

/** The rows as a Markdown table. */
export function table(rows: readonly Row[]): string {
  const header = ['', 'Mezz', 'QEMU', 'v86', 'native', 'Mezz/QEMU', 'Mezz/v86', 'target', ''];
  const lines = rows.map((row) => [
    `${row.title}, ${row.unit}`,
    cell(row.mezz),
    cell(row.qemu),
    cell(row.v86),
    cell(row.native),
    cell(row.ratio),
    cell(row.v86Ratio),
    row.target ? limit(row.target) : '',
    [verdictText(isMet(row)), row.note ?? ''].filter(Boolean).join('; '),
  ]);
  return markdownTable(header, lines);
}

function limit(target: Target): string {
  const text = 'atMost' in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`;
  return target.of === undefined ? text : `${text} × ${target.of}`;
}

function cell(value: Sample | undefined): string {
  if (!value) return '-';
  const { median, min, max, values } = value;
  return values.length === 1 ? figure(median) : `${figure(median)} (${figure(min)}-${figure(max)})`;
}

export interface Figures {
  readonly rows: readonly Row[];
  readonly programs: readonly ProgramRow[];
  readonly verdicts: readonly Verdict[];
}

/** Writes the machine-readable file, named by its date. Returns its path. */
export async function writeResults(folder: string, about: Conditions, figures: Figures): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${about.date.replaceAll(':', '-').slice(0, 19)}.json`);
  const results = {
    version: 2,
    ...about,
    rows: figures.rows.map((row) => ({ ...row, isMet: isMet(row) })),
    programs: figures.programs.map(programFigures),
    verdicts: figures.verdicts,
  };
  await writeFile(path, `${JSON.stringify(results, undefined, 2)}\n`);
  return path;
}
