import type { Val, WasmEmitter } from '../isa/index.ts';
import { layout, noLookupKey, type X86State } from '../isa/x86/index.ts';
import { targetCache } from './record.ts';

/** The place of a RIP in the target cache, as an address that `layout.targetCache` is added to. */
export function targetSlot(e: WasmEmitter, rip: Val): Val {
  const low = e.op('i32.wrap_i64', rip);
  const hash = e.op('i32.xor', low, e.op('i32.shr_u', low, e.i32(12)));
  return e.op('i32.shl', e.op('i32.and', hash, e.i32(targetCache.entries - 1)), e.i32(4));
}

/** Whether an address of code goes by `lookupKeyHigh`. */
export function isInUpperPart(state: X86State, low: number, high: number): boolean {
  const boundaryHigh = state.word(layout.upperPart + 4) >>> 0;
  if (high >>> 0 !== boundaryHigh) return high >>> 0 > boundaryHigh;
  return low >>> 0 >= state.word(layout.upperPart) >>> 0;
}

/** Lets generated code find the record where the code at `layout.rip` begins, whatever else the fetch TLB forgets for it. */
export function publishTarget(state: X86State, record: number): void {
  const low = state.word(layout.rip);
  const high = state.word(layout.rip + 4);
  const key = state.word(isInUpperPart(state, low, high) ? layout.lookupKeyHigh : layout.lookupKey);
  if (key === noLookupKey) return;
  const slot = layout.targetCache + ((low ^ (low >>> 12)) & (targetCache.entries - 1)) * targetCache.entryBytes;
  state.setWord(slot + targetCache.rip, low);
  state.setWord(slot + targetCache.rip + 4, high);
  state.setWord(slot + targetCache.key, key);
  state.setWord(slot + targetCache.record, record);
}

/** The lookup key of the part of the address space that a RIP is in. */
export function lookupKeyOf(e: WasmEmitter, rip: Val): Val {
  const isHigh = e.op('i64.ge_u', rip, e.loadMemory('i64.load', e.i32(0), layout.upperPart));
  return e.loadMemory('i32.load', e.op('i32.shl', isHigh, e.i32(2)), layout.lookupKey);
}

/** Emits the lookup of a RIP in the target cache; `hit` continues with the record that was found, an i32. */
export function emitTargetProbe(e: WasmEmitter, rip: Val, hit: (record: Val) => void): void {
  const slot = targetSlot(e, rip);
  const isSame = e.op('i64.eq', e.loadMemory('i64.load', slot, layout.targetCache + targetCache.rip), rip);
  const key = e.loadMemory('i32.load', slot, layout.targetCache + targetCache.key);
  const isValid = e.op('i32.and', isSame, e.op('i32.eq', key, lookupKeyOf(e, rip)));
  e.when(isValid, () => hit(e.loadMemory('i32.load', slot, layout.targetCache + targetCache.record)), undefined, true);
}
