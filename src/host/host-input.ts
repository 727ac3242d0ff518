import type { Readable } from 'node:stream';

/** Standard input, read as it is asked for. Nothing is taken from it before the first `read`. */
export class HostInput {
  readonly #stream: () => Readable;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #rest: Uint8Array = new Uint8Array();

  /** Node takes hold of a stream when it is first mentioned, so it is asked for late. */
  constructor(stream: () => Readable) {
    this.#stream = stream;
  }

  /** Resolves with 1 to `max` bytes, or undefined at the end. Rejects when it cannot be read. */
  async read(max: number): Promise<Uint8Array | undefined> {
    this.#chunks ??= this.#stream()[Symbol.asyncIterator]();
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      this.#rest = value;
    }
    const taken = this.#rest.subarray(0, max);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** Lets go of it, so that it doesn't keep the program alive. */
  close(): void {
    if (this.#chunks) this.#stream().destroy();
  }
}
