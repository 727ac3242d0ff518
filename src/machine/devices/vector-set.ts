/** The 256 vectors of an APIC's IRR, ISR or TMR. */
export class VectorSet {
  readonly #words = new Uint32Array(8);

  has(vector: number): boolean {
    return (((this.#words[vector >> 5] ?? 0) >>> (vector & 31)) & 1) !== 0;
  }

  add(vector: number): void {
    this.#words[vector >> 5] = (this.#words[vector >> 5] ?? 0) | (1 << (vector & 31));
  }

  delete(vector: number): void {
    this.#words[vector >> 5] = (this.#words[vector >> 5] ?? 0) & ~(1 << (vector & 31));
  }

  clear(): void {
    this.#words.fill(0);
  }

  /** The highest vector, or -1. */
  highest(): number {
    for (let i = 7; i >= 0; i--) {
      const word = this.#words[i] ?? 0;
      if (word !== 0) return i * 32 + 31 - Math.clz32(word);
    }
    return -1;
  }

  /** Vectors 32 `index` to 32 `index` + 31 as a register shows them. */
  word(index: number): number {
    return this.#words[index] ?? 0;
  }

  save(): number[] {
    return [...this.#words];
  }

  restore(words: readonly number[]): void {
    this.#words.set(words);
  }
}
