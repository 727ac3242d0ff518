import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, loadavg, platform } from 'node:os';
import { join } from 'node:path';
import type { ProgramRow } from './jobs/bench-programs.ts';
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
  const header = ['', 'Mezz', 'QEMU', 'native', 'Mezz/QEMU', 'target', ''];
  const lines = rows.map((row) => [
    `${row.title}, ${row.unit}`,
    cell(row.mezz),
    cell(row.qemu),
    cell(row.native),
    cell(row.ratio),
    row.target ? limit(row.target) : '',
    [verdict(row), row.note ?? ''].filter(Boolean).join('; '),
  ]);
  const widths = header.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i]?.length ?? 0)));
  const format = (line: readonly string[]): string =>
    `| ${line.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [format(header), rule, ...lines.map(format)].join('\n');
}

const limit = (target: Target): string => ('atMost' in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`);

function verdict(row: Row): string {
  const met = isMet(row);
  return met === undefined ? '' : met ? 'met' : 'MISSED';
}

function cell(value: Sample | undefined): string {
  if (!value) return '-';
  const { median, min, max, values } = value;
  return values.length === 1 ? figure(median) : `${figure(median)} (${figure(min)}-${figure(max)})`;
}

const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

export interface Figures {
  readonly rows: readonly Row[];
  readonly programs: readonly ProgramRow[];
}

/** Writes the machine-readable file, named by its date. Returns its path. */
export async function writeResults(folder: string, about: Conditions, { rows, programs }: Figures): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${about.date.replaceAll(':', '-').slice(0, 19)}.json`);
  const results = { version: 2, ...about, rows: rows.map((row) => ({ ...row, isMet: isMet(row) })), programs };
  await writeFile(path, `${JSON.stringify(results, undefined, 2)}\n`);
  return path;
}
