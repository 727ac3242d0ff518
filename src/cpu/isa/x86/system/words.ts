/**
 * 64-bit quantities without BigInt. A linear address is a plain number, sign-extended from bit 47: every canonical
 * address is exact, and a non-canonical one stays recognisable. Elsewhere a value is two 32-bit words.
 */
const twoTo32 = 0x1_0000_0000;
const twoTo47 = 0x8000_0000_0000;

/** The address that these words mean; exact when canonical. */
export const addressFromWords = (lo: number, hi: number): number => (hi | 0) * twoTo32 + (lo >>> 0);

/** Bits 32-63 of an address as an i32; its low word is `address | 0`. */
export const highWord = (address: number): number => Math.floor(address / twoTo32) | 0;

export const isCanonical = (address: number): boolean => address >= -twoTo47 && address < twoTo47;

/** Bits 47-63 are equal: `hi` is the upper word. */
export const isCanonicalHigh = (hi: number): boolean => (hi << 16) >> 16 === (hi | 0);

/** A 64-bit register: words of its own, or two words of linear memory where generated code needs it. */
export class Register64 {
  readonly #words: Int32Array;
  readonly #at: number;

  constructor(words: Int32Array = new Int32Array(2), offset = 0) {
    this.#words = words;
    this.#at = offset >>> 2;
  }

  get lo(): number {
    return this.#words[this.#at] ?? 0;
  }

  set lo(value: number) {
    this.#words[this.#at] = value;
  }

  get hi(): number {
    return this.#words[this.#at + 1] ?? 0;
  }

  set hi(value: number) {
    this.#words[this.#at + 1] = value;
  }

  get value(): bigint {
    return (BigInt(this.hi >>> 0) << 32n) | BigInt(this.lo >>> 0);
  }

  set value(value: bigint) {
    this.lo = Number(value & 0xffffffffn) | 0;
    this.hi = Number((value >> 32n) & 0xffffffffn) | 0;
  }

  /** As a canonical address. */
  get address(): number {
    return addressFromWords(this.lo, this.hi);
  }

  setWords(lo: number, hi: number): void {
    this.lo = lo | 0;
    this.hi = hi | 0;
  }
}
