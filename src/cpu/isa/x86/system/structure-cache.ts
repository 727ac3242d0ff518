const slots = 64;
const invalidLow = 1;

/**
 * Page tables found lately, by 2 MiB region: the processor's paging-structure cache (SDM 3A, 4.10.3), which saves all
 * but the last step of a walk. As there, any invalidation of a translation empties it.
 */
export class StructureCache {
  readonly #lo = new Int32Array(slots).fill(invalidLow);
  readonly #hi = new Int32Array(slots);
  /** Guest-physical addresses. */
  readonly table = new Float64Array(slots);
  /** Combined rights of the entries on the way; bit 31: no execution. */
  readonly rights = new Int32Array(slots);

  /** The slot of a linear address, or -1. */
  find(lo: number, hi: number): number {
    const slot = slotOf(lo, hi);
    return this.#lo[slot] === (lo & ~0x1fffff) && this.#hi[slot] === hi ? slot : -1;
  }

  add(lo: number, hi: number, table: number, rights: number): void {
    const slot = slotOf(lo, hi);
    this.#lo[slot] = lo & ~0x1fffff;
    this.#hi[slot] = hi;
    this.table[slot] = table;
    this.rights[slot] = rights;
  }

  drop(slot: number): void {
    this.#lo[slot] = invalidLow;
  }

  clear(): void {
    this.#lo.fill(invalidLow);
  }
}

const slotOf = (lo: number, hi: number): number => ((lo >>> 21) ^ (hi * 5)) & (slots - 1);
