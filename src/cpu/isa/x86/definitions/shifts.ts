/** Shifts, rotates and bit instructions (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter, Width } from '../../index.ts';
import { carryFlag, carryFrom, withCarryFlag } from '../arithmetic-flags.ts';
import { layout } from '../layout.ts';
import { type Row, row } from '../row.ts';
import { emitSegmentAddress } from '../segment-address.ts';
import type { Body, X86Target } from '../target.ts';

/** Bit 0 of a value as an i64. */
const bit0 = (e: WasmEmitter, w: Width, v: Val): Val => e.op('i64.and', e.zeroExtend(w, 64, v), e.i64(1n));
/** The top bit as an i64 of 0 or 1. */
const topBit = (e: WasmEmitter, w: Width, v: Val): Val =>
  e.op('i64.shr_u', e.zeroExtend(w, 64, v), e.i64(BigInt(w - 1)));

/** The count as an i32, masked to 5 bits, or 6 for 64-bit operands. */
const maskCount = (e: WasmEmitter, w: Width, count: Val): Val => e.op('i32.and', count, e.i32(w === 64 ? 63 : 31));

/** An i32 count in the Wasm type of the width. */
const asType = (e: WasmEmitter, w: Width, count: Val): Val => (w === 64 ? e.op('i64.extend_i32_u', count) : count);

type ShiftKind = 'shl' | 'shr' | 'sar';

/** A shift of a value held in 64 bits; narrower counts may exceed the width, as 31 does for bytes. */
function shift(kind: ShiftKind, e: WasmEmitter, x: X86Target, w: Width, a: Val, by: Val): Val {
  const count = maskCount(e, w, by);
  const known = e.known(count);
  if (known !== undefined) return known === 0 ? a : shiftBy(kind, e, x, w, a, known);
  const wide = kind === 'sar' ? e.signExtend(w, 64, a) : e.zeroExtend(w, 64, a);
  const wideCount = e.op('i64.extend_i32_u', count);
  const operation = { shl: 'i64.shl', shr: 'i64.shr_u', sar: 'i64.shr_s' }[kind];
  const result = e.truncate(64, w, e.op(operation, wide, wideCount));
  e.when(count, () => {
    const lessOne = e.op('i64.sub', wideCount, e.i64(1n));
    // The last bit shifted out: shift by one less, then look at the bit that goes next.
    const before = e.op(operation, wide, lessOne);
    const out = kind === 'shl' ? e.op('i64.shr_u', before, e.i64(BigInt(w - 1))) : before;
    setShiftFlags(kind, e, x, w, { a, result, cf: e.op('i64.and', out, e.i64(1n)) });
  });
  return result;
}

/** By a known count that is not zero: in the width's own Wasm type. */
function shiftBy(kind: ShiftKind, e: WasmEmitter, x: X86Target, w: Width, a: Val, count: number): Val {
  const by = e.constant(w === 64 ? 64 : 32, count);
  const result = { shl: e.shl, shr: e.shrUnsigned, sar: e.shrSigned }[kind].call(e, w, a, by);
  const isBeyond = count > w;
  const last = kind === 'shl' ? w - count : isBeyond && kind === 'sar' ? w - 1 : count - 1;
  const out = isBeyond && kind !== 'sar' ? e.constant(w, 0) : e.shrUnsigned(w, a, e.constant(w === 64 ? 64 : 32, last));
  setShiftFlags(kind, e, x, w, { a, result, cf: bit0(e, w, out) });
  return result;
}

function setShiftFlags(
  kind: ShiftKind,
  e: WasmEmitter,
  x: X86Target,
  w: Width,
  { a, result, cf }: { readonly a: Val; readonly result: Val; readonly cf: Val },
): void {
  const of = kind === 'shl' ? e.op('i64.xor', topBit(e, w, result), cf) : topBit(e, w, a);
  const signed = e.signExtend(w, 64, result);
  x.setFlags({ zero: signed, sign: signed, carry: carryFrom(e, cf, kind === 'sar' ? e.i64(0n) : of) });
}

