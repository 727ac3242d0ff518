/** Appends Wasm's primitive encodings (WebAssembly core specification, 5.2). */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  length = 0;

  byte(value: number): this {
    if (this.length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = value;
    return this;
  }

  /** An opcode of one byte with an unsigned number, most of what code consists of. */
  numbered(opcode: number, value: number): this {
    if (value >= 0x80 || this.length + 2 > this.#bytes.length) return this.byte(opcode).u32(value);
    this.#bytes[this.length++] = opcode;
    this.#bytes[this.length++] = value;
    return this;
  }

  bytes(values: ArrayLike<number>): this {
    const count = values.length;
    if (this.length + count > this.#bytes.length) this.#grow(count);
    // Opcodes have one to three bytes, for which `set` is slow.
    if (count < 8) for (let i = 0; i < count; i++) this.#bytes[this.length + i] = values[i] as number;
    else this.#bytes.set(values, this.length);
    this.length += count;
    return this;
  }

  /** Unsigned LEB128 of a u32. */
  u32(value: number): this {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  /** Signed LEB128 of an i32. */
  i32(value: number): this {
    let rest = value | 0;
    if (rest >= -0x40 && rest < 0x40) return this.byte(rest & 0x7f);
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      const isLast = (rest === 0 && !(low & 0x40)) || (rest === -1 && (low & 0x40) !== 0);
      this.byte(isLast ? low : low | 0x80);
      if (isLast) return this;
    }
  }

  /** Signed LEB128 of an i64. */
  i64(value: bigint | number): this {
    if (typeof value === 'number') {
      if (value === (value | 0)) return this.i32(value);
      return this.i64(BigInt(value));
    }
    if (value >= -0x80000000n && value <= 0x7fffffffn) return this.i32(Number(value));
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const isLast = (rest === 0n && !(low & 0x40)) || (rest === -1n && (low & 0x40) !== 0);
      this.byte(isLast ? low : low | 0x80);
      if (isLast) return this;
    }
  }

  /** A UTF-8 name with its length. Names here are ASCII. */
  name(text: string): this {
    this.u32(text.length);
    for (const character of text) this.byte(character.charCodeAt(0));
    return this;
  }

  /** Everything that `write` appends, behind its length in bytes. */
  sized(write: (inner: ByteWriter) => void): this {
    const inner = new ByteWriter();
    write(inner);
    return this.u32(inner.length).bytes(inner.view());
  }

  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  #grow(atLeast: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + atLeast));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
