import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CpioEntry } from '../../src/images/index.ts';
import { treeEntries } from '../../src/testing/debian/tree-archive.ts';
import { sourceFolder } from '../jobs/compile.ts';
import { luajitTree } from '../jobs/debian.ts';
import type { Place } from '../jobs/place.ts';

const script = 'luajit.lua';
const guestFolder = 'bench';

/** What the programs of programs/luajit.lua print: worked out without a computer's LuaJIT. */
export const luajitResults = {
  queens: '352',
  primes: '78498',
  collatz: '77031',
  fannkuch: '22',
  functions: '22597575000',
  rewrite: '200010000',
  words: '100000 137999',
  sorting: '24795753512',
} as const satisfies Readonly<Record<string, string>>;

/** What runs one of them in a guest. */
export const luajitWords = (name: string, folder: Place['folder'] = `/${guestFolder}`): string[] => [
  '/usr/bin/luajit',
  `${folder}/${script}`,
  name,
];

/** LuaJIT, its libraries and the programs, for an initial RAM file system. Throws when they cannot be fetched. */
export async function luajitEntries(): Promise<CpioEntry[]> {
  const { root } = await luajitTree();
  const content = await readFile(join(sourceFolder, script));
  return [
    ...(await treeEntries(root)),
    { kind: 'directory', path: guestFolder },
    { kind: 'file', path: `${guestFolder}/${script}`, mode: 0o644, content },
  ];
}
