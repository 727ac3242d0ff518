/** Random numbers that a seed gives again (sfc32), and the values that find mistakes. */
export class Random {
  #a: number;
  #b: number;
  #c = 0x9e3779b9;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = (seed ^ 0x5deece66) | 0;
    for (let i = 0; i < 12; i++) this.next32();
  }

  next32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  next64(): bigint {
    return (BigInt(this.next32()) << 32n) | BigInt(this.next32());
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.next32() / 0x1_0000_0000) * limit);
  }

  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    const value = list[this.below(list.length)];
    if (value === undefined) throw new RangeError('Cannot pick from an empty list');
    return value;
  }

  /** A register or immediate value: often an edge of some width. */
  value(): bigint {
    const kind = this.below(8);
    if (kind < 3) return this.pick(edges);
    if (kind === 3) return BigInt.asUintN(64, (1n << BigInt(this.below(64))) - BigInt(this.below(2)));
    if (kind === 4) return BigInt.asUintN(64, BigInt(this.between(-70, 70)));
    if (kind === 5) return BigInt(this.next32());
    return this.next64();
  }
}

const edges: readonly bigint[] = [7n, 8n, 15n, 16n, 31n, 32n, 63n, 64n]
  .flatMap((bits) => {
    const power = 1n << bits;
    return [power - 1n, power, power + 1n, -power].map((v) => BigInt.asUintN(64, v));
  })
  .concat([
    0n,
    0n,
    1n,
    1n,
    2n,
    BigInt.asUintN(64, -1n),
    BigInt.asUintN(64, -2n),
    0x5555555555555555n,
    0xaaaaaaaaaaaaaaaan,
  ]);
