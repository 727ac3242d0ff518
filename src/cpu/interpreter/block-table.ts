/** Numbers of an entry, 32 bits each; links are entry numbers, 0 for none. */
const entry = { address: 0, mode: 1, start: 2, end: 3, nextInBucket: 4, nextInPage: 5, words: 6 } as const;

const bucketBits = 16;
const firstCapacity = 4096;

/**
 * The basic blocks of a code cache. A guest's boot decodes a hundred thousand of them, which as objects in a Map are
 * tens of megabytes of heap (the bench's memory row); here each is 24 bytes.
 *
 * An entry is in the list of the page that it was added for, and as long as it can be found also in a bucket's.
 */
export class BlockTable {
  #words = new Int32Array(firstCapacity * entry.words);
  readonly #buckets = new Int32Array(1 << bucketBits);
  #count = 0;
  #firstFree = 0;

  /** Where the findable block's records start, or undefined. */
  find(address: number, mode: number): number | undefined {
    const words = this.#words;
    for (let at = this.#buckets[bucketOf(address, mode)] ?? 0; at !== 0; at = words[at + entry.nextInBucket] ?? 0) {
      if (words[at + entry.address] === (address | 0) && words[at + entry.mode] === mode)
        return words[at + entry.start];
    }
    return undefined;
  }

  /** Where the records of an entry's block start; undefined for no entry. */
  startOf(at: number): number | undefined {
    return at === 0 ? undefined : this.#words[at + entry.start];
  }

  /** Adds a block before `next` in a page's list, and returns its link; it cannot be found yet. */
  add(block: { address: number; mode: number; start: number; end: number }, next: number): number {
    const at = this.#allocate();
    const words = this.#words;
    words[at + entry.address] = block.address;
    words[at + entry.mode] = block.mode;
    words[at + entry.start] = block.start;
    words[at + entry.end] = block.end;
    words[at + entry.nextInPage] = next;
    return at;
  }

  /** From now on `find` finds this block. No other may have its address and mode. */
  publish(at: number): void {
    const words = this.#words;
    const bucket = bucketOf(words[at + entry.address] ?? 0, words[at + entry.mode] ?? 0);
    words[at + entry.nextInBucket] = this.#buckets[bucket] ?? 0;
    this.#buckets[bucket] = at;
  }

  /** Forgets a page's list, calling back for each block in it: that can't be found any more, by whatever entry. */
  dropList(first: number, onDrop: (address: number, start: number, end: number, mode: number) => void): void {
    for (let at = first; at !== 0; ) {
      const words = this.#words;
      const address = words[at + entry.address] ?? 0;
      const start = words[at + entry.start] ?? 0;
      const mode = words[at + entry.mode] ?? 0;
      this.#hide(address, mode, start);
      onDrop(address >>> 0, start, words[at + entry.end] ?? 0, mode);
      const next = words[at + entry.nextInPage] ?? 0;
      words[at + entry.nextInPage] = this.#firstFree;
      this.#firstFree = at;
      at = next;
    }
  }

  clear(): void {
    this.#words = new Int32Array(firstCapacity * entry.words);
    this.#buckets.fill(0);
    this.#count = 0;
    this.#firstFree = 0;
  }

  /** Takes out of its bucket the block whose records start there, if it is in one. */
  #hide(address: number, mode: number, start: number): void {
    const words = this.#words;
    const bucket = bucketOf(address, mode);
    let before = 0;
    for (let at = this.#buckets[bucket] ?? 0; at !== 0; at = words[at + entry.nextInBucket] ?? 0) {
      if (words[at + entry.start] === start) {
        const next = words[at + entry.nextInBucket] ?? 0;
        if (before === 0) this.#buckets[bucket] = next;
        else words[before + entry.nextInBucket] = next;
        return;
      }
      before = at;
    }
  }

  #allocate(): number {
    if (this.#firstFree !== 0) {
      const at = this.#firstFree;
      this.#firstFree = this.#words[at + entry.nextInPage] ?? 0;
      return at;
    }
    // Entry 0 is left out: its number means none.
    const at = ++this.#count * entry.words;
    if (at + entry.words > this.#words.length) {
      const grown = new Int32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
    }
    return at;
  }
}

const bucketOf = (address: number, mode: number): number =>
  Math.imul(address ^ (mode << 20), 0x9e3779b1) >>> (32 - bucketBits);
