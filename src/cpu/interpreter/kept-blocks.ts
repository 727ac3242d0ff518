import { record } from './record.ts';

type Words = Int32Array<ArrayBuffer>;
type Bytes = Uint8Array<ArrayBuffer>;

/** Decoded basic blocks that outlive the engine that decoded them. */
export interface PackedBlocks {
  /** Of each block `headWords` words, see `head`. */
  readonly heads: Words;
  /** What the blocks were decoded from, one behind the other. */
  readonly code: Bytes;
  /** Their records as they were written, links unknown, as words; one block behind the other. */
  readonly records: Words;
}

const pageBytes = 4096;
const keyedBytes = 8;
const recordWords = record.bytes >> 2;
const headWords = 3;
const head = {
  /** See `codeKey`. */
  key: 0,
  mode: 1,
  /** Bits 0-11: offset of the block in its page; 12-21: bytes of code; from 22 on: records. */
  shape: 2,
} as const;
const shape = { offsetBits: 12, lengthBits: 10 } as const;
const recordsShift = shape.offsetBits + shape.lengthBits;

/** Blocks that are kept at most, and the words of their records. */
const most = { blocks: 1 << 18, recordWords: 6 << 20 } as const;
/** Blocks of one hash that are looked at: a guest may write as many that begin alike as it likes. */
const mostAlike = 32;
/** Fewer new ones than this part of all are not worth a new file. */
const noticeable = 1 / 50;

/** Tells code apart: by mode, place in its page, and its first bytes there. */
export function codeKey(memory: Uint8Array, address: number, mode: number): number {
  const end = Math.min(address + keyedBytes, address - (address % pageBytes) + pageBytes);
  let key = Math.imul(mode, 0x9e3779b1) ^ (address % pageBytes);
  for (let at = address; at < end; at++) key = Math.imul(key ^ (memory[at] as number), 0x01000193);
  return key;
}

/** Blocks one behind the other, found by number. */
class BlockStore {
  heads: Words;
  code: Bytes;
  records: Words;
  count = 0;
  codeLength = 0;
  recordLength = 0;
  /** Where each block's code and records begin. */
  #places: Words;

  constructor({ heads, code, records }: PackedBlocks) {
    this.heads = heads;
    this.code = code;
    this.records = records;
    this.#places = new Int32Array(2 * (heads.length / headWords));
    for (let i = 0; i < heads.length / headWords; i++) this.#count(i);
    if (this.codeLength !== code.length || this.recordLength !== records.length) this.clear();
  }

  clear(): void {
    this.count = this.codeLength = this.recordLength = 0;
  }

  keyOf(block: number): number {
    return this.heads[headWords * block + head.key] as number;
  }

  modeOf(block: number): number {
    return this.heads[headWords * block + head.mode] as number;
  }

  offsetOf(block: number): number {
    return this.#shapeOf(block) & (pageBytes - 1);
  }

  /** Bytes of its code, which begins there in `code`. */
  lengthOf(block: number): number {
    return (this.#shapeOf(block) >>> shape.offsetBits) & ((1 << shape.lengthBits) - 1);
  }

  codeOf(block: number): number {
    return this.#places[2 * block] as number;
  }

  /** Words of its records, which begin there in `records`. */
  recordWordsOf(block: number): number {
    return (this.#shapeOf(block) >>> recordsShift) * recordWords;
  }

  recordsOf(block: number): number {
    return this.#places[2 * block + 1] as number;
  }

  #shapeOf(block: number): number {
    return this.heads[headWords * block + head.shape] as number;
  }

  /** Appends a block. */
  add(key: number, mode: number, offset: number, code: Uint8Array, records: Int32Array): void {
    const block = this.count;
    this.heads = grown(this.heads, headWords * (block + 1));
    this.code = grown(this.code, this.codeLength + code.length);
    this.records = grown(this.records, this.recordLength + records.length);
    this.#places = grown(this.#places, 2 * (block + 1));
    const words = offset | (code.length << shape.offsetBits) | ((records.length / recordWords) << recordsShift);
    this.heads.set([key, mode, words], headWords * block);
    this.code.set(code, this.codeLength);
    this.records.set(records, this.recordLength);
    this.#count(block);
  }

  #count(block: number): void {
    this.#places[2 * block] = this.codeLength;
    this.#places[2 * block + 1] = this.recordLength;
    this.codeLength += this.lengthOf(block);
    this.recordLength += this.recordWordsOf(block);
    this.count = block + 1;
  }

  /** Appends a block of another store. */
  addFrom(other: BlockStore, block: number): void {
    const [codeAt, recordsAt] = [other.codeOf(block), other.recordsOf(block)];
    const code = other.code.subarray(codeAt, codeAt + other.lengthOf(block));
    const records = other.records.subarray(recordsAt, recordsAt + other.recordWordsOf(block));
    this.add(other.keyOf(block), other.modeOf(block), other.offsetOf(block), code, records);
  }

  /** Views of its arrays. */
  packed(): PackedBlocks {
    return {
      heads: this.heads.subarray(0, headWords * this.count),
      code: this.code.subarray(0, this.codeLength),
      records: this.records.subarray(0, this.recordLength),
    };
  }
}

function grown<A extends Words | Bytes>(array: A, length: number): A {
  if (length <= array.length) return array;
  const more = new (array.constructor as new (length: number) => A)(Math.max(1024, length, array.length * 2));
  more.set(array);
  return more;
}

