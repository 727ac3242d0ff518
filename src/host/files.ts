import { openSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB',
};

/** A file of the user's that cannot be used. The cause is the system's error. */
export class FileError extends Error {
  readonly path: string;

  constructor(action: string, path: string, cause: unknown) {
    const { code, message } = cause as NodeJS.ErrnoException;
    super(`Cannot ${action} "${path}": ${(code && reasons[code]) ?? message}`, { cause });
    this.name = 'FileError';
    this.path = path;
  }
}

/** Reads a file whole. `what` names its role: "kernel". Throws FileError. */
export async function readUserFile(what: string, path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new FileError(`read ${what}`, path, cause);
  });
}

/** Throws FileError. */
export function writeUserFile(what: string, path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw new FileError(`write ${what}`, path, cause);
  }
}

/** Makes an empty file and opens it for writing. Throws FileError. */
export function openForOutput(what: string, path: string): number {
  try {
    return openSync(path, 'w');
  } catch (cause) {
    throw new FileError(`open ${what}`, path, cause);
  }
}
