/** Little-endian numbers of any size into a growing buffer. */
export class ByteWriter {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  byte(value: number): void {
    this.bytes([value]);
  }

  /** Seven bits a byte, lowest first. */
  number(value: number | bigint): void {
    let rest = BigInt(value);
    for (; rest > 0x7fn; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80);
    this.byte(Number(rest));
  }

  bytes(values: ArrayLike<number>): void {
    if (this.#length + values.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#bytes.length + values.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** A length, then the bytes. */
  block(values: Uint8Array): void {
    this.number(values.length);
    this.bytes(values);
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // Not a Buffer, whose slices share its memory.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new RangeError('Cannot read recorded vectors: they end in the middle of a case');
    return value;
  }

  bigNumber(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  number(): number {
    return Number(this.bigNumber());
  }

  bytes(length: number): Uint8Array {
    this.#at += length;
    if (this.#at > this.#bytes.length)
      throw new RangeError('Cannot read recorded vectors: they end in the middle of a case');
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  block(): Uint8Array {
    return this.bytes(this.number());
  }
}
