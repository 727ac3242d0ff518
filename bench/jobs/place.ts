import { join } from 'node:path';
import type { PackageTree } from '../../src/testing/debian/package-tree.ts';
import type { Bits } from './compile.ts';

/** Where a machine has the programs. */
export interface Place {
  /** The folder of the bench's own programs, scripts and data. */
  readonly folder: string;
  /** The command line of a Debian program. */
  debian(path: string, ...args: readonly string[]): string[];
  /** The name of Python's program, and where its library is. */
  readonly python: string;
  readonly pythonHome: string;
}

const loaders: Readonly<Record<Bits, { readonly triple: string; readonly loader: string }>> = {
  64: { triple: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  32: { triple: 'i386-linux-gnu', loader: 'ld-linux.so.2' },
};

/** In a guest, whose root file system has Debian's files where Debian has them. */
export const guestPlace = (tree: PackageTree | undefined): Place => ({
  folder: '/bench',
  debian: (path, ...args) => [path, ...args],
  python: pythonName(tree),
  pythonHome: '/usr',
});

/** On the host: Debian's files lie in a folder, and run with the libraries that are there. */
export function hostPlace(folder: string, bits: Bits, tree: PackageTree | undefined): Place {
  const root = tree?.root ?? '/';
  const { triple, loader } = loaders[bits];
  const libraries = ['lib', 'usr/lib'].map((name) => join(root, name, triple)).join(':');
  const start = [join(root, 'lib', triple, loader), '--library-path', libraries];
  return {
    folder,
    debian: (path, ...args) => [...start, join(root, path), ...args],
    python: pythonName(tree),
    pythonHome: join(root, 'usr'),
  };
}

/** It has a version in it. */
const pythonName = (tree: PackageTree | undefined): string =>
  Object.keys(tree?.versions ?? {})
    .find((name) => /^python3\.\d+-minimal$/.test(name))
    ?.replace('-minimal', '') ?? 'python3';
