import type { CpioEntry } from '../../images/index.ts';
import { type Bits, packageTree, type TreeContents } from '../debian/package-tree.ts';
import { treeEntries } from '../debian/tree-archive.ts';
import { filesIn } from './files.ts';
import { floatCheckSources, floatChecksPass } from './float-checks.ts';
import { type Expected, type ProgramSuite, suiteFolder } from './suite.ts';

const library = ['libc6', 'libc6-dev', 'linux-libc-dev', 'libcrypt-dev', 'libcrypt1', 'libgcc-s1'];
const pass: Expected = { kind: 'verdict', pattern: floatChecksPass };

/** Fabrice Bellard's compiler translates our checks of floating point, to a file and to memory, and they run. */
export const tcc: ProgramSuite = {
  name: 'tcc',
  bits: [64, 32],
  memoryMiB: 512,
  quick: { 64: ['to memory'], 32: ['to memory'] },
  prepare: async (bits) => ({
    entries: [
      ...(await treeEntries((await packageTree({ name: 'tcc', packages: [...library, 'tcc'] }, bits)).root)),
      ...(await filesIn(suiteFolder('tcc'), floatCheckSources)),
    ],
    programs: [
      // tcc's i386 code is x87's.
      { name: 'to a file', command: `tcc ${tccFlags(bits)} -o checks float-checks.c -lm && ./checks`, expected: pass },
      { name: 'to memory', command: `tcc ${tccFlags(bits)} -lm -run float-checks.c`, expected: pass },
    ],
  }),
};

const tccFlags = (bits: Bits): string => (bits === 32 ? '-DON_X87' : '');

export const gccContents: TreeContents = {
  name: 'gcc',
  packages: [
    ...library,
    ...['gcc-12', 'cpp-12', 'libgcc-12-dev', 'binutils', 'binutils-common', 'binutils-x86-64-linux-gnu'],
    ...['libbinutils', 'libctf0', 'libctf-nobfd0', 'libjansson4', 'libgprofng0', 'libisl23', 'libmpc3', 'libmpfr6'],
    ...['libgmp10', 'libzstd1', 'zlib1g', 'libstdc++6', 'make'],
  ],
};

/** Debian has it in a package of its own. */
export const gccLink: CpioEntry = { kind: 'symlink', path: 'usr/bin/gcc', target: 'gcc-12' };

/** Flags, and the level of x86-64 that their code needs. */
const optimizations = { '-O0': 1, '-O2': 1, '-O3 -march=x86-64-v2': 2, '-O3 -march=x86-64-v3': 3 } as const;

/** A whole compiler with its assembler and linker translates our checks, which are run. */
export const gcc: ProgramSuite = {
  name: 'gcc',
  bits: [64],
  memoryMiB: 2048,
  quick: { 64: [], 32: [] },
  prepare: async (bits) => ({
    entries: [
      ...(await treeEntries((await packageTree(gccContents, bits)).root)),
      gccLink,
      ...(await filesIn(suiteFolder('gcc'), floatCheckSources)),
    ],
    programs: Object.entries(optimizations).map(([flags, level]) => ({
      name: `checks ${flags}`,
      command: `gcc ${flags} -frounding-math -o checks float-checks.c -lm && ./checks`,
      expected: pass,
      level,
    })),
  }),
};
