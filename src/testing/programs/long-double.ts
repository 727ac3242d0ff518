import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bits } from '../debian/package-tree.ts';
import { run } from '../debian/source-package.ts';
import { compile } from './compile.ts';
import { type GuestProgram, type ProgramSuite, suiteFolder } from './suite.ts';

const name = 'long-double';
const source = join(import.meta.dirname, 'c/long-double.c');
const parts = ['arithmetic', 'functions'] as const;

const build = (bits: Bits, folder: string): string => {
  const program = join(folder, `long-double-${bits}`);
  compile(bits, ['-D_GNU_SOURCE', '-frounding-math', '-o', program], [source]);
  return program;
};

/** Lines that are the same as those of the host's processor; diff shows others. Functions may be near: see the source. */
const programs: readonly GuestProgram[] = [
  {
    name: 'arithmetic',
    command: './long-double arithmetic >arithmetic && diff expected-arithmetic arithmetic && wc -l <arithmetic',
    expected: { kind: 'verdict', pattern: /^(\d+)\n$/ },
  },
  {
    name: 'functions',
    command: './long-double functions >functions && ./long-double compare expected-functions functions',
    expected: { kind: 'verdict', pattern: /^(\d+) words, \d+ differ in the last places, 0 are wrong\n$/ },
  },
];

/** The x87 and the C library's functions over it, as the host's processor has them. */
export const longDouble: ProgramSuite = {
  name,
  bits: [64, 32],
  memoryMiB: 512,
  quick: { 64: parts, 32: parts },
  async prepare(bits, folder) {
    const native = build(64, folder);
    const path = (file: string): string => `${suiteFolder(name)}/${file}`;
    const content = await readFile(build(bits, folder));
    return {
      entries: [
        { kind: 'file', path: path('long-double'), mode: 0o755, content },
        ...parts.map((part) => ({
          kind: 'file' as const,
          path: path(`expected-${part}`),
          content: run(native, [part], folder),
        })),
      ],
      programs,
    };
  },
};
