import { Decoder } from './decoder.ts';
import type { Instruction } from './instruction.ts';
import { x86OpcodeMaps } from './rows.ts';

const entries = 1 << 14;
/** Longer instructions are rare and decoded each time. */
const keptBytes = 8;
const maximumLength = 15;

/**
 * Remembers what bytes decode to. Translation meets the same code many times: when it runs first, when it gets hot, and in every
 * region that has a part of it. The bytes are the key, so nothing has to be told when code changes.
 */
export class CachedDecoder {
  readonly #decoder = new Decoder(x86OpcodeMaps);
  readonly #low = new Int32Array(entries);
  readonly #high = new Int32Array(entries);
  readonly #modes = new Int32Array(entries);
  readonly #known: (Instruction | undefined)[] = new Array(entries).fill(undefined);

  /** As `Decoder.decode`; the same instruction may be given several times. */
  decode(code: Uint8Array, at: number, limit: number, mode: number): Instruction | undefined {
    if (limit - at <= maximumLength) return this.#decoder.decode(code, at, limit, mode);
    const low = word(code, at);
    const high = word(code, at + 4);
    const entry = (Math.imul(Math.imul(low, 0x9e3779b1) ^ high, 0x85ebca6b) ^ mode) >>> 18;
    const known = this.#known[entry];
    if (known && this.#low[entry] === low && this.#high[entry] === high && this.#modes[entry] === mode) return known;
    const decoded = this.#decoder.decode(code, at, limit, mode);
    if (!decoded || decoded.length > keptBytes) return decoded;
    this.#known[entry] = decoded;
    this.#low[entry] = low;
    this.#high[entry] = high;
    this.#modes[entry] = mode;
    return decoded;
  }
}

const word = (code: Uint8Array, at: number): number =>
  (code[at] ?? 0) | ((code[at + 1] ?? 0) << 8) | ((code[at + 2] ?? 0) << 16) | ((code[at + 3] ?? 0) << 24);

/** All engines of a process decode the same way. */
export const cachedDecoder = new CachedDecoder();
