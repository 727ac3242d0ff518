import { layout, segment } from './layout.ts';
import { modeKey } from './mode.ts';
import type { X86Cpu } from './system/index.ts';

/** Register numbers that string instructions use. */
export const stringRegister = { count: 1, source: 6, destination: 7 } as const;

/** The pieces of the form operand (see `repeats` in row.ts). */
export const formOf = (form: number): { addressBytes: number; repeat: number; segment: number } => ({
  addressBytes: form & 0xff,
  repeat: (form >> 8) & 0xff,
  segment: (form >> 16) & 0xff,
});

/**
 * rSI, rDI or rCX as a string instruction uses it, in 32-bit halves: of the address size, moving by elements.
 * Made once for each register, set up at each instruction.
 */
export class StringRegister {
  readonly #words: Int32Array;
  readonly #at: number;
  #addressBytes = 8;

  constructor(words: Int32Array, number: number) {
    this.#words = words;
    this.#at = (layout.gpr >>> 2) + 2 * number;
  }

  begin(addressBytes: number): void {
    this.#addressBytes = addressBytes;
  }

  /** Low 32 bits of what counts of the register, unsigned. */
  get low(): number {
    const low = this.#words[this.#at] ?? 0;
    return this.#addressBytes === 2 ? low & 0xffff : low >>> 0;
  }

  get high(): number {
    return this.#addressBytes === 8 ? (this.#words[this.#at + 1] ?? 0) : 0;
  }

  /** The value, at most `limit`. */
  upTo(limit: number): number {
    return this.high !== 0 ? limit : Math.min(this.low, limit);
  }

  get isZero(): boolean {
    return this.low === 0 && this.high === 0;
  }

  /** Adds a small signed number, wrapping at the address size. */
  add(amount: number): void {
    const words = this.#words;
    const low = words[this.#at] ?? 0;
    if (this.#addressBytes === 2) {
      words[this.#at] = (low & ~0xffff) | ((low + amount) & 0xffff);
      return;
    }
    const sum = (low >>> 0) + amount;
    words[this.#at] = sum | 0;
    if (this.#addressBytes === 4) words[this.#at + 1] = 0;
    else if (sum < 0) words[this.#at + 1] = (words[this.#at + 1] ?? 0) - 1;
    else if (sum > 0xffffffff) words[this.#at + 1] = (words[this.#at + 1] ?? 0) + 1;
  }
}

/** Elements of a string in guest memory: finds where in linear memory they lie, in runs that stay in one page. */
export class StringOperand {
  readonly #cpu: X86Cpu;
  readonly #words: Int32Array;
  readonly register: StringRegister;
  #segment = 0;
  #kind = 0;
  #bytes = 1;

  constructor(cpu: X86Cpu, words: Int32Array, number: number) {
    this.#cpu = cpu;
    this.#words = words;
    this.register = new StringRegister(words, number);
  }

  /** `kind`: 0 read, 1 write. */
  begin(addressBytes: number, segmentNumber: number, kind: 0 | 1, bytes: number): void {
    this.register.begin(addressBytes);
    this.#segment = segmentNumber;
    this.#kind = kind;
    this.#bytes = bytes;
  }

  /**
   * Elements from here to the end of the page when they run upwards and need no checks of their own, else 1. 1 too for an
   * element that crosses into the next page.
   */
  run(isDown: boolean): number {
    if (isDown || !this.#isFlat) return 1;
    const low = this.register.low + this.#baseLow;
    if (this.#cpu.breakpoints.watchesData && this.#isWatched(low)) return 1;
    return Math.max(1, Math.floor((4096 - (low & 0xfff)) / this.#bytes));
  }

  /** Linear-memory address of the current element; `layout.bounce` stands for one that is not plain RAM; 0: it faults. */
  locate(): number {
    if (!this.#isFlat) {
      const packed = this.#segment | (this.#kind << 8) | (this.#bytes << 16);
      const linear = this.#cpu.segmentAddress(packed, this.register.low | 0);
      if (this.#words[layout.faulted >>> 2]) return 0;
      return this.#cpu.slowAccess(linear | 0, 0, this.#bytes, this.#kind) >>> 0;
    }
    const low = this.register.low + this.#baseLow;
    return this.#cpu.slowAccess(low | 0, this.#highOf(low), this.#bytes, this.#kind) >>> 0;
  }

  /** The upper word of the address whose lower one, with its carry, is `low`. */
  #highOf(low: number): number {
    const carry = low > 0xffffffff ? 1 : 0;
    const isCode64 = this.#mode === modeKey.code64;
    return isCode64 ? (this.register.high + this.#baseHigh + carry) | 0 : 0;
  }

  #isWatched(low: number): boolean {
    return this.#cpu.breakpoints.isDataPage(low | 0, this.#highOf(low));
  }

  get #mode(): number {
    return (this.#words[layout.modeKey >>> 2] ?? 0) & modeKey.codeMask;
  }

  get #isFlat(): boolean {
    const key = this.#words[layout.modeKey >>> 2] ?? 0;
    if ((key & modeKey.codeMask) === modeKey.code64) return true;
    return (key & modeKey.flat) !== 0 && this.#segment < segment.fs && this.#segment !== segment.cs;
  }

  get #baseLow(): number {
    return (this.#words[(layout.segmentBase + 8 * this.#segment) >>> 2] ?? 0) >>> 0;
  }

  get #baseHigh(): number {
    return this.#words[((layout.segmentBase + 8 * this.#segment) >>> 2) + 1] ?? 0;
  }
}
