import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withMarkerInit } from './first-process.ts';
import { type ImageGuest, imageGuest } from './image-guest.ts';
import type { GuestOfBench } from './machines.ts';

export interface DefaultGuest {
  /** The guest as it is: a shell on the console. */
  readonly shell: GuestOfBench;
  /** The same kernel and initial RAM disk, but the first process prints a marker and turns the machine off. */
  readonly marker: GuestOfBench;
  /** What it is made of, for the report. */
  readonly packages: Readonly<Record<string, string>>;
}

/** The default guest; `folder` takes the changed initial RAM disk. */
export async function defaultGuest(folder: string): Promise<DefaultGuest> {
  const shell = await imageGuest('debian');
  return { shell, marker: await markerGuest(shell, 64, folder), packages: shell.packages };
}

/** A guest whose first process prints a marker and turns the machine off. */
export async function markerGuest(guest: ImageGuest, bits: 64 | 32, folder: string): Promise<ImageGuest> {
  const initrd = join(folder, `marker-initrd-${bits}`);
  await writeFile(initrd, withMarkerInit(await readFile(guest.initrd), bits));
  return { ...guest, initrd };
}