/** ROL and ROR change CF and OF only. */
function rotate(isLeft: boolean, e: WasmEmitter, x: X86Target, w: Width, a: Val, by: Val): Val {
  const count = maskCount(e, w, by);
  const result = rotated(isLeft, e, w, a, count);
  e.when(count, () => {
    const flags = x.flags();
    const top = topBit(e, w, result);
    const cf = isLeft ? bit0(e, w, result) : top;
    const second = e.op('i64.and', e.op('i64.shr_u', e.zeroExtend(w, 64, result), e.i64(BigInt(w - 2))), e.i64(1n));
    const of = e.op('i64.xor', top, isLeft ? cf : second);
    x.setFlags({ zero: flags.zero, sign: flags.sign, carry: keepAdjust(e, flags.carry, carryFrom(e, cf, of)) });
  });
  return result;
}

function rotated(isLeft: boolean, e: WasmEmitter, w: Width, a: Val, count: Val): Val {
  if (w >= 32) return e.op(`${w === 64 ? 'i64' : 'i32'}.${isLeft ? 'rotl' : 'rotr'}`, a, asType(e, w, count));
  // Two (four) copies side by side in 32 bits rotate as one.
  const twice = e.op('i32.or', a, e.op('i32.shl', a, e.i32(w)));
  const copies = w === 8 ? e.op('i32.or', twice, e.op('i32.shl', twice, e.i32(16))) : twice;
  return e.truncate(32, w, e.op(isLeft ? 'i32.rotl' : 'i32.rotr', copies, count));
}

const keepAdjust = (e: WasmEmitter, old: Val, carry: Val): Val =>
  e.op('i64.or', carry, e.op('i64.and', old, e.i64(8n)));

/** RCL and RCR rotate through CF: a rotation of width + 1 bits. */
function rotateThroughCarry(isLeft: boolean, e: WasmEmitter, x: X86Target, w: Width, a: Val, by: Val): Val {
  const masked = maskCount(e, w, by);
  const count = w >= 32 ? masked : e.op('i32.rem_u', masked, e.i32(w + 1));
  const flags = x.flags();
  const carry = carryFlag(e, flags);
  const n = e.op('i64.extend_i32_u', count);
  const value = e.zeroExtend(w, 64, a);
  const rest = e.op('i64.sub', e.i64(BigInt(w)), n);
  const one = e.i64(1n);
  const near = e.op(isLeft ? 'i64.shl' : 'i64.shr_u', value, n);
  // The carry lands beside the bits that wrapped; w + 1 - n may be 64, so that shift is done in two steps.
  const wrapped = isLeft
    ? e.op('i64.shr_u', e.op('i64.shr_u', value, one), rest)
    : e.op('i64.shl', e.op('i64.shl', value, one), rest);
  const carryAt = isLeft ? e.op('i64.sub', n, one) : rest;
  const wide = e.op('i64.or', e.op('i64.or', near, wrapped), e.op('i64.shl', carry, carryAt));
  const isMoved = count;
  const result = e.select(isMoved, e.truncate(64, w, wide), a);
  e.when(isMoved, () => {
    const out = isLeft ? e.op('i64.shr_u', value, rest) : e.op('i64.shr_u', value, e.op('i64.sub', n, one));
    const cf = e.op('i64.and', out, one);
    const top = topBit(e, w, result);
    const second = e.op('i64.and', e.op('i64.shr_u', e.zeroExtend(w, 64, result), e.i64(BigInt(w - 2))), one);
    const of = e.op('i64.xor', top, isLeft ? cf : second);
    x.setFlags({ zero: flags.zero, sign: flags.sign, carry: keepAdjust(e, flags.carry, carryFrom(e, cf, of)) });
  });
  return result;
}

/** SHLD and SHRD. Counts above 16 of 16-bit operands are undefined in the manual; processors shift the 48-bit dst:src:dst. */
function doubleShift(isLeft: boolean, e: WasmEmitter, x: X86Target, w: Width, a: Val, b: Val, by: Val): Val {
  const count = maskCount(e, w, by);
  const n = e.op('i64.extend_i32_u', count);
  const wide = (v: Val): Val => e.zeroExtend(w, 64, v);
  const result = e.select(count, e.truncate(64, w, shiftedPair(isLeft, e, w, wide(a), wide(b), n)), a);
  e.when(count, () => {
    const lessOne = e.op('i64.sub', n, e.i64(1n));
    const last = e.truncate(64, w, shiftedPair(isLeft, e, w, wide(a), wide(b), lessOne));
    const before = e.select(e.op('i64.eqz', lessOne), a, last);
    const cf = isLeft ? topBit(e, w, before) : bit0(e, w, before);
    const of = e.op('i64.xor', topBit(e, w, a), topBit(e, w, result));
    const signed = e.signExtend(w, 64, result);
    x.setFlags({ zero: signed, sign: signed, carry: carryFrom(e, cf, of) });
  });
  return result;
}

