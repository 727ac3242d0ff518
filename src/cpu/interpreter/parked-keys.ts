import { layout } from '../isa/x86/index.ts';
import { regionSlots } from './generator.ts';

/**
 * For which of its translations a parked vCPU has found regions to be mapped as they were translated (`layout.regionKeys`,
 * `linkKeys`). Without them each turn begins with looking all over again: a million times in ten seconds of four busy vCPUs.
 */
export class ParkedKeys {
  readonly #live: readonly Int32Array[];
  readonly #parked = [new Int32Array(regionSlots), new Int32Array(regionSlots)] as const;

  constructor(memory: Int32Array) {
    this.#live = [layout.regionKeys, layout.linkKeys].map((at) => memory.subarray(at / 4, at / 4 + regionSlots));
  }

  /** Of so many regions: beyond there is none. */
  leave(regionCount: number): void {
    this.#parked.forEach((parked, i) => {
      const live = this.#live[i];
      if (live) parked.set(live.subarray(0, regionCount));
    });
  }

  enter(regionCount: number): void {
    this.#live.forEach((live, i) => {
      const parked = this.#parked[i];
      if (parked) live.set(parked.subarray(0, regionCount));
    });
  }

  /** Another region has this place. */
  forget(slot: number): void {
    for (const parked of this.#parked) parked[slot] = 0;
  }

  forgetAll(): void {
    for (const parked of this.#parked) parked.fill(0);
  }
}
