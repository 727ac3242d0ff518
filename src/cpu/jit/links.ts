import type { Val, WasmEmitter } from '../isa/index.ts';
import { layout } from '../isa/x86/index.ts';
import type { Region } from './region.ts';

/** Links that a region has room for; what it leads to besides is looked up. */
export const linksOfRegion = 64;

/** Where the record of a region's link is noted, u32; 0: its code is not known (any more), and is looked up. */
export const linkPlace = (slot: number, number: number): number =>
  layout.regionLinks + 4 * (slot * linksOfRegion + number);

/** The places of a region's links, by the offsets of the code that they lead to. */
export function linkPlaces({ links }: Region, slot: number): Map<number, number> {
  return new Map([...links.keys()].slice(0, linksOfRegion).map((offset, i) => [offset, linkPlace(slot, i)]));
}

/** The record that a link leads to, or 0. */
export const loadLink = (e: WasmEmitter, { place }: { readonly place: number }): Val =>
  e.loadMemory('i32.load', e.i32(0), place);

/** Notes where the links of a region in a slot lead. */
export function setLinks(view: DataView, region: Region, slot: number): void {
  for (const [offset, place] of linkPlaces(region, slot)) view.setUint32(place, region.links.get(offset) ?? 0, true);
}
