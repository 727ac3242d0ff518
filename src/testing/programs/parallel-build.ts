import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { packageTree } from '../debian/package-tree.ts';
import { run, sourcePackage } from '../debian/source-package.ts';
import { treeEntries } from '../debian/tree-archive.ts';
import { gccContents, gccLink } from './compilers.ts';
import { type ProgramSuite, suiteFolder } from './suite.ts';

const name = 'parallel-build';
const processors = 4;
const configure = 'CFLAGS=-O2 sh ./configure --static >configured';
const sums = "sha256sum *.o libz.a | cut -d' ' -f1";

/** What the same compiler makes of the same source on the host's processor. */
async function sumsOfHost(compiler: string, source: string, folder: string): Promise<string> {
  const build = join(folder, 'host-build');
  await cp(source, build, { recursive: true });
  // zlib's build splits its compiler's command at spaces, which the folder's name may have.
  await symlink(compiler, join(folder, 'compiler'));
  const programs = '../compiler/usr/bin';
  const commands = [
    `export LD_LIBRARY_PATH=../compiler/usr/lib/x86_64-linux-gnu COMPILER_PATH=${programs}`,
    `export CC='${programs}/x86_64-linux-gnu-gcc-12 --sysroot=../compiler'`,
    configure,
    'make teststatic >made',
  ];
  run('sh', ['-c', commands.join(' && ')], build);
  return run('sh', ['-c', sums], build);
}

/**
 * Debian's make and gcc build zlib on all processors of a guest: its tests pass, and each object is the same as the one
 * that this compiler makes on the host's processor, byte for byte.
 */
export const parallelBuild: ProgramSuite = {
  name,
  bits: [64],
  processors,
  memoryMiB: 2048,
  quick: { 64: [], 32: [] },
  async prepare(bits, folder) {
    const { root } = await packageTree(gccContents, bits);
    const source = await sourcePackage('zlib');
    const entries = await treeEntries(source);
    const expected = await sumsOfHost(root, source, folder);
    return {
      entries: [
        ...(await treeEntries(root)),
        gccLink,
        ...entries.map((entry) => ({ ...entry, path: `${suiteFolder(name)}/${entry.path}` })),
      ],
      programs: [
        {
          name: `make -j${processors}`,
          command: `set -e
export CC=gcc
${configure}
make -j${processors} teststatic >made 2>&1 || { status=$?; cat made; exit $status; }
grep -o 'zlib test OK' made
${sums}`,
          expected: { kind: 'output', text: `zlib test OK\n${expected}` },
        },
      ],
    };
  },
};
