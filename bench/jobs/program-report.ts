import { ratios, type Sample, sampleIfAny } from '../row.ts';
import type { ProgramRow } from './bench-programs.ts';
import { type MachineName, machineNames } from './job-machine.ts';
import { figureOf } from './program-table.ts';

/** Units of work in a second, repetition by repetition; NaN where the program failed. */
const speeds = ({ results }: ProgramRow, machine: MachineName): number[] =>
  (results[machine] ?? []).map((measurement) => measurement?.unitsPerSecond ?? Number.NaN);

/** How many times faster one machine is than another, by runs that followed each other. */
export function speedUp(row: ProgramRow, machine: MachineName, other: MachineName): Sample | undefined {
  const quotients = ratios(speeds(row, machine), speeds(row, other));
  return sampleIfAny(quotients?.values.filter((value) => !Number.isNaN(value)) ?? []);
}

/** The programs as a Markdown table: figures, and how many times faster Mezz is. */
export function programTable(rows: readonly ProgramRow[]): string {
  const machines = machineNames.filter((name) => rows.some(({ results }) => results[name]));
  const others = machines.filter((name) => name !== 'mezz');
  const header = ['program', 'bits', 'unit', ...machines, ...others.map((name) => `mezz/${name}`)];
  const lines = rows.map((row) => [
    row.program.name,
    String(row.bits),
    row.program.unit,
    ...machines.map((name) => figure(row, name)),
    ...others.map((name) => quotient(speedUp(row, 'mezz', name))),
  ]);
  const failures = rows.flatMap(({ program, bits, failures: all }) =>
    all.map((text) => `FAILED ${program.name}, ${bits} bits: ${text}`),
  );
  return [markdown(header, lines), ...failures].join('\n');
}

function markdown(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = header.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i]?.length ?? 0)));
  const format = (line: readonly string[]): string =>
    `| ${line.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [format(header), rule, ...lines.map(format)].join('\n');
}

function figure(row: ProgramRow, machine: MachineName): string {
  const measured = sampleIfAny(speeds(row, machine).filter((speed) => !Number.isNaN(speed)));
  return measured ? rounded(figureOf(row.program, measured.median)) : '-';
}

const rounded = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const quotient = (value: Sample | undefined): string => (value ? value.median.toFixed(2) : '-');
