import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mezzHome } from '../../host/index.ts';
import { type DebianArchitecture, PrivateApt } from '../../images/index.ts';

/** Debian packages unpacked in a folder, as they would lie under /. */
export interface PackageTree {
  readonly root: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface TreeContents {
  /** Of its folder in Mezz's own. */
  readonly name: string;
  readonly packages: readonly string[];
  /** Packages whose names have a version in them: those made from dependencies of a metapackage. */
  readonly through?: {
    readonly metapackage: string;
    readonly pattern: RegExp;
    names(dependency: string): readonly string[];
  };
}

export type Bits = 64 | 32;

const architectures: Readonly<Record<Bits, DebianArchitecture>> = { 64: 'amd64', 32: 'i386' };
const listName = 'versions.json';

/** The packages of a tree, fetched once into Mezz's folder, and again when others are wanted. */
export async function packageTree(contents: TreeContents, bits: Bits): Promise<PackageTree> {
  const home = join(mezzHome(), 'trees');
  const folder = join(home, `${contents.name}-${architectures[bits]}`);
  const root = join(folder, 'root');
  const versions = await knownVersions(join(folder, listName));
  if (versions && contents.packages.every((name) => Object.hasOwn(versions, name))) return { root, versions };
  console.error(`Fetching Debian packages (${contents.name}) for ${bits} bits`);
  await mkdir(home, { recursive: true });
  const temporary = await mkdtemp(join(home, '.fetch-'));
  try {
    const fetched = await fetchTree(contents, architectures[bits], temporary);
    await writeFile(join(temporary, 'tree', listName), JSON.stringify(fetched));
    await rm(folder, { recursive: true, force: true });
    await rename(join(temporary, 'tree'), folder);
    return { root, versions: fetched };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function knownVersions(path: string): Promise<Readonly<Record<string, string>> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

async function fetchTree({ packages, through }: TreeContents, architecture: DebianArchitecture, folder: string) {
  const root = join(folder, 'tree/root');
  await mkdir(root, { recursive: true });
  const apt = await PrivateApt.create(join(folder, 'apt'), { architecture });
  const names = [...packages];
  if (through) {
    const { dependencies } = await apt.find(through.metapackage);
    names.push(...dependencies.filter((name) => through.pattern.test(name)).flatMap(through.names));
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
