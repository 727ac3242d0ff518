import { packageTree, type TreeContents } from '../debian/package-tree.ts';
import { treeEntries } from '../debian/tree-archive.ts';
import type { GuestProgram, ProgramSuite } from './suite.ts';

const name = 'python';

const contents: TreeContents = {
  name,
  packages: ['libc6', 'libexpat1', 'zlib1g', 'libssl3', 'libffi8', 'libbz2-1.0', 'liblzma5', 'libgcc-s1'],
  through: {
    metapackage: 'python3',
    pattern: /^python3\.\d+$/,
    names: (python) => [
      `${python}-minimal`,
      ...['minimal', 'stdlib', 'testsuite'].map((part) => `lib${python}-${part}`),
    ],
  },
};

/** Modules of Python's own tests that ask much of the processor: numbers, their formats, hashes, compression. */
const modules = [
  ...['math', 'cmath', 'float', 'complex', 'struct', 'fractions', 'long', 'int', 'strtod', 'statistics', 'random'],
  ...['array', 'format', 'binascii', 'hashlib', 'hmac', 'zlib', 'bz2', 'lzma'],
];
const ctypesModules = ['cfuncs', 'callbacks', 'functions', 'numbers', 'structures', 'bitfields', 'byteswap'];
const mathFiles = ['testfile', 'mtestfile'].map((test) => `test.test_math.MathTests.test_${test}`);

/** What each program is for the interpreter. */
const programs: Readonly<Record<string, string>> = {
  ...Object.fromEntries(modules.map((module) => [`test_${module}`, `-m unittest test.test_${module}`])),
  // Its classes are made for both implementations by its own main function.
  test_decimal: '-m test -v test_decimal',
  // Calls with every type of C, long double too.
  test_ctypes: `-m unittest ${ctypesModules.map((module) => `ctypes.test.test_${module}`).join(' ')}`,
  'math from files': `-m unittest ${mathFiles.join(' ')}`,
};

/** unittest counts what it ran, and says "OK" alone on a line, or with what it left out. */
const verdict = /^Ran (\d+) tests? in .*\n\nOK(?: \(.*\))?$/m;

const program = (name: string, words: string, interpreter: string): GuestProgram => ({
  name,
  command: `exec ${interpreter} ${words}`,
  expected: { kind: 'verdict', pattern: verdict },
});

/** Debian's Python with the tests that come with it; in a 32-bit guest its floating point is that of the x87. */
export const python: ProgramSuite = {
  name,
  bits: [64, 32],
  memoryMiB: 1024,
  quick: { 64: [], 32: ['math from files'] },
  async prepare(bits) {
    const { root, versions } = await packageTree(contents, bits);
    const interpreter = Object.keys(versions)
      .find((found) => /^python3\.\d+-minimal$/.test(found))
      ?.replace('-minimal', '');
    if (interpreter === undefined) throw new Error(`Cannot run Python's tests: ${root} has no interpreter`);
    return {
      entries: await treeEntries(root),
      programs: Object.entries(programs).map(([title, words]) => program(title, words, interpreter)),
    };
  },
};
