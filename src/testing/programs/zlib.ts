import { join } from 'node:path';
import type { Bits } from '../debian/package-tree.ts';
import { builtSource } from '../debian/source-package.ts';
import { compile } from './compile.ts';
import { filesIn } from './files.ts';
import { type GuestProgram, type ProgramSuite, suiteFolder } from './suite.ts';

const name = 'zlib';
const zlibModules =
  'adler32 compress crc32 deflate gzclose gzlib gzread gzwrite inflate infback inftrees inffast trees uncompr zutil'.split(
    ' ',
  );
const tests = ['example', 'minigzip', 'infcover'];

/** zlib's own test programs, linked with it statically. */
const build = (bits: Bits): Promise<string> =>
  builtSource(name, bits, (source, folder) => {
    const library = zlibModules.map((module) => join(source, `${module}.c`));
    for (const test of tests) {
      compile(
        bits,
        ['-I', source, '-D_LARGEFILE64_SOURCE', '-DHAVE_UNISTD_H', '-o', join(folder, test)],
        [join(source, 'test', `${test}.c`), ...library],
      );
    }
  });

/** What zlib's makefile does for "make test", and its coverage of inflate. */
const programs: readonly GuestProgram[] = [
  {
    name: 'example',
    command: './example',
    expected: { kind: 'verdict', pattern: /inflate with dictionary: hello, hello!\n$/ },
  },
  {
    name: 'minigzip',
    command: 'echo hello world | ./minigzip | ./minigzip -d && ./minigzip <infcover | ./minigzip -d | cmp - infcover',
    expected: { kind: 'output', text: 'hello world\n' },
  },
  {
    name: 'infcover',
    command: './infcover',
    expected: { kind: 'verdict', pattern: /^copy direct from output: \d+ high water mark$/m },
  },
];

export const zlib: ProgramSuite = {
  name,
  bits: [64, 32],
  memoryMiB: 512,
  quick: { 64: ['example'], 32: ['example'] },
  async prepare(bits) {
    const folder = await build(bits);
    return {
      entries: await filesIn(
        suiteFolder(name),
        tests.map((test) => join(folder, test)),
      ),
      programs,
    };
  },
};
