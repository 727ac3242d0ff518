import { record, specialIndex } from '../interpreter/index.ts';
import type { Val, WasmEmitter } from '../isa/index.ts';
import { layout } from '../isa/x86/index.ts';
import type { Region } from './region.ts';

const pageBytes = 4096;
/** Links that a region has room for in each of its slots; what it leads to besides is looked up. */
const linksOfSlot = 64;

/** Slots of a region. */
export interface LinkSlots {
  readonly slot: number;
  /** One when absent. */
  readonly slotCount?: number | undefined;
}

/** How many of a region's links have places. */
export const mostLinks = ({ slotCount = 1 }: LinkSlots): number => linksOfSlot * slotCount;

/** Where the record of a region's link is noted, u32. */
export const linkPlace = (slot: number, number: number): number =>
  layout.regionLinks + 4 * (slot * linksOfSlot + number);

/** The places of a region's links, by the offsets of the code that they lead to. */
export function linkPlaces({ links }: Region, slots: LinkSlots): Map<number, number> {
  const offsets = [...links.keys()].slice(0, mostLinks(slots));
  return new Map(offsets.map((offset, i) => [offset, linkPlace(slots.slot, i)]));
}

/** The record that is noted in a link's place. */
export const loadLink = (e: WasmEmitter, place: number): Val => e.loadMemory('i32.load', e.i32(0), place);

/** Notes where the links of a region lead. */
export function setLinks(view: DataView, region: Region, slots: LinkSlots): void {
  for (const [offset, place] of linkPlaces(region, slots)) {
    view.setUint32(place, region.links.get(offset) ?? lookupRecord(offset), true);
  }
}

/** A record that looks up the code at this offset in the running page: stands for one that is not known. */
export const lookupRecord = (offset: number): number =>
  layout.lookupRecords + record.bytes * (offset & (pageBytes - 1));

/** Writes the records that look up. */
export function writeLookupRecords(view: DataView): void {
  const handler = specialIndex('resynchronize');
  for (let pageOffset = 0; pageOffset < pageBytes; pageOffset++) {
    const at = lookupRecord(pageOffset);
    view.setUint16(at + record.handler, handler, true);
    view.setUint16(at + record.position, pageOffset, true);
    view.setUint8(at + record.count, 1);
  }
}
