/** Reads tar archives as they stream by: the ustar format of POSIX.1-2001, and names of dpkg's archives. */
const blockSize = 512;
const regularFile = ['0', '\0'];

export interface TarFile {
  /** Without a leading "./". */
  readonly path: string;
  readonly content: Uint8Array;
}

export class TarError extends RangeError {
  readonly field: string;

  constructor(field: string, reason: string) {
    super(`Cannot read tar archive: ${reason}`);
    this.name = 'TarError';
    this.field = field;
  }
}

/** Yields the regular files whose path is wanted, in archive order. Stops reading when its user does. */
export async function* tarFiles(
  stream: AsyncIterable<Uint8Array>,
  isWanted: (path: string) => boolean,
): AsyncGenerator<TarFile> {
  const source = new ByteSource(stream);
  for (;;) {
    const header = await source.take(blockSize);
    if (!header || header.every((byte) => byte === 0)) return;
    const { path, type, sizeBytes } = readHeader(header);
    const padded = Math.ceil(sizeBytes / blockSize) * blockSize;
    if (regularFile.includes(type) && isWanted(path)) {
      const content = await source.take(padded);
      if (!content) throw new TarError('size', `it ends within "${path}"`);
      yield { path, content: content.subarray(0, sizeBytes) };
    } else if (!(await source.skip(padded))) {
      throw new TarError('size', `it ends within "${path}"`);
    }
  }
}

function readHeader(header: Uint8Array): { path: string; type: string; sizeBytes: number } {
  const text = (at: number, length: number): string => {
    const field = Buffer.from(header.buffer, header.byteOffset + at, length).toString('latin1');
    return field.split('\0', 1)[0] ?? '';
  };
  const octal = (name: string, at: number, length: number): number => {
    const digits = text(at, length).trim();
    if (!/^[0-7]+$/.test(digits)) throw new TarError(name, `header field "${name}" is no octal number`);
    return Number.parseInt(digits, 8);
  };
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  if (octal('chksum', 148, 8) !== sum) throw new TarError('chksum', 'the checksum of a header is wrong');
  const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
  const path = (prefix === '' ? '' : `${prefix}/`) + text(0, 100);
  const type = String.fromCharCode(header[156] ?? 0);
  return { path: path.replace(/^\.\//, ''), type, sizeBytes: octal('size', 124, 12) };
}

/** Cuts a stream of chunks into pieces of the wanted length. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #current = new Uint8Array();

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Undefined when the stream ends first. */
  async take(length: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    const isComplete = await this.#consume(length, (part) => parts.push(part));
    return isComplete ? Buffer.concat(parts) : undefined;
  }

  /** False when the stream ends first. */
  skip(length: number): Promise<boolean> {
    return this.#consume(length, () => {});
  }

  async #consume(length: number, take: (part: Uint8Array) => void): Promise<boolean> {
    let missing = length;
    while (missing > 0) {
      if (this.#current.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) return false;
        this.#current = new Uint8Array(next.value);
      }
      const part = this.#current.subarray(0, missing);
      this.#current = this.#current.subarray(part.length);
      missing -= part.length;
      take(part);
    }
    return true;
  }
}
