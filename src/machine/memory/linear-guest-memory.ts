import type { DirtyLog, Gpa, GuestMemory, RamRange } from './guest-memory.ts';

/** A range of RAM and where it lies in the backing store, counted from the store's first RAM byte. */
export interface BackedRamRange extends RamRange {
  readonly offset: number;
}

/** Bytes of backing store that the ranges need. */
export function backingSizeBytes(ranges: readonly BackedRamRange[]): number {
  return ranges.reduce((end, range) => Math.max(end, range.offset + range.sizeBytes), 0);
}

export interface LinearGuestMemoryOptions {
  /** For instance a WebAssembly memory's; it must not grow while it is used here. */
  readonly buffer: ArrayBufferLike;
  /** Where RAM starts in the buffer. */
  readonly baseOffset: number;
  /** Ascending and disjoint. */
  readonly ranges: readonly BackedRamRange[];
}

/** Called before host code writes RAM, with an offset into RAM's backing store: translations of it are dropped. */
export type HostWriteListener = (ramOffset: number, length: number) => void;

const pageShift = 12;

/** Guest RAM in one linear buffer. */
export class LinearGuestMemory implements GuestMemory {
  readonly sizeBytes: number;
  readonly ranges: readonly BackedRamRange[];
  readonly dirtyLog: DirtyLog;
  readonly #ram: Uint8Array;
  readonly #hostWriteListeners: HostWriteListener[] = [];
  #dirtyPages: Set<number> | undefined;
  // The largest range, looked at first.
  readonly #mainStart: number;
  readonly #mainSize: number;
  readonly #mainOffset: number;

  /** Throws RangeError when the ranges overlap, are out of order or exceed the buffer. */
  constructor(options: LinearGuestMemoryOptions) {
    const { buffer, baseOffset, ranges } = options;
    checkRanges(ranges, buffer.byteLength - baseOffset);
    this.ranges = ranges;
    this.sizeBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
    this.#ram = new Uint8Array(buffer, baseOffset, backingSizeBytes(ranges));
    const main = ranges.reduce<BackedRamRange | undefined>(
      (largest, range) => (largest && largest.sizeBytes >= range.sizeBytes ? largest : range),
      undefined,
    );
    this.#mainStart = main?.start ?? 0;
    this.#mainSize = main?.sizeBytes ?? 0;
    this.#mainOffset = main?.offset ?? 0;
    this.dirtyLog = {
      start: () => {
        this.#dirtyPages = new Set();
      },
      take: () => {
        const pages = this.#dirtyPages ?? new Set<number>();
        if (this.#dirtyPages) this.#dirtyPages = new Set();
        return pages;
      },
      stop: () => {
        this.#dirtyPages = undefined;
      },
    };
  }

  /** Where the byte lies in RAM's backing store, or -1 when it is not RAM. */
  ramOffset(at: number): number {
    const inMain = at - this.#mainStart;
    if (inMain >= 0 && inMain < this.#mainSize) return inMain + this.#mainOffset;
    return this.#search(at, 1);
  }

  contains(at: Gpa, length: number): boolean {
    return this.#find(at, length) >= 0;
  }

  bytes(at: Gpa, length: number): Uint8Array {
    const offset = this.#find(at, length);
    if (offset < 0) throw notRam('read', at, length);
    return this.#ram.subarray(offset, offset + length);
  }

  bytesForWrite(at: Gpa, length: number): Uint8Array {
    const offset = this.#find(at, length);
    if (offset < 0) throw notRam('write', at, length);
    if (this.#dirtyPages) logPages(this.#dirtyPages, at, length);
    for (const listener of this.#hostWriteListeners) listener(offset, length);
    return this.#ram.subarray(offset, offset + length);
  }

  /** Adds a listener that is told of each `bytesForWrite` before its caller writes. */
  onHostWrite(listener: HostWriteListener): void {
    this.#hostWriteListeners.push(listener);
  }

  /** Offset of a range that is RAM throughout, or -1. */
  #find(at: number, length: number): number {
    const inMain = at - this.#mainStart;
    if (inMain >= 0 && length >= 0 && inMain + length <= this.#mainSize) return inMain + this.#mainOffset;
    return this.#search(at, length);
  }

  #search(at: number, length: number): number {
    if (!(length >= 0)) return -1;
    for (const range of this.ranges) {
      const within = at - range.start;
      if (within >= 0 && within + length <= range.sizeBytes) return within + range.offset;
    }
    return -1;
  }
}

function logPages(pages: Set<number>, at: number, length: number): void {
  if (length === 0) return;
  // A shift would cut addresses to 32 bits.
  const last = Math.floor((at + length - 1) / (1 << pageShift));
  for (let page = Math.floor(at / (1 << pageShift)); page <= last; page++) pages.add(page);
}

function notRam(action: 'read' | 'write', at: number, length: number): RangeError {
  return new RangeError(`Cannot ${action} ${length} bytes at 0x${at.toString(16)}: not all of them are RAM`);
}

function checkRanges(ranges: readonly BackedRamRange[], availableBytes: number): void {
  let previousEnd = 0;
  for (const { start, sizeBytes, offset } of ranges) {
    const name = `RAM range at 0x${start.toString(16)}`;
    if (start < previousEnd) throw new RangeError(`Cannot lay out guest memory: ${name} overlaps the one before`);
    if (offset + sizeBytes > availableBytes) {
      const have = `0x${availableBytes.toString(16)}`;
      throw new RangeError(`Cannot lay out guest memory: ${name} ends beyond the ${have} bytes there are`);
    }
    previousEnd = start + sizeBytes;
  }
}
