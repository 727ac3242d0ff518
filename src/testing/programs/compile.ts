import type { Bits } from '../debian/package-tree.ts';
import { run } from '../debian/source-package.ts';

/** Compiles a program statically with the host's gcc (32 bits: Debian's gcc-multilib), which may warn as it likes. */
export function compile(bits: Bits, options: readonly string[], sources: readonly string[]): void {
  run('gcc', [`-m${bits}`, '-O2', '-w', '-static', ...options, ...sources, '-lm'], '.');
}
