import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpioEntry, joinInitramfs, writeCpio } from '../../src/images/index.ts';
import type { PackageTree } from '../../src/testing/debian/package-tree.ts';
import { treeEntries } from '../../src/testing/debian/tree-archive.ts';
import { type ImageGuest, imageGuest } from '../image-guest.ts';
import { type Bits, compilePrograms } from './compile.ts';
import { debianTree } from './debian.ts';
import { writeProgramData } from './program-data.ts';

const images: Readonly<Record<Bits, string>> = { 64: 'debian', 32: 'debian-686' };

export interface JobGuest {
  readonly bits: Bits;
  /** A built-in image with the bench's programs, and the job runner as its first process. */
  readonly guest: ImageGuest;
  /** The bench's programs, scripts and data on the host. */
  readonly folder: string;
  /** Undefined when Debian's programs could not be had. */
  readonly debian: PackageTree | undefined;
}

/** Makes the programs of one bitness and puts them into a guest, with `more` files; `folder` takes the files. */
export async function makeJobGuest(bits: Bits, folder: string, more: readonly CpioEntry[] = []): Promise<JobGuest> {
  const programs = join(folder, `programs-${bits}`);
  const binaries = await compilePrograms(bits, programs);
  const data = await writeProgramData(programs);
  const debian = await debianTree(bits).catch((error: unknown) => {
    console.error(`Leaving out Debian's programs: ${error instanceof Error ? error.message : error}`);
    return undefined;
  });
  const image = await imageGuest(images[bits]);
  const archive = writeCpio([
    ...(debian ? await treeEntries(debian.root) : []),
    { kind: 'symlink', path: 'bin/cat', target: 'busybox' },
    { kind: 'directory', path: 'bench' },
    ...(await Promise.all([...binaries, ...data].map((name) => program(programs, name)))),
    ...more,
  ]);
  const initrd = join(folder, `jobs-initrd-${bits}`);
  await writeFile(initrd, joinInitramfs(await readFile(image.initrd), archive));
  return { bits, guest: { ...image, initrd }, folder: programs, debian };
}

const program = async (folder: string, name: string): Promise<CpioEntry> => ({
  kind: 'file',
  path: name === 'init' ? name : `bench/${name}`,
  mode: 0o755,
  content: await readFile(join(folder, name)),
});
