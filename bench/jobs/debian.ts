import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DebianArchitecture, mezzHome, PrivateApt } from '../../src/images/index.ts';
import type { Bits } from './compile.ts';

/** Debian packages unpacked in a folder, as they would lie under /. */
export interface DebianTree {
  readonly root: string;
  readonly versions: Readonly<Record<string, string>>;
}

interface TreeContents {
  /** Of its folder in Mezz's own. */
  readonly name: string;
  readonly packages: readonly string[];
  /** Packages that are in it as those of their dependencies whose name matches. */
  readonly through?: { readonly metapackage: string; readonly pattern: RegExp };
}

const architectures: Readonly<Record<Bits, DebianArchitecture>> = { 64: 'amd64', 32: 'i386' };
const listName = 'versions.json';

/** The bench's programs and the libraries that they need, and v86's firmware. Python's name has a version in it. */
const benchContents: TreeContents = {
  name: 'debian',
  packages: ['libc6', 'lua5.4', 'libreadline8', 'libtinfo6', 'mawk', 'gzip', 'tcc', 'libexpat1', 'zlib1g', 'seabios'],
  through: { metapackage: 'python3', pattern: /^python3\.\d+$/ },
};

/** A program that compiles while it runs. */
const luajitContents: TreeContents = {
  name: 'luajit',
  packages: ['libc6', 'libgcc-s1', 'luajit', 'libluajit-5.1-2'],
};

/** The bench's Debian programs, fetched once into Mezz's folder. */
export const debianTree = (bits: Bits): Promise<DebianTree> => treeOf(benchContents, bits);

/** LuaJIT and its libraries, fetched once into Mezz's folder. */
export const luajitTree = (): Promise<DebianTree> => treeOf(luajitContents, 64);

async function treeOf(contents: TreeContents, bits: Bits): Promise<DebianTree> {
  const home = join(mezzHome(), 'bench');
  const folder = join(home, `${contents.name}-${architectures[bits]}`);
  const root = join(folder, 'root');
  const known = await readFile(join(folder, listName), 'utf8').catch(() => undefined);
  if (known !== undefined) return { root, versions: JSON.parse(known) };
  console.error(`Fetching Debian programs (${contents.name}) for ${bits} bits`);
  await mkdir(home, { recursive: true });
  const temporary = await mkdtemp(join(home, '.fetch-'));
  try {
    const versions = await fetchTree(contents, architectures[bits], temporary);
    await writeFile(join(temporary, 'tree', listName), JSON.stringify(versions));
    await rm(folder, { recursive: true, force: true });
    await rename(join(temporary, 'tree'), folder);
    return { root, versions };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function fetchTree({ packages, through }: TreeContents, architecture: DebianArchitecture, folder: string) {
  const root = join(folder, 'tree/root');
  await mkdir(root, { recursive: true });
  const apt = await PrivateApt.create(join(folder, 'apt'), { architecture });
  const names = [...packages];
  if (through) {
    const { dependencies } = await apt.find(through.metapackage);
    const programs = dependencies.filter((name) => through.pattern.test(name));
    names.push(...programs.flatMap((name) => [`${name}-minimal`, `lib${name}-minimal`]));
  }
  const found = [];
  for (const name of names) found.push(await apt.find(name));
  const versions: Record<string, string> = {};
  for (const { name, version, path } of await apt.download(found)) {
    const { status, stderr, error } = spawnSync('dpkg-deb', ['-x', path, root], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`Cannot unpack package "${name}": ${error?.message ?? stderr.trim()}`);
    versions[name] = version;
  }
  return versions;
}
