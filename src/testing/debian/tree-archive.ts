import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { CpioEntry } from '../../images/index.ts';

/** What programs don't need to run: documentation, character sets, and what Python wrote on the host. */
const unwanted = /(^|\/)(share|gconv|__pycache__)(\/|$)/;

/** The files, links and folders of a tree as members of an initial RAM file system. */
export async function treeEntries(root: string): Promise<CpioEntry[]> {
  const names = (await readdir(root, { recursive: true, withFileTypes: true }))
    .map((entry) => ({ entry, path: relative(root, join(entry.parentPath, entry.name)) }))
    .filter(({ path }) => !unwanted.test(path))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return Promise.all(
    names.map(async ({ entry, path }): Promise<CpioEntry> => {
      const from = join(root, path);
      if (entry.isDirectory()) return { kind: 'directory', path };
      if (entry.isSymbolicLink()) return { kind: 'symlink', path, target: await readlink(from) };
      return { kind: 'file', path, mode: (await stat(from)).mode, content: await readFile(from) };
    }),
  );
}
