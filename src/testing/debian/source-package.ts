import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mezzHome } from '../../host/index.ts';
import { aptConfiguration } from '../../images/index.ts';
import type { Bits } from './package-tree.ts';

const systemLists = '/etc/apt';
const home = (): string => join(mezzHome(), 'sources');

/**
 * The folder of a Debian source package as its authors published it, fetched once into Mezz's folder: from the sources
 * that the system's apt is configured with, which checks signatures and hashes. No root, and the system doesn't change.
 */
export async function sourcePackage(name: string): Promise<string> {
  const folder = join(home(), name);
  return once(folder, async (temporary) => {
    console.error(`Fetching the source of ${name}`);
    const lists = join(temporary, 'lists');
    await mkdir(join(lists, 'parts'), { recursive: true });
    for (const part of ['lists/partial', 'archives/partial']) await mkdir(join(lists, part), { recursive: true });
    await writeFile(join(lists, 'status'), '');
    await writeFile(join(lists, 'sources.list'), '');
    await writeSourceLists(join(lists, 'parts'));
    const more = `Dir::Etc::sourcelist "${lists}/sources.list";\nDir::Etc::sourceparts "${lists}/parts";\n`;
    await writeFile(join(lists, 'apt.conf'), `${aptConfiguration(lists, 'amd64')}${more}`);
    const apt = ['-c', join(lists, 'apt.conf'), '-qq'];
    run('apt-get', [...apt, 'update'], lists);
    run('apt-get', [...apt, 'source', '--download-only', '--tar-only', name], lists);
    const archive = (await readdir(lists)).find((file) => /\.orig\.tar\.[a-z0-9]+$/.test(file));
    if (archive === undefined) throw new Error(`Cannot fetch the source of "${name}": apt-get downloaded none`);
    await mkdir(join(temporary, 'made'));
    run('tar', ['-xf', join(lists, archive), '-C', join(temporary, 'made'), '--strip-components=1'], lists);
  });
}

/** A folder where a source was built for guests of this bitness; built when it is not there. */
export const builtSource = (
  name: string,
  bits: Bits,
  build: (source: string, folder: string) => void | Promise<void>,
): Promise<string> =>
  once(join(home(), `${name}-${bits}`), async (temporary) => {
    const source = await sourcePackage(name);
    console.error(`Building ${name} for ${bits} bits`);
    await mkdir(join(temporary, 'made'));
    await build(source, join(temporary, 'made'));
  });

/** Makes a folder as a whole or not at all. */
async function once(folder: string, make: (temporary: string) => Promise<void>): Promise<string> {
  if ((await readdir(folder).catch(() => [])).length > 0) return folder;
  await mkdir(home(), { recursive: true });
  const temporary = await mkdtemp(join(home(), '.make-'));
  try {
    await make(temporary);
    await rename(join(temporary, 'made'), folder);
    return folder;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The system's lists of package sources, asked for source packages. */
async function writeSourceLists(folder: string): Promise<void> {
  const parts = await readdir(join(systemLists, 'sources.list.d')).catch(() => []);
  const lists = [
    'sources.list',
    ...parts.filter((file) => /\.(list|sources)$/.test(file)).map((file) => `sources.list.d/${file}`),
  ];
  for (const list of lists) {
    const text = await readFile(join(systemLists, list), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const asked = text.replaceAll(/^deb\s/gm, 'deb-src ').replaceAll(/^Types:.*$/gm, 'Types: deb-src');
    await writeFile(join(folder, list.replace('/', '-')), asked);
  }
}

/** Runs a program of the host. Throws when it fails, with the end of what it said. */
export function run(program: string, args: readonly string[], folder: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (status === 0) return stdout;
  const reason = error?.message ?? `${stdout}${stderr}`.trim().split('\n').slice(-8).join('\n');
  throw new Error(`Cannot run "${[program, ...args].join(' ')}": ${reason}`);
}
