import type { Outcome } from './outcome.ts';

/** What a configuration has run and left out, by the programs' names. */
export interface Column {
  readonly title: string;
  readonly outcomes: readonly Outcome[];
  readonly leftOut: ReadonlyMap<string, string>;
}

/**
 * A line for each program: how many tests it counted in each configuration, FAILED, or a letter for why it was left out;
 * then the sums.
 */
export function matrixTable(columns: readonly Column[]): string {
  const names = new Set(
    columns.flatMap(({ outcomes, leftOut }) => [...outcomes.map(({ name }) => name), ...leftOut.keys()]),
  );
  const reasons = [...new Set(columns.flatMap(({ leftOut }) => [...leftOut.values()]))];
  const letter = (reason: string): string => `(${String.fromCharCode('a'.charCodeAt(0) + reasons.indexOf(reason))})`;
  const cell = ({ outcomes, leftOut }: Column, name: string): string => {
    const outcome = outcomes.find((one) => one.name === name);
    if (outcome) return outcome.failure === undefined ? String(outcome.tests) : 'FAILED';
    const reason = leftOut.get(name);
    return reason === undefined ? '' : letter(reason);
  };
  const sums = (title: string, sum: (outcomes: readonly Outcome[]) => number): string[] => [
    title,
    ...columns.map(({ outcomes }) => sum(outcomes).toFixed(0)),
  ];
  const rows = [
    ['', ...columns.map(({ title }) => title)],
    ...[...names].map((name) => [name, ...columns.map((column) => cell(column, name))]),
    sums('programs passed', (outcomes) => passed(outcomes).length),
    sums('programs failed', (outcomes) => outcomes.length - passed(outcomes).length),
    sums('tests in them', (outcomes) => outcomes.reduce((sum, { tests }) => sum + tests, 0)),
    ...[...new Set([...names].map(suiteOf))].map((suite) =>
      sums(`seconds of ${suite}`, (outcomes) => secondsOf(outcomes.filter(({ name }) => suiteOf(name) === suite))),
    ),
    sums('seconds', secondsOf),
  ];
  const notes = reasons.map((reason) => `${letter(reason)} ${reason}`);
  return [...aligned(rows), ...notes].join('\n');
}

export const passed = (outcomes: readonly Outcome[]): Outcome[] =>
  outcomes.filter(({ failure }) => failure === undefined);

/** Programs are named "suite: program". */
const suiteOf = (name: string): string => name.split(': ', 1)[0] ?? '';

const secondsOf = (outcomes: readonly Outcome[]): number => outcomes.reduce((sum, { seconds }) => sum + seconds, 0);

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
