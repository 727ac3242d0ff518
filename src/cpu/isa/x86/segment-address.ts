import type { Val, WasmEmitter } from '../index.ts';
import { layout } from './layout.ts';
import type { X86Target } from './target.ts';

/** An access through a segment that needs its base or limit. */
export interface SegmentedAccess {
  /** Of the segment, an i32. */
  readonly number: Val;
  /** `accessKind` without more, an i32. */
  readonly kind: Val;
  /** How many, an i32. */
  readonly bytes: Val;
  /** Effective address, an i64 of at most 32 bits. */
  readonly offset: Val;
}

/**
 * Emits the linear address of an access, an i64. A helper knows the unusual segments, and faults: 32-bit kernels and C
 * libraries reach all that a processor or a thread has of its own through segments (getpid and clock rows of the bench).
 */
export function emitSegmentAddress(e: WasmEmitter, x: X86Target, access: SegmentedAccess): Val {
  const { number, kind, bytes, offset } = access;
  const isWrite = e.op('i32.ne', kind, e.i32(0));
  const pair = e.op('i32.or', e.op('i32.shl', number, e.i32(1)), isWrite);
  const reach = e.loadMemory('i64.load', e.op('i32.shl', pair, e.i32(3)), layout.segmentReach);
  const end = e.op('i64.add', offset, e.op('i64.extend_i32_u', bytes));
  const base = (): Val => e.loadMemory('i64.load', e.op('i32.shl', number, e.i32(3)), layout.segmentBase);
  const thoroughly = (): Val => {
    const rest = e.op('i32.or', e.op('i32.shl', kind, e.i32(8)), e.op('i32.shl', bytes, e.i32(16)));
    return x.unitHelper('segmentAddress', e.op('i32.or', number, rest), e.op('i32.wrap_i64', offset));
  };
  return e.choose(
    'i64',
    e.op('i64.le_u', end, reach),
    () => e.op('i64.and', e.op('i64.add', base(), offset), e.i64(0xffffffffn)),
    () => e.op('i64.extend_i32_u', thoroughly()),
    true,
  );
}
