import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpioEntry, joinInitramfs, writeCpio } from '../../src/images/index.ts';
import { type ImageGuest, imageGuest } from '../image-guest.ts';
import { type Bits, compilePrograms } from './compile.ts';

/** Where a guest has the bench's programs. */
export const guestFolder = '/bench';

const images: Readonly<Record<Bits, string>> = { 64: 'debian', 32: 'debian-686' };

export interface JobGuest {
  readonly bits: Bits;
  /** A built-in image with the bench's programs, and the job runner as its first process. */
  readonly guest: ImageGuest;
  /** The same programs on the host. */
  readonly folder: string;
}

/** Compiles the programs of one bitness and puts them into a guest; `folder` takes the files. */
export async function makeJobGuest(bits: Bits, folder: string): Promise<JobGuest> {
  const programs = join(folder, `programs-${bits}`);
  const names = await compilePrograms(bits, programs);
  const image = await imageGuest(images[bits]);
  const contents = await Promise.all(
    names.map(async (name) => ({ name, content: await readFile(join(programs, name)) })),
  );
  const file = (path: string, content: Uint8Array): CpioEntry => ({ kind: 'file', path, mode: 0o755, content });
  const archive = writeCpio([
    { kind: 'directory', path: guestFolder },
    ...contents.map(({ name, content }) => file(name === 'init' ? 'init' : `${guestFolder}/${name}`, content)),
  ]);
  const initrd = join(folder, `jobs-initrd-${bits}`);
  await writeFile(initrd, joinInitramfs(await readFile(image.initrd), archive));
  return { bits, guest: { ...image, initrd }, folder: programs };
}
