import { type EngineParts, type HotBlock, record, specialIndex } from '../interpreter/index.ts';
import { layout } from '../isa/x86/index.ts';
import type { Installed } from './live-code.ts';
import { beginProfile } from './profile.ts';
import type { Region, RegionPage } from './region.ts';
import { linkPatience } from './verification.ts';

const pageBytes = 4096;
/** Entries of a region's further blocks before they begin regions of their own. */
const deferral = 8_000;

/** Code from one offset to another. */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

export const piecesOf = ({ blocks }: Region): Piece[] =>
  blocks.map(({ instructions, end }) => ({ start: instructions[0]?.offset ?? end, end }));

/** What is to be told when a block is going to lead to a region. */
export class RegionPlacement {
  readonly #parts: EngineParts;
  readonly #view: DataView;
  readonly #profiledJumps: number;

  constructor(parts: EngineParts, profiledJumps: number) {
    this.#parts = parts;
    this.#view = new DataView(parts.memory.buffer);
    this.#profiledJumps = profiledJumps;
  }

  /** Writes to any code of the region drop it. */
  cover(block: HotBlock, pieces: readonly Piece[], pages: readonly RegionPage[]): void {
    const { cache } = this.#parts;
    for (const { index, address } of pages) {
      const [from, to] = [index * pageBytes, (index + 1) * pageBytes];
      for (const { start, end } of pieces) {
        const first = Math.max(start, from);
        const length = Math.min(end, to) - first;
        if (length > 0) cache.cover(block, address + first - from, length);
      }
    }
  }

  /**
   * The region's other blocks run as often as its first one until it is there, and seldom begin one of their own when it is:
   * they begin to count anew. Half of all regions were made for nothing without this.
   */
  defer({ mode }: HotBlock, pieces: readonly Piece[], pages: readonly RegionPage[]): void {
    const counter = specialIndex('count');
    for (const { start: offset, end } of pieces) {
      const page = end === offset ? undefined : pages.find(({ index }) => index === offset >> 12);
      if (!page) continue;
      const start = this.#parts.cache.peek(page.address + (offset & (pageBytes - 1)), mode);
      if (start === undefined || this.#view.getUint16(start + record.handler, true) !== counter) continue;
      this.#view.setUint32(start + record.immediate, deferral, true);
    }
  }

  /** A region has its slot: nothing is known there of its pages and its jumps yet. */
  begin({ slot, profiles }: Installed): void {
    const view = this.#view;
    view.setUint32(layout.regionKeys + 4 * slot, 0, true);
    view.setUint32(layout.linkKeys + 4 * slot, 0, true);
    this.#parts.onPlaced(slot);
    view.setUint32(layout.linkMisses + 4 * slot, linkPatience, true);
    beginProfile(view, slot, this.#profiledJumps << (2 * profiles));
  }
}
