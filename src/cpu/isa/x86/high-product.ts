import type { Val, WasmEmitter } from '../index.ts';

/** High 64 bits of an unsigned 64-bit product, from four 32-bit ones. */
export function highProduct(e: WasmEmitter, a: Val, b: Val): Val {
  const low = (v: Val): Val => e.op('i64.and', v, e.i64(0xffffffffn));
  const high = (v: Val): Val => e.op('i64.shr_u', v, e.i64(32n));
  const [al, ah, bl, bh] = [low(a), high(a), low(b), high(b)];
  const cross = e.op('i64.add', e.op('i64.mul', ah, bl), high(e.op('i64.mul', al, bl)));
  const middle = e.op('i64.add', e.op('i64.mul', al, bh), low(cross));
  return e.op('i64.add', e.op('i64.add', e.op('i64.mul', ah, bh), high(cross)), high(middle));
}
