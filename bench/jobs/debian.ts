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

const architectures: Readonly<Record<Bits, DebianArchitecture>> = { 64: 'amd64', 32: 'i386' };
/** The programs and the libraries that they need, but Python, whose name has a version in it; and v86's firmware. */
const packages = [
  'libc6',
  'lua5.4',
  'libreadline8',
  'libtinfo6',
  'mawk',
  'gzip',
  'tcc',
  'libexpat1',
  'zlib1g',
  'seabios',
];
const pythonMetapackage = 'python3';
const listName = 'versions.json';

/** The bench's Debian programs, fetched once into Mezz's folder. */
export async function debianTree(bits: Bits): Promise<DebianTree> {
  const home = join(mezzHome(), 'bench');
  const folder = join(home, `debian-${architectures[bits]}`);
  const root = join(folder, 'root');
  const known = await readFile(join(folder, listName), 'utf8').catch(() => undefined);
  if (known !== undefined) return { root, versions: JSON.parse(known) };
  console.error(`Fetching Debian programs for ${bits} bits`);
  await mkdir(home, { recursive: true });
  const temporary = await mkdtemp(join(home, '.fetch-'));
  try {
    const versions = await fetchTree(architectures[bits], join(temporary, 'apt'), join(temporary, 'tree/root'));
    await writeFile(join(temporary, 'tree', listName), JSON.stringify(versions));
    await rm(folder, { recursive: true, force: true });
    await rename(join(temporary, 'tree'), folder);
    return { root, versions };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function fetchTree(architecture: DebianArchitecture, aptFolder: string, root: string) {
  await mkdir(root, { recursive: true });
  const apt = await PrivateApt.create(aptFolder, { architecture });
  const python = (await apt.find(pythonMetapackage)).dependencies.filter((name) => /^python3\.\d+$/.test(name));
  const names = [...packages, ...python.flatMap((name) => [`${name}-minimal`, `lib${name}-minimal`])];
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
