import { join } from 'node:path';
import { mezzHome, TranslationFile } from '../host/index.ts';
import { defaultImage } from './boot-files.ts';
import type { RunOptions } from './run-options.ts';

const nowhere = 'none';

/** A file for each image; kernels of the user's own have none unless they name one. */
export const defaultTranslations = ({ image, kernel }: RunOptions): string =>
  kernel === undefined ? join(mezzHome(), 'translations', image ?? defaultImage) : nowhere;

/** Where a run's translated code is kept. Code that counts for statistics is other code, in another file. */
export async function openTranslations(
  { translations, stats, engine }: RunOptions,
  otherwise = nowhere,
): Promise<TranslationFile | undefined> {
  const path = translations ?? otherwise;
  if (path === nowhere || engine !== 'jit') return undefined;
  return stats === undefined ? TranslationFile.open(path, 'plain') : TranslationFile.open(`${path}.counted`, 'counted');
}
