import type { Val, WasmEmitter } from '../index.ts';
import { tlb } from './layout.ts';

/** The `kind` argument of slow accesses (see X86Cpu.slowAccess). */
export const accessKind = { read: 0, write: 1, 'read-write': 2, onStack: 256 } as const;

export interface TlbProbe {
  /** Address of the TLB bank, an i32. */
  readonly bank: Val;
  /** Linear address, an i64. */
  readonly linear: Val;
  readonly bytes: number;
  readonly isRead: boolean;
  /** Emits what a miss does; its result is where the access may be done. `low` and `high` are halves of the address. */
  readonly miss: (low: Val, high: Val) => Val;
}

/** Emits the address of the entry that may hold a linear address: the same as `tlbIndex` finds. */
export function emitTlbEntry(e: WasmEmitter, bank: Val, linear: Val): Val {
  const low = e.op('i32.wrap_i64', linear);
  const index = e.op('i32.shr_u', low, e.i32(12 - Math.log2(tlb.entryBytes)));
  return e.op('i32.add', bank, e.op('i32.and', index, e.i32((tlb.entries - 1) * tlb.entryBytes)));
}

/**
 * Emits the lookup of an access in the software TLB; the result is its address in linear memory, an i32. The entry's tag
 * must equal the page of the access's last byte, which is the page of the entry only when the access does not cross
 * into the next.
 */
export function emitTlbProbe(e: WasmEmitter, { bank, linear, bytes, isRead, miss }: TlbProbe): Val {
  const low = e.op('i32.wrap_i64', linear);
  const entry = emitTlbEntry(e, bank, linear);
  const last = bytes === 1 ? linear : e.op('i64.add', linear, e.i64(BigInt(bytes - 1)));
  const lastPage = e.op('i64.and', last, e.i64(-4096n));
  const tag = e.loadMemory('i64.load', entry, isRead ? tlb.readTag : tlb.writeTag);
  return e.choose(
    'i32',
    e.op('i64.eq', lastPage, tag),
    () => e.op('i32.add', low, e.loadMemory('i32.load', entry, tlb.addend)),
    () => miss(low, e.op('i32.wrap_i64', e.op('i64.shr_u', linear, e.i64(32n)))),
    true,
  );
}
