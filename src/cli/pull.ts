import { ProgressBar } from '../host/index.ts';
import { ImageNotFoundError, ImageStore, type OpenImage, type PullProgress } from '../images/index.ts';
import { say } from './exit-status.ts';

const steps: Readonly<Record<PullProgress['phase'], string>> = {
  lists: 'reading package lists',
  download: 'downloading packages',
  unpack: 'unpacking',
  store: 'storing',
};

/** Pulls an image with its progress on standard error. */
export async function pullImage(store: ImageStore, name: string, signal: AbortSignal): Promise<void> {
  const bar = new ProgressBar(`Pulling image "${name}"`);
  const warnings: string[] = [];
  try {
    await store.pull(name, {
      signal,
      onProgress: ({ phase, fraction }) => bar.update(steps[phase], fraction),
      onWarning: (warning) => warnings.push(warning),
    });
  } finally {
    bar.finish();
    for (const warning of warnings) say(`Warning: ${warning}`);
  }
}

/** Opens an image of the store, after pulling it when it is one that can be pulled. */
export async function openImage(name: string, signal: AbortSignal): Promise<OpenImage> {
  const store = new ImageStore();
  try {
    return await store.open(name);
  } catch (error) {
    if (!(error instanceof ImageNotFoundError)) throw error;
  }
  await pullImage(store, name, signal);
  return store.open(name);
}
