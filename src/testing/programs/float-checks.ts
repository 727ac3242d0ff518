import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CpioEntry } from '../../images/index.ts';
import type { Bits } from '../debian/package-tree.ts';
import { compile } from './compile.ts';
import { type GuestProgram, type ProgramSuite, suiteFolder } from './suite.ts';

const name = 'float-checks';
export const floatCheckSources = ['float-checks.c', 'float-checks.h'].map((file) =>
  join(import.meta.dirname, 'c', file),
);

const units = { sse: ['-msse2', '-mfpmath=sse'], x87: ['-DON_X87', '-mfpmath=387'] } as const;
type Unit = keyof typeof units;
const unitNames = Object.keys(units) as Unit[];

export const floatChecksPass = /^(\d+) checks, 0 failures\n$/;

const program = (unit: Unit): GuestProgram => ({
  name: unit,
  command: `./${unit}`,
  expected: { kind: 'verdict', pattern: floatChecksPass },
});

async function build(bits: Bits, unit: Unit, folder: string): Promise<CpioEntry> {
  const path = join(folder, `float-checks-${unit}-${bits}`);
  const options = ['-std=gnu11', '-frounding-math', '-fno-math-errno', ...units[unit], '-o', path];
  compile(bits, options, floatCheckSources.slice(0, 1));
  return { kind: 'file', path: `${suiteFolder(name)}/${unit}`, mode: 0o755, content: await readFile(path) };
}

/** Floating point asked for its properties, in SSE and in the x87. */
export const floatChecks: ProgramSuite = {
  name,
  bits: [64, 32],
  memoryMiB: 512,
  quick: { 64: unitNames, 32: unitNames },
  prepare: async (bits, folder) => ({
    entries: await Promise.all(unitNames.map((unit) => build(bits, unit, folder))),
    programs: unitNames.map(program),
  }),
};