function joined<A extends Words | Bytes>(make: new (length: number) => A, first: A, second: A): A {
  const both = new make(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** A block that was kept. */
export interface FoundBlock {
  readonly records: Int32Array;
  /** Where its records begin there, and how many words they are. */
  readonly recordsAt: number;
  readonly recordWords: number;
  /** Bytes of its code. */
  readonly length: number;
}

const noBlocks = (): PackedBlocks => ({ heads: new Int32Array(), code: new Uint8Array(), records: new Int32Array() });

/**
 * Basic blocks that this run and earlier ones have decoded, found by the bytes that they were decoded from. Decoding takes about
 * two microseconds an instruction, and a quarter of a boot; the next boot decodes the same.
 */
export class KeptBlocks {
  readonly #earlier: BlockStore;
  readonly #fresh = new BlockStore(noBlocks());
  /** Of earlier runs: 1 where this run has used it. */
  readonly #used: Uint8Array;
  /** By key, one and the number of the newest block of that hash; fresh ones are numbered behind the others. */
  #heads: Words;
  /** The same for the next one of the same hash. */
  #next: Words;
  /** Blocks that were found. */
  hits = 0;
  /** Blocks that there was no room for. */
  #refused = 0;

  constructor(packed: PackedBlocks = noBlocks()) {
    this.#earlier = new BlockStore(packed);
    const { count } = this.#earlier;
    this.#used = new Uint8Array(count);
    this.#heads = new Int32Array(tableSize(count));
    this.#next = new Int32Array(count);
    for (let block = 0; block < count; block++) this.#enter(block, this.#earlier.keyOf(block));
  }

  /** What the code at an address was decoded to. */
  find(memory: Uint8Array, address: number, mode: number): FoundBlock | undefined {
    const key = codeKey(memory, address, mode);
    const { count } = this.#earlier;
    let next = this.#heads[this.#hash(key)] as number;
    for (let seen = 0; next !== 0 && seen < mostAlike; seen++, next = this.#next[next - 1] as number) {
      const isEarlier = next - 1 < count;
      const store = isEarlier ? this.#earlier : this.#fresh;
      const block = isEarlier ? next - 1 : next - 1 - count;
      if (store.keyOf(block) !== key || !isSame(store, block, memory, address, mode)) continue;
      if (isEarlier) this.#used[block] = 1;
      this.hits++;
      return {
        records: store.records,
        recordsAt: store.recordsOf(block),
        recordWords: store.recordWordsOf(block),
        length: store.lengthOf(block),
      };
    }
    return undefined;
  }

  /** A block was decoded from `length` bytes, to these records. */
  add(memory: Uint8Array, address: number, length: number, mode: number, records: Int32Array): void {
    const blocks = this.#earlier.count + this.#fresh.count;
    const words = this.#earlier.recordLength + this.#fresh.recordLength;
    if (length >= 1 << shape.lengthBits || blocks >= most.blocks || words + records.length > most.recordWords) {
      this.#refused++;
      return;
    }
    const key = codeKey(memory, address, mode);
    this.#fresh.add(key, mode, address % pageBytes, memory.subarray(address, address + length), records);
    if (blocks + 1 > this.#heads.length) this.#widen();
    this.#next = grown(this.#next, blocks + 1);
    this.#enter(blocks, key);
  }

  /** Whether so much is new, or was refused for want of room, that what is kept should be chosen anew. */
  get isNew(): boolean {
    return this.#fresh.count + this.#refused > this.#earlier.count * noticeable;
  }

  /** What is to be kept: all of it, or where that would be much, what this run has used. */
  packed(): PackedBlocks {
    const [earlier, fresh] = [this.#earlier, this.#fresh];
    const isFull = earlier.recordLength + fresh.recordLength > most.recordWords / 2;
    const before = isFull ? this.#usedBlocks() : earlier.packed();
    const after = fresh.packed();
    return {
      heads: joined(Int32Array, before.heads, after.heads),
      code: joined(Uint8Array, before.code, after.code),
      records: joined(Int32Array, before.records, after.records),
    };
  }

  #usedBlocks(): PackedBlocks {
    const used = new BlockStore(noBlocks());
    for (let i = 0; i < this.#earlier.count; i++) if (this.#used[i]) used.addFrom(this.#earlier, i);
    return used.packed();
  }

  #enter(number: number, key: number): void {
    const at = this.#hash(key);
    this.#next[number] = this.#heads[at] as number;
    this.#heads[at] = number + 1;
  }

  #hash(key: number): number {
    return (key ^ (key >>> 15)) & (this.#heads.length - 1);
  }

  #widen(): void {
    this.#heads = new Int32Array(tableSize(this.#heads.length));
    const [earlier, fresh] = [this.#earlier, this.#fresh];
    for (let i = 0; i < earlier.count; i++) this.#enter(i, earlier.keyOf(i));
    for (let i = 0; i + 1 < fresh.count; i++) this.#enter(earlier.count + i, fresh.keyOf(i));
  }
}

/** Room for twice as many, a power of two. */
const tableSize = (count: number): number => 2 ** Math.ceil(Math.log2(Math.max(512, count) * 2));

function isSame(store: BlockStore, block: number, memory: Uint8Array, address: number, mode: number): boolean {
  if (store.modeOf(block) !== mode || store.offsetOf(block) !== address % pageBytes) return false;
  const { code } = store;
  const codeAt = store.codeOf(block);
  const length = store.lengthOf(block);
  for (let i = 0; i < length; i++) if (code[codeAt + i] !== memory[address + i]) return false;
  return true;
}
