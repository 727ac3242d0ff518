import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageNotFoundError, ImageStore } from '../src/images/index.ts';
import { withMarkerInit } from './first-process.ts';
import type { GuestOfBench } from './machines.ts';

const image = 'debian';

export interface DefaultGuest {
  /** The guest as it is: a shell on the console. */
  readonly shell: GuestOfBench;
  /** The same kernel and initial RAM disk, but the first process prints a marker and turns the machine off. */
  readonly marker: GuestOfBench;
  /** What it is made of, for the report. */
  readonly packages: Readonly<Record<string, string>>;
}

/** The default guest from the image store, pulled if it is not there; `folder` takes the changed initial RAM disk. */
export async function defaultGuest(folder: string): Promise<DefaultGuest> {
  const store = new ImageStore();
  const opened = await store.open(image).catch(async (error: unknown) => {
    if (!(error instanceof ImageNotFoundError)) throw error;
    console.error(`Pulling image "${image}"`);
    await store.pull(image);
    return store.open(image);
  });
  const markerInitrd = join(folder, 'marker-initrd');
  await writeFile(markerInitrd, withMarkerInit(await readFile(opened.initrdPath)));
  // What Mezz adds to an image's command line by itself.
  const commandLine = `${opened.commandLine} panic=-1`;
  const shell = { image, kernel: opened.kernelPath, initrd: opened.initrdPath, commandLine };
  return {
    shell,
    marker: { ...shell, initrd: markerInitrd },
    packages: opened.packages,
  };
}
