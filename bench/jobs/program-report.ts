import { figure, markdownTable } from '../markdown.ts';
import { ratios, type Sample, sampleIfAny } from '../row.ts';
import type { ProgramRow } from './bench-programs.ts';
import { type MachineName, machineNames } from './job-machine.ts';
import { figureOf } from './program-table.ts';

/** Units of work in a second, repetition by repetition; NaN where the program failed. */
const speeds = ({ results }: ProgramRow, machine: MachineName): number[] =>
  (results[machine] ?? []).map((measurement) => measurement?.unitsPerSecond ?? Number.NaN);

const isMeasured = (value: number): boolean => !Number.isNaN(value);

/** How many times faster one machine is than another, by runs that followed each other. */
export const speedUp = (row: ProgramRow, machine: MachineName, other: MachineName): Sample | undefined =>
  sampleIfAny(ratios(speeds(row, machine), speeds(row, other))?.values.filter(isMeasured) ?? []);

/** The median, in the program's unit. */
function medianFigure(row: ProgramRow, machine: MachineName): number | undefined {
  const measured = sampleIfAny(speeds(row, machine).filter(isMeasured));
  return measured && figureOf(row.program, measured.median);
}

/** The programs as a Markdown table: figures, and how many times faster Mezz is. */
export function programTable(rows: readonly ProgramRow[]): string {
  const machines = machineNames.filter((name) => rows.some(({ results }) => results[name]));
  const others = machines.includes('mezz') ? machines.filter((name) => name !== 'mezz') : [];
  const header = ['program', 'bits', 'unit', ...machines, ...others.map((name) => `mezz/${name}`)];
  const lines = rows.map((row) => [
    row.program.name,
    String(row.bits),
    row.program.unit,
    ...machines.map((name) => cell(medianFigure(row, name), figure)),
    ...others.map((name) => cell(speedUp(row, 'mezz', name)?.median, (value) => value.toFixed(2))),
  ]);
  const failures = rows.flatMap(({ program, bits, failures: all }) =>
    all.map((text) => `FAILED ${program.name}, ${bits} bits: ${text}`),
  );
  return [markdownTable(header, lines), ...failures].join('\n');
}

const cell = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined ? '-' : format(value);

/** A program's figures for the file: medians, how many times faster Mezz is, and each single measurement. */
export function programFigures(row: ProgramRow) {
  const { program, bits, results, failures } = row;
  const machines = machineNames.filter((name) => results[name]);
  return {
    name: program.name,
    class: program.class,
    bits,
    unit: program.unit,
    figures: Object.fromEntries(machines.map((name) => [name, medianFigure(row, name)])),
    speedUps: Object.fromEntries(machines.map((name) => [name, speedUp(row, 'mezz', name)])),
    measurements: results,
    failures,
  };
}
