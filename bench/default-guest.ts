import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withMarkerInit } from './first-process.ts';
import { imageGuest } from './image-guest.ts';
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
  const { packages, ...shell } = await imageGuest('debian');
  const markerInitrd = join(folder, 'marker-initrd');
  await writeFile(markerInitrd, withMarkerInit(await readFile(shell.initrd)));
  return { shell, marker: { ...shell, initrd: markerInitrd }, packages };
}
