import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bits } from '../debian/package-tree.ts';
import { builtSource, run } from '../debian/source-package.ts';

export const opensslSource = 'openssl';
export const opensslLibrary = 'libcrypto-tests.so';

const targets: Readonly<Record<Bits, string>> = { 64: 'linux-x86_64', 32: 'linux-x86' };

/**
 * OpenSSL's own test programs in a folder, with the library that they share. It has every symbol of libcrypto, as many
 * tests look at what the usual one hides; so its code is in memory, and translated, once for all of them. Building it
 * takes a few minutes of the host's processor.
 */
export const builtOpensslTests = (tests: readonly string[], bits: Bits): Promise<string> =>
  builtSource(opensslSource, bits, async (source, folder) => {
    const build = join(folder, 'build');
    await mkdir(build);
    run('perl', [join(source, 'Configure'), targets[bits], 'no-shared', 'no-module', 'no-makedepend'], build);
    run('make', ['build_generated'], build);
    run('make', ['libcrypto.a', 'test/libtestutil.a', ...tests.map(objectOf)], build);
    const gcc = (...args: readonly string[]): string => run('gcc', [`-m${bits}`, '-s', '-pthread', ...args], build);
    const library = join(folder, opensslLibrary);
    gcc(
      '-shared',
      '-Wl,-Bsymbolic',
      `-Wl,-soname,${opensslLibrary}`,
      '-o',
      library,
      '-Wl,--whole-archive',
      'libcrypto.a',
      '-Wl,--no-whole-archive',
    );
    const objects = await readdir(join(build, 'test'));
    for (const test of tests) {
      const own = objects.filter((file) => file.startsWith(`${test}-bin-`) && file.endsWith('.o'));
      const paths = own.map((file) => join('test', file));
      gcc('-o', join(folder, test), ...paths, 'test/libtestutil.a', library, '-Wl,-rpath,$ORIGIN');
    }
    await rm(build, { recursive: true });
  });

const objectOf = (test: string): string => `test/${test}-bin-${test}.o`;
