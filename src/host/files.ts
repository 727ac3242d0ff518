import { closeSync, openSync, read, readSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const readBytes = promisify(read);

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

/** Gives a file's memory back at once, not when the collector comes by: these may be tens of MiB. The bytes are gone. */
export function releaseBytes({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

function endsEarly(at: number, needed: number): never {
  throw new RangeError(`it ends at ${at}, before ${needed}`);
}

/** A large file's bytes, read when they are asked for (structurally the machine's ByteSource). All of it throws FileError. */
export class FileBytes {
  readonly length: number;
  /** Else it is a pipe, for instance, and can only be read from one end to the other. */
  readonly isRegular: boolean;
  readonly #what: string;
  readonly #path: string;

  constructor(what: string, path: string) {
    this.#what = what;
    this.#path = path;
    const stats = this.#attempt(() => statSync(path));
    this.length = stats.size;
    this.isRegular = stats.isFile();
  }

  subarray(begin: number, end: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, end - begin));
    this.#attempt(() => {
      const file = openSync(this.#path, 'r');
      try {
        for (let at = 0; at < bytes.length; ) {
          at += readSync(file, bytes, at, bytes.length - at, begin + at) || endsEarly(begin + at, begin + bytes.length);
        }
      } finally {
        closeSync(file);
      }
    });
    return bytes;
  }

  /**
   * Another thread reads: a guest's fresh memory is dear to touch, and its engine can be made meanwhile. It has begun when this
   * returns.
   */
  async readInto(begin: number, target: Uint8Array): Promise<void> {
    try {
      const file = openSync(this.#path, 'r');
      try {
        for (let at = 0; at < target.length; ) {
          const { bytesRead } = await readBytes(file, target, at, target.length - at, begin + at);
          at += bytesRead || endsEarly(begin + at, begin + target.length);
        }
      } finally {
        closeSync(file);
      }
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  #attempt<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  #error(cause: unknown): FileError {
    return new FileError(`read ${this.#what}`, this.#path, cause);
  }
}

/** The bytes of any file: those of a regular one are read when they are needed. Rejects with FileError. */
export async function openUserFile(what: string, path: string): Promise<FileBytes | Uint8Array> {
  const bytes = new FileBytes(what, path);
  return bytes.isRegular ? bytes : readUserFile(what, path);
}
