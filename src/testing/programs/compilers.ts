import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bits, packageTree, type TreeContents } from '../debian/package-tree.ts';
import { run, sourcePackage } from '../debian/source-package.ts';
import { treeEntries } from '../debian/tree-archive.ts';
import { filesIn } from './files.ts';
import { floatCheckSources, floatChecksPass } from './float-checks.ts';
import { type Expected, type GuestProgram, type ProgramSuite, suiteFolder } from './suite.ts';
import { zlibModules } from './zlib.ts';

const library = ['libc6', 'libc6-dev', 'linux-libc-dev', 'libcrypt-dev', 'libcrypt1', 'libgcc-s1'];
const pass: Expected = { kind: 'verdict', pattern: floatChecksPass };

/** Fabrice Bellard's compiler translates our checks of floating point, to a file and to memory, and they run. */
export const tcc: ProgramSuite = {
  name: 'tcc',
  bits: [64, 32],
  memoryMiB: 512,
  quick: ['to memory'],
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

const gccContents: Readonly<Record<Bits, TreeContents>> = {
  64: gccTree('binutils-x86-64-linux-gnu'),
  32: gccTree('binutils-i686-linux-gnu'),
};

function gccTree(binutils: string): TreeContents {
  return {
    name: 'gcc',
    packages: [
      ...library,
      ...['gcc-12', 'cpp-12', 'libgcc-12-dev', 'binutils', 'binutils-common', binutils, 'libbinutils', 'libctf0'],
      ...['libctf-nobfd0', 'libjansson4', 'libgprofng0', 'libisl23', 'libmpc3', 'libmpfr6', 'libgmp10', 'libzstd1'],
      ...['zlib1g', 'libstdc++6', 'make'],
    ],
  };
}

const triple = 'x86_64-linux-gnu';
const optimizations = ['-O0', '-O2', '-O3 -march=x86-64-v2'];

/** A whole compiler with its assembler and linker, which builds zlib, and our checks; both are run. */
export const gcc: ProgramSuite = {
  name: 'gcc',
  bits: [64, 32],
  memoryMiB: 2048,
  quick: [],
  async prepare(bits, folder) {
    const { root } = await packageTree(gccContents[bits], bits);
    const source = await sourcePackage('zlib');
    const sources = (await zlibSources(source)).map((file) => join(source, file));
    const assembly = bits === 64 ? await hostAssembly(root, folder) : undefined;
    return {
      entries: [
        ...(await treeEntries(root)),
        { kind: 'symlink', path: 'usr/bin/gcc', target: 'gcc-12' },
        ...(await filesIn(suiteFolder('gcc'), [...floatCheckSources, ...sources])),
        { kind: 'file', path: `${suiteFolder('gcc')}/Makefile`, content: zlibMakefile },
        ...(assembly ? await filesIn(suiteFolder('gcc'), [assembly.source, assembly.output]) : []),
      ],
      programs: [
        ...optimizations
          .filter((flags) => bits === 64 || !flags.includes('x86-64'))
          .map(
            (flags): GuestProgram => ({
              name: `checks ${flags}`,
              command: `gcc ${flags} ${bits === 32 ? '-DON_X87 ' : ''}-frounding-math -o checks float-checks.c -lm && ./checks`,
              expected: pass,
            }),
          ),
        {
          name: 'zlib with make -j4',
          command:
            'make -s -j4 && ./example >log && tail -n 1 log && ./minigzip <libz.a | ./minigzip -d | cmp - libz.a',
          expected: { kind: 'output', text: 'inflate with dictionary: hello, hello!\n' },
        },
        ...(assembly ? [{ name: 'the same assembly as on the host', ...assembly.check }] : []),
      ],
    };
  },
};

const zlibSources = async (source: string): Promise<string[]> => {
  const headers = run('ls', ['.'], source).split('\n');
  return [
    ...headers.filter((file) => file.endsWith('.h')),
    ...zlibModules.map((module) => `${module}.c`),
    'test/example.c',
    'test/minigzip.c',
  ];
};

const zlibMakefile = `CFLAGS = -O2 -w -D_LARGEFILE64_SOURCE -DHAVE_UNISTD_H
all: example minigzip
libz.a: ${zlibModules.map((module) => `${module}.o`).join(' ')}
\tar rcs $@ $^
example: example.o libz.a
\tgcc -o $@ $^
minigzip: minigzip.o libz.a
\tgcc -o $@ $^
%.o: %.c
\tgcc $(CFLAGS) -c -o $@ $<
`;

/** What the compiler proper of these packages makes of a source on the host. */
async function hostAssembly(root: string, folder: string) {
  const source = join(folder, 'deflate.i');
  const output = join(folder, 'deflate.s');
  const zlib = await sourcePackage('zlib');
  run('gcc', ['-E', '-P', '-o', source, join(zlib, 'deflate.c')], folder);
  const compiler = (top: string): string => join(top, 'usr/lib/gcc', triple, '12/cc1');
  const flags = ['-quiet', '-O2', source.split('/').at(-1) ?? '', '-o'];
  const libraries = ['lib', 'usr/lib'].map((part) => join(root, part, triple)).join(':');
  const loader = join(root, 'lib', triple, 'ld-linux-x86-64.so.2');
  run(loader, ['--library-path', libraries, compiler(root), ...flags, output], folder);
  const lines = (await readFile(output, 'utf8')).split('\n').length - 1;
  return {
    source,
    output,
    check: {
      command: `${compiler('/')} ${flags.join(' ')} made.s && cmp deflate.s made.s && wc -l <made.s`,
      expected: { kind: 'output' as const, text: `${lines}\n` },
    },
  };
}
