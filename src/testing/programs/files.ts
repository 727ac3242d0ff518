import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CpioEntry } from '../../images/index.ts';

/** Files of the host as members of a folder in the guest, with the permissions that they have. */
export const filesIn = (folder: string, paths: readonly string[]): Promise<CpioEntry[]> =>
  Promise.all(
    paths.map(
      async (path): Promise<CpioEntry> => ({
        kind: 'file',
        path: `${folder}/${basename(path)}`,
        mode: (await stat(path)).mode,
        content: await readFile(path),
      }),
    ),
  );
