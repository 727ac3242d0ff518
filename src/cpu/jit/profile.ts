import type { Val, WasmEmitter } from '../isa/index.ts';
import { layout } from '../isa/x86/index.ts';
import type { RegionImports } from './imports.ts';

/**
 * A region's profile: how many of its indirect jumps are still to be seen, u32, and 8 bytes on the RIPs that the last of
 * them went to, i64 each. When they have been seen the region is translated anew, with what they led to inside.
 */
const profile = { left: 0, targets: 8, count: 16, bytes: 136 } as const;

const placeOf = (slot: number): number => layout.regionProfiles + slot * profile.bytes;

/** Emits the count of an indirect jump to `target`, an i64. */
export function emitProfile(e: WasmEmitter, slot: number, target: Val, imports: RegionImports): void {
  const place = placeOf(slot);
  const left = e.op('i32.sub', e.loadMemory('i32.load', e.i32(0), place + profile.left), e.i32(1));
  e.storeMemory('i32.store', e.i32(0), place + profile.left, left);
  const at = e.op('i32.shl', e.op('i32.and', left, e.i32(profile.count - 1)), e.i32(3));
  e.storeMemory('i64.store', at, place + profile.targets, target);
  e.rarely(e.op('i32.eqz', left), () => {
    e.push(e.i32(slot));
    e.body.call(imports.noteProfile);
  });
}

/** Forgets a region's jumps; so many are to be seen. */
export function beginProfile(view: DataView, slot: number, jumps: number): void {
  view.setUint32(placeOf(slot) + profile.left, jumps, true);
  for (let i = 0; i < profile.count; i++) view.setBigInt64(placeOf(slot) + profile.targets + 8 * i, 0n, true);
}

/** Where a region's indirect jumps went, as distances from `codePage`; those far away are left out. */
export function profiledOffsets(view: DataView, slot: number, codePage: bigint, farthest: number): number[] {
  const offsets = new Set<number>();
  for (let i = 0; i < profile.count; i++) {
    const target = view.getBigInt64(placeOf(slot) + profile.targets + 8 * i, true);
    const delta = BigInt.asIntN(64, target - codePage);
    if (target !== 0n && delta > -farthest && delta < farthest) offsets.add(Number(delta));
  }
  return [...offsets];
}
