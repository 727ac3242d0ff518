import type { Val, WasmEmitter } from '../index.ts';
import { layout } from './layout.ts';

/** An access through a segment that needs its base or limit. */
export interface SegmentedAccess {
  /** Effective address, an i64 of at most 32 bits. */
  readonly offset: Val;
  /** How many bytes, an i64. */
  readonly bytes: Val;
  /** The segment's base, an i64, and its reach for this kind of access (see layout.ts). */
  readonly base: Val;
  readonly reach: Val;
  /** Emits the helper that also knows unusual segments, and faults; its result is the linear address, an i32. */
  readonly thoroughly: () => Val;
}

/**
 * Emits the linear address of an access, an i64: 32-bit kernels and C libraries reach all that a processor or a thread has
 * of its own this way (getpid and clock rows of the bench, 32 bits).
 */
export function emitSegmentAddress(e: WasmEmitter, access: SegmentedAccess): Val {
  const end = e.op('i64.add', access.offset, access.bytes);
  return e.choose(
    'i64',
    e.op('i64.le_u', end, access.reach),
    () => e.op('i64.and', e.op('i64.add', access.base, access.offset), e.i64(0xffffffffn)),
    () => e.op('i64.extend_i32_u', access.thoroughly()),
    true,
  );
}

/** Offset in the state of a segment's reach. */
export const segmentReachAt = (number: number, isRead: boolean): number =>
  layout.segmentReach + 16 * number + (isRead ? 0 : 8);
