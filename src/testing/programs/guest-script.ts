import type { CpioEntry } from '../../images/index.ts';
import type { GuestProgram } from './suite.ts';

/** Begins the lines that the runner adds to what programs print. */
export const marker = '@mezz-program';

export interface PlacedProgram extends GuestProgram {
  /** Where its command is run. */
  readonly folder: string;
}

/**
 * Takes the place of the default guest's shell: runs the programs one after the other, each in a shell of its own, and
 * turns the machine off.
 */
function runnerScript(programs: readonly PlacedProgram[]): string {
  const runs = programs.map(({ folder }, index) => `run ${index} ${quoted(`/${folder}`)}`);
  return `#!/bin/sh
export HOME=/root USER=root LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset LINES COLUMNS TERM
stty -opost
run() {
  echo "${marker} begin $1"
  (cd "$2" && exec sh "/programs/run/$1") </dev/null 2>&1
  status=$?
  echo
  echo "${marker} end $1 $status"
}
${runs.join('\n')}
sync
poweroff -f
`;
}

/** The runner and the programs' commands, for the end of an initial RAM disk. */
export const runnerEntries = (programs: readonly PlacedProgram[]): CpioEntry[] => [
  { kind: 'directory', path: 'programs/run' },
  ...programs.map(
    ({ command }, index): CpioEntry => ({ kind: 'file', path: `programs/run/${index}`, content: `${command}\n` }),
  ),
  { kind: 'file', path: 'mezz/shell', mode: 0o755, content: runnerScript(programs) },
];

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
