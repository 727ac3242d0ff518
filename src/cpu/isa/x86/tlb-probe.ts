import type { FunctionBody } from '../../wasm/index.ts';
import { asVal, type Val, Value, WasmEmitter } from '../index.ts';
import { layout, tlb } from './layout.ts';

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
 * Emits the address of the entry where a translation is kept that was displaced from its first: as `secondTlbIndex` finds.
 * `low` and `high` are halves of the linear address.
 */
function emitSecondTlbEntry(e: WasmEmitter, bank: Val, low: Val, high: Val): Val {
  const differs = e.op('i32.xor', e.op('i32.shr_u', low, e.i32(19)), e.op('i32.shl', high, e.i32(4)));
  const index = e.op('i32.xor', e.op('i32.shr_u', low, e.i32(12)), e.op('i32.or', differs, e.i32(1)));
  const masked = e.op('i32.and', index, e.i32(tlb.entries - 1));
  return e.op('i32.add', bank, e.op('i32.mul', masked, e.i32(tlb.entryBytes)));
}

/**
 * Emits a function (low, high, size, kind) -> address in linear memory for what has missed the entry that generated code
 * looks at: two pages in use that share an entry do not go through TypeScript each time. `miss` does what misses here too.
 */
export function emitSecondProbe(body: FunctionBody, miss: number): void {
  const e = new WasmEmitter(body);
  const parameter = (local: number): Val => asVal(Value.local('i32', local));
  const [low, high, size, kind] = [parameter(0), parameter(1), parameter(2), parameter(3)];
  const entry = emitSecondTlbEntry(e, e.loadMemory('i32.load', e.i32(0), layout.tlbBank), low, high);
  const isWrite = e.op('i32.ne', e.op('i32.and', kind, e.i32(3)), e.i32(0));
  const tag = e.op('i32.add', entry, e.op('i32.shl', isWrite, e.i32(Math.log2(tlb.writeTag))));
  const page = e.op('i32.and', low, e.i32(-4096));
  const isLow = e.op('i32.eq', page, e.loadMemory('i32.load', tag, 0));
  const isHigh = e.op('i32.eq', high, e.loadMemory('i32.load', tag, 4));
  const end = e.op('i32.add', e.op('i32.and', low, e.i32(0xfff)), size);
  const isInPage = e.op('i32.le_u', end, e.i32(0x1000));
  e.when(e.op('i32.and', e.op('i32.and', isLow, isHigh), isInPage), () => {
    e.push(e.op('i32.add', low, e.loadMemory('i32.load', entry, tlb.addend)));
    body.return();
  });
  e.push(low, high, size, kind);
  body.returnCall(miss);
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
