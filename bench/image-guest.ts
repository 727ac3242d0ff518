import { ImageNotFoundError, ImageStore } from '../src/images/index.ts';
import type { GuestOfBench } from './machines.ts';

export interface ImageGuest extends GuestOfBench {
  readonly image: string;
  readonly initrd: string;
  readonly commandLine: string;
  /** What it is made of, for the report. */
  readonly packages: Readonly<Record<string, string>>;
}

/** A guest of the image store as it is, pulled if it is not there. */
export async function imageGuest(image: string): Promise<ImageGuest> {
  const store = new ImageStore();
  const opened = await store.open(image).catch(async (error: unknown) => {
    if (!(error instanceof ImageNotFoundError)) throw error;
    console.error(`Pulling image "${image}"`);
    await store.pull(image);
    return store.open(image);
  });
  // What Mezz adds to an image's command line by itself.
  const commandLine = `${opened.commandLine} panic=-1`;
  return { image, kernel: opened.kernelPath, initrd: opened.initrdPath, commandLine, packages: opened.packages };
}