/** `a` shifted by `n` with bits of `b` coming in; undefined for n = 0 of 64-bit operands. */
function shiftedPair(isLeft: boolean, e: WasmEmitter, w: Width, a: Val, b: Val, n: Val): Val {
  if (w === 64) {
    const rest = e.op('i64.sub', e.i64(64n), n);
    return isLeft
      ? e.op('i64.or', e.op('i64.shl', a, n), e.op('i64.shr_u', b, rest))
      : e.op('i64.or', e.op('i64.shr_u', a, n), e.op('i64.shl', b, rest));
  }
  const width = e.i64(BigInt(w));
  if (w === 32) {
    const pair = isLeft ? e.op('i64.or', e.op('i64.shl', a, width), b) : e.op('i64.or', e.op('i64.shl', b, width), a);
    return isLeft ? e.op('i64.shr_u', e.op('i64.shl', pair, n), width) : e.op('i64.shr_u', pair, n);
  }
  const [first, last] = [e.op('i64.shl', a, e.i64(32n)), e.op('i64.shl', b, width)];
  const triple = e.op('i64.or', e.op('i64.or', first, last), a);
  return isLeft ? e.op('i64.shr_u', e.op('i64.shl', triple, n), e.i64(32n)) : e.op('i64.shr_u', triple, n);
}

/** The bit number within the operand, in the width's Wasm type. */
const bitIndex = (e: WasmEmitter, w: Width, index: Val): Val => e.and(w, index, e.constant(w, w - 1));

function testBit(e: WasmEmitter, x: X86Target, w: Width, value: Val, index: Val): void {
  const flags = x.flags();
  const cf = bit0(e, w, e.shrUnsigned(w, value, index));
  x.setFlags({ zero: flags.zero, sign: flags.sign, carry: withCarryFlag(e, flags.carry, cf) });
}

type BitChange = ((e: WasmEmitter, w: Width, value: Val, mask: Val) => Val) | undefined;

const bitBody =
  (change: BitChange): Body =>
  (e, x, w, value, index) => {
    const at = bitIndex(e, w, index);
    testBit(e, x, w, value, at);
    return change?.(e, w, value, e.shl(w, e.constant(w, 1), at));
  };

/**
 * With a memory operand the register is a signed bit offset: it reaches outside the operand, and the sum is wrapped to the
 * address size before the segment is added. The form operand is as for string instructions.
 */
const bitString =
  (change: BitChange): Body =>
  (e, x, w, start, index, form) => {
    const unit = e.op('i64.shr_s', e.signExtend(w, 64, index), e.i64(BigInt(Math.log2(w))));
    const reached = e.op('i64.add', start, e.op('i64.mul', unit, e.i64(BigInt(w / 8))));
    const address = inSegment(e, x, w, reached, form, change ? accessKind.modify : accessKind.read);
    const at = bitIndex(e, w, index);
    if (!change) return testBit(e, x, w, x.load(w, address), at);
    const memory = x.writable(w, address, 'read-write');
    const value = memory.read();
    memory.write(change(e, w, value, e.shl(w, e.constant(w, 1), at)));
    testBit(e, x, w, value, at);
  };

const accessKind = { read: 0, modify: 2 } as const;

/** Linear address of an operand of `w` bits at an effective address; the form says address size and segment. */
function inSegment(e: WasmEmitter, x: X86Target, w: Width, address: Val, form: Val, kind: number): Val {
  const bits = e.op('i32.shl', e.op('i32.and', form, e.i32(0xff)), e.i32(3));
  const excess = e.op('i64.extend_i32_u', e.op('i32.sub', e.i32(64), bits));
  const wrapped = e.op('i64.shr_u', e.op('i64.shl', address, excess), excess);
  const number = e.op('i32.shr_u', form, e.i32(16));
  if (x.shape.code === 64) {
    const base = e.loadMemory('i64.load', e.op('i32.shl', number, e.i32(3)), layout.segmentBase);
    return e.op('i64.add', wrapped, base);
  }
  return emitSegmentAddress(e, x, { number, kind: e.i32(kind), bytes: e.i32(w / 8), offset: wrapped });
}

