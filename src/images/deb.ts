import { ProgramError, readText, startError } from './program.ts';
import { type TarFile, tarFiles } from './tar.ts';

/**
 * The first file in a Debian package whose path is wanted. dpkg-deb unpacks; it is stopped as soon as the file is there.
 * Throws ProgramError when dpkg-deb is missing or the package is damaged; undefined when there is no such file.
 */
export async function readDebFile(
  debPath: string,
  isWanted: (path: string) => boolean,
  signal?: AbortSignal,
): Promise<TarFile | undefined> {
  // Loaded here, as most runs start no program.
  const { spawn } = await import('node:child_process');
  const child = spawn('dpkg-deb', ['--fsys-tarfile', debPath], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(startError('dpkg-deb', cause)));
    child.once('close', resolve);
  });
  exit.catch(() => {});
  const complaint = readText(child.stderr);
  const { found, failure } = await firstFile(child.stdout, isWanted).then(
    (file) => ({ found: file, failure: undefined }),
    (error: unknown) => ({ found: undefined, failure: error }),
  );
  if (found) {
    child.stdout.destroy();
    child.kill();
    await exit.catch(() => {});
    return found;
  }
  if ((await exit) !== 0) throw new ProgramError('dpkg-deb', (await complaint).trim(), { cause: failure });
  if (failure) throw failure;
  return undefined;
}

async function firstFile(
  stream: AsyncIterable<Uint8Array>,
  isWanted: (path: string) => boolean,
): Promise<TarFile | undefined> {
  for await (const file of tarFiles(stream, isWanted)) return file;
  return undefined;
}
