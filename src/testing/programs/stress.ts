import { packageTree, type TreeContents } from '../debian/package-tree.ts';
import { treeEntries } from '../debian/tree-archive.ts';
import type { GuestProgram, ProgramSuite } from './suite.ts';

const contents: TreeContents = {
  name: 'stress-ng',
  packages: [
    ...['stress-ng', 'libc6', 'libapparmor1', 'libbsd0', 'libcrypt1', 'libdrm2', 'libegl1', 'libexpat1', 'libffi8'],
    ...['libgbm1', 'libgles2', 'libglvnd0', 'libipsec-mb1', 'libjpeg62-turbo', 'libjudydebian1', 'libkmod2'],
    ...['liblzma5', 'libmd0', 'libsctp1', 'libssl3', 'libwayland-server0', 'libxxhash0', 'libzstd1', 'zlib1g'],
  ],
};

const processors = 4;
const secondsEach = 5;

/** Its names for what several processors do at once, by what is shared. */
const stressors = {
  arithmetic: ['cpu', 'matrix', 'fp', 'crypt', 'qsort', 'vecmath'],
  memory: ['vm', 'memcpy', 'atomic', 'lockbus', 'tlb-shootdown', 'membarrier'],
  'threads and processes': ['mutex', 'futex', 'pthread', 'switch', 'pipe', 'fork', 'sem', 'clone'],
} as const;

const stress = (title: string, names: readonly string[]): GuestProgram => ({
  name: title,
  command: names
    .map((name) => `stress-ng --verify --no-rand-seed --timeout ${secondsEach} --${name} ${processors} 2>&1 || exit`)
    .concat('echo all are verified')
    .join('\n'),
  expected: { kind: 'verdict', pattern: /^all are verified$/m },
});

/** stress-ng, which looks at its results itself, on all processors of a guest. */
export const stressNg: ProgramSuite = {
  name: 'stress-ng',
  bits: [64],
  processors,
  memoryMiB: 1024,
  quick: { 64: [], 32: [] },
  async prepare(bits) {
    const { root } = await packageTree(contents, bits);
    return {
      entries: await treeEntries(root),
      programs: Object.entries(stressors).map(([title, names]) => stress(title, names)),
    };
  },
};
