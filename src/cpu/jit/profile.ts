import type { Val, WasmEmitter } from '../isa/index.ts';
import { layout } from '../isa/x86/index.ts';
import type { RegionImports } from './imports.ts';

/**
 * A region's profile: how many of its calls and indirect jumps are still to be seen, u32; 8 bytes on the RIPs that the last of
 * the jumps went to, i64 each, and behind those the ones that were called indirectly. When they have been seen the region is
 * translated anew, with what they led to inside.
 */
const profile = { left: 0, targets: 8, count: 16, callees: 136, calleeCount: 4, bytes: 168 } as const;

const placeOf = (slot: number): number => layout.regionProfiles + slot * profile.bytes;

/** Emits the count of an indirect jump to `target`, an i64. */
export function emitProfile(e: WasmEmitter, slot: number, target: Val, imports: RegionImports): void {
  count(e, slot, imports, (left) => {
    const at = e.op('i32.shl', e.op('i32.and', left, e.i32(profile.count - 1)), e.i32(3));
    e.storeMemory('i64.store', at, placeOf(slot) + profile.targets, target);
  });
}

/** Emits the count of a call; of an indirect one to `target`. */
export function emitCallProfile(e: WasmEmitter, slot: number, target: Val | undefined, imports: RegionImports): void {
  count(e, slot, imports, (left) => {
    if (!target) return;
    const at = e.op('i32.shl', e.op('i32.and', left, e.i32(profile.calleeCount - 1)), e.i32(3));
    e.storeMemory('i64.store', at, placeOf(slot) + profile.callees, target);
  });
}

function count(e: WasmEmitter, slot: number, imports: RegionImports, note: (left: Val) => void): void {
  const place = placeOf(slot) + profile.left;
  const left = e.op('i32.sub', e.loadMemory('i32.load', e.i32(0), place), e.i32(1));
  e.storeMemory('i32.store', e.i32(0), place, left);
  note(left);
  e.rarely(e.op('i32.eqz', left), () => {
    e.push(e.i32(slot));
    e.body.call(imports.noteProfile);
  });
}

/** Forgets a region's jumps; so many are to be seen. */
export function beginProfile(view: DataView, slot: number, jumps: number): void {
  view.setUint32(placeOf(slot) + profile.left, jumps, true);
  const places = profile.count + profile.calleeCount;
  for (let i = 0; i < places; i++) view.setBigInt64(placeOf(slot) + profile.targets + 8 * i, 0n, true);
}

/** So many more of a region's jumps are to be seen. */
export function continueProfile(view: DataView, slot: number, jumps: number): void {
  view.setUint32(placeOf(slot) + profile.left, jumps, true);
}

/** Where a region's indirect jumps, or calls, went, as distances from `codePage`; those far away are left out. */
export function profiledOffsets(
  view: DataView,
  slot: number,
  { codePage, farthest, of }: { readonly codePage: bigint; readonly farthest: number; readonly of: 'jumps' | 'calls' },
): number[] {
  const offsets = new Set<number>();
  const [first, places] = of === 'jumps' ? [profile.targets, profile.count] : [profile.callees, profile.calleeCount];
  for (let i = 0; i < places; i++) {
    const target = view.getBigInt64(placeOf(slot) + first + 8 * i, true);
    const delta = BigInt.asIntN(64, target - codePage);
    if (target !== 0n && delta > -farthest && delta < farthest) offsets.add(Number(delta));
  }
  return [...offsets];
}