/** BSF and BSR leave the destination alone when the source is zero (SDM says undefined; processors do this). */
const bitScan =
  (isReverse: boolean): Body =>
  (e, x, w, source) => {
    const isZero = e.isZero(w, source);
    const type = w === 64 ? 'i64' : 'i32';
    const top = w === 64 ? 63 : 31;
    const found = isReverse
      ? e.op(`${type}.sub`, e.constant(w === 64 ? 64 : 32, top), e.op(`${type}.clz`, source))
      : e.op(`${type}.ctz`, source);
    const zero = e.op('i64.extend_i32_u', e.op('i32.eqz', isZero));
    const { sign, carry } = x.flags();
    x.setFlags({ zero, sign, carry });
    return { condition: e.op('i32.eqz', isZero), value: found };
  };

const byImmediate = { countsByImmediate: true } as const;

const shiftRows = (digit: number, name: string, body: Body): Row[] => [
  row(`C0 /${digit}`, name, 'Eb+,Ib', body, byImmediate),
  row(`C1 /${digit}`, name, 'Ev+,Ib', body, byImmediate),
  row(`D0 /${digit}`, name, 'Eb+', (e, x, w, a) => body(e, x, w, a, e.i32(1))),
  row(`D1 /${digit}`, name, 'Ev+', (e, x, w, a) => body(e, x, w, a, e.i32(1))),
  row(`D2 /${digit}`, name, 'Eb+', (e, x, w, a) => body(e, x, w, a, x.register(8, 1))),
  row(`D3 /${digit}`, name, 'Ev+', (e, x, w, a) => body(e, x, w, a, x.register(8, 1))),
];

const bitRows = (name: string, opcode: string, digit: number, change: BitChange): Row[] => {
  const access = change ? '+' : '';
  const lock = { lock: change !== undefined };
  return [
    row(opcode, name, `Rv${access},Gv`, bitBody(change)),
    row(opcode, name, 'Lv,Gv', bitString(change), { ...lock, repeats: true, usesStack: true }),
    row(`0F BA /${digit}`, name, `Ev${access},Is`, bitBody(change), lock),
  ];
};

const shl: Body = (e, x, w, a, by) => shift('shl', e, x, w, a, by);

export const shifts: readonly Row[] = [
  ...shiftRows(0, 'rol', (e, x, w, a, by) => rotate(true, e, x, w, a, by)),
  ...shiftRows(1, 'ror', (e, x, w, a, by) => rotate(false, e, x, w, a, by)),
  ...shiftRows(2, 'rcl', (e, x, w, a, by) => rotateThroughCarry(true, e, x, w, a, by)),
  ...shiftRows(3, 'rcr', (e, x, w, a, by) => rotateThroughCarry(false, e, x, w, a, by)),
  ...shiftRows(4, 'shl', shl),
  ...shiftRows(5, 'shr', (e, x, w, a, by) => shift('shr', e, x, w, a, by)),
  ...shiftRows(6, 'shl', shl),
  ...shiftRows(7, 'sar', (e, x, w, a, by) => shift('sar', e, x, w, a, by)),
  row('0F A4', 'shld', 'Ev+,Gv,Ib', (e, x, w, a, b, by) => doubleShift(true, e, x, w, a, b, by), byImmediate),
  row('0F A5', 'shld', 'Ev+,Gv', (e, x, w, a, b) => doubleShift(true, e, x, w, a, b, x.register(8, 1))),
  row('0F AC', 'shrd', 'Ev+,Gv,Ib', (e, x, w, a, b, by) => doubleShift(false, e, x, w, a, b, by), byImmediate),
  row('0F AD', 'shrd', 'Ev+,Gv', (e, x, w, a, b) => doubleShift(false, e, x, w, a, b, x.register(8, 1))),
  ...bitRows('bt', '0F A3', 4, undefined),
  ...bitRows('bts', '0F AB', 5, (e, w, value, mask) => e.or(w, value, mask)),
  ...bitRows('btr', '0F B3', 6, (e, w, value, mask) => e.and(w, value, e.not(w, mask))),
  ...bitRows('btc', '0F BB', 7, (e, w, value, mask) => e.xor(w, value, mask)),
  row('0F BC', 'bsf', 'Gv=,Ev', bitScan(false)),
  row('0F BD', 'bsr', 'Gv=,Ev', bitScan(true)),
];
