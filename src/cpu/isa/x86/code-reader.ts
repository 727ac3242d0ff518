/** The most bytes that an instruction may have (SDM 2A, 2.3.11; SDM 3A, 6.15, interrupt 13). */
export const maximumLength = 15;

/** Takes the bytes of an instruction one after the other. Those past the limit are made up, as zeros. */
export class CodeReader {
  #code: Uint8Array = new Uint8Array(0);
  #at = 0;
  #start = 0;
  #limit = 0;
  #isTruncated = false;

  begin(code: Uint8Array, at: number, limit: number): void {
    this.#code = code;
    this.#at = at;
    this.#start = at;
    this.#limit = limit;
    this.#isTruncated = false;
  }

  /** Bytes taken so far. */
  get length(): number {
    return this.#at - this.#start;
  }

  get isTooLong(): boolean {
    return this.length > maximumLength;
  }

  /** Bytes past the limit were asked for. */
  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  byte(): number {
    if (this.#at >= this.#limit) this.#isTruncated = true;
    const value = this.#isTruncated ? 0 : (this.#code[this.#at] ?? 0);
    this.#at++;
    return value;
  }

  /** The next byte, which is still to be taken. */
  peek(): number {
    const value = this.byte();
    this.#at--;
    return value;
  }

  word(): number {
    return this.byte() | (this.byte() << 8);
  }

  doubleWord(): number {
    return this.word() | (this.word() << 16);
  }

  quadWord(): bigint {
    const low = BigInt(this.doubleWord() >>> 0);
    return low | (BigInt(this.doubleWord()) << 32n);
  }

  signedByte(): number {
    return (this.byte() << 24) >> 24;
  }

  signedWord(): number {
    return (this.word() << 16) >> 16;
  }
}
