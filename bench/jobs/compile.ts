import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bits } from '../../src/testing/debian/package-tree.ts';

export type { Bits };

export const sourceFolder = fileURLToPath(new URL('../programs', import.meta.url));
const common = ['-std=gnu11', '-O2', '-static', '-fno-math-errno', '-Wall', '-Wextra', '-Werror'];
const width: Readonly<Record<Bits, readonly string[]>> = {
  64: ['-m64'],
  32: ['-m32', '-march=i686', '-msse2', '-mfpmath=sse'],
};

interface Binary {
  readonly name: string;
  readonly files: readonly string[];
  readonly flags?: readonly string[];
  readonly bits?: Bits;
}

const suite = ['suite', 'core', 'sha256', 'arithmetic', 'calls', 'floats', 'memory', 'system', 'rewrite'];

const binaries: readonly Binary[] = [
  { name: 'init', files: ['init'] },
  { name: 'empty', files: ['empty'] },
  { name: 'suite', files: ['suite-all', ...suite] },
  { name: 'suite-x87', files: ['suite-floats', 'suite', 'floats'], flags: ['-mno-sse', '-mfpmath=387'], bits: 32 },
];

/** Compiles the programs of one bitness into a folder, which is made. Throws when there is no compiler for it. */
export async function compilePrograms(bits: Bits, folder: string): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  await checkCompiler(bits, folder);
  const wanted = binaries.filter((binary) => binary.bits === undefined || binary.bits === bits);
  for (const { name, files, flags = [] } of wanted) {
    const paths = files.map((file) => join(sourceFolder, `${file}.c`));
    const complaint = gcc([...common, ...width[bits], ...flags, '-o', join(folder, name), ...paths, '-lm']);
    if (complaint !== undefined)
      throw new Error(`Cannot compile bench program "${name}" for ${bits} bits: ${complaint}`);
  }
  return wanted.map(({ name }) => name);
}

async function checkCompiler(bits: Bits, folder: string): Promise<void> {
  const source = join(folder, 'probe.c');
  await writeFile(source, '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n');
  const complaint = gcc([...common, ...width[bits], '-o', join(folder, 'probe'), source]);
  if (complaint === undefined) return;
  const packages = bits === 64 ? 'gcc and libc6-dev' : 'gcc and gcc-multilib';
  throw new Error(
    `Cannot compile the bench's programs for ${bits} bits: gcc with a static C library is needed, which Debian has in ` +
      `${packages}; gcc says: ${complaint}`,
  );
}

/** Whether this host runs what was compiled into a folder: kernels may be made without 32-bit programs. */
export const runsHere = (folder: string): boolean => spawnSync(join(folder, 'probe'), { stdio: 'ignore' }).status === 0;

/** What gcc complains about, if it fails. */
function gcc(args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('gcc', args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr).trim();
}
