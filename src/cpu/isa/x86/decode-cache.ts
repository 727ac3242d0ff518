import { Decoder } from './decoder.ts';
import type { Instruction } from './instruction.ts';
import { x86OpcodeMaps } from './rows.ts';

const entryBits = 14;
const entries = 1 << entryBits;
/** Longer instructions are rare and decoded each time. */
const keptBytes = 8;
const maximumLength = 15;
/** The most frequent ones first. */
const lengths = [3, 2, 4, 5, 7, 1, 8, 6] as const;
/** What is left of the first two words of code by the bytes of an instruction of each length. */
const lowMasks = Array.from({ length: keptBytes + 1 }, (_, bytes) => (bytes >= 4 ? -1 : (1 << (8 * bytes)) - 1));
const highMasks = Array.from({ length: keptBytes + 1 }, (_, bytes) => lowMasks[Math.max(0, bytes - 4)] ?? 0);

/**
 * Remembers what bytes decode to. Translation meets the same code many times: when it runs first, when it gets hot, and in every
 * region that has a part of it; and compilers write the same instructions over and over. The bytes of the instruction and
 * the mode are the key, so nothing has to be told when code changes. No instruction is the beginning of another one: at most one
 * length is found.
 */
export class CachedDecoder {
  readonly #decoder = new Decoder(x86OpcodeMaps);
  readonly #low = new Int32Array(entries);
  readonly #high = new Int32Array(entries);
  readonly #modes = new Int32Array(entries);
  readonly #lengths = new Uint8Array(entries);
  readonly #known: (Instruction | undefined)[] = new Array(entries).fill(undefined);

  /** As `Decoder.decode`; the same instruction may be given several times. */
  decode(code: Uint8Array, at: number, limit: number, mode: number): Instruction | undefined {
    if (limit - at <= maximumLength) return this.#decoder.decode(code, at, limit, mode);
    const low = word(code, at);
    const high = word(code, at + 4);
    for (const length of lengths) {
      const entry = this.#find(low & (lowMasks[length] as number), high & (highMasks[length] as number), length, mode);
      if (entry >= 0) return this.#known[entry];
    }
    const decoded = this.#decoder.decode(code, at, limit, mode);
    if (decoded && decoded.length <= keptBytes) this.#keep(decoded, low, high, mode);
    return decoded;
  }

  #find(low: number, high: number, length: number, mode: number): number {
    const entry = entryOf(low, high, length, mode);
    const isIt =
      this.#low[entry] === low &&
      this.#high[entry] === high &&
      this.#lengths[entry] === length &&
      this.#modes[entry] === mode;
    return isIt ? entry : -1;
  }

  #keep(instruction: Instruction, firstBytes: number, nextBytes: number, mode: number): void {
    const { length } = instruction;
    const low = firstBytes & (lowMasks[length] as number);
    const high = nextBytes & (highMasks[length] as number);
    const entry = entryOf(low, high, length, mode);
    this.#low[entry] = low;
    this.#high[entry] = high;
    this.#lengths[entry] = length;
    this.#modes[entry] = mode;
    this.#known[entry] = instruction;
  }
}

const entryOf = (low: number, high: number, length: number, mode: number): number =>
  (Math.imul(Math.imul(low ^ length, 0x9e3779b1) ^ high, 0x85ebca6b) ^ Math.imul(mode, 0x9e3779b1)) >>>
  (32 - entryBits);

const word = (code: Uint8Array, at: number): number =>
  (code[at] ?? 0) | ((code[at + 1] ?? 0) << 8) | ((code[at + 2] ?? 0) << 16) | ((code[at + 3] ?? 0) << 24);

/** All engines of a process decode the same way. */
export const cachedDecoder = new CachedDecoder();
