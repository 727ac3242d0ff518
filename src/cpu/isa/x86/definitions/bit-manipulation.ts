/** BMI1, BMI2 and ADX (SDM 2, instruction pages named by mnemonic). */
import { asVal, type Val, Value, type WasmEmitter, type Width } from '../../index.ts';
import { carryFlag, carryFrom, overflowFlag, withCarryFlag, withOverflowFlag } from '../arithmetic-flags.ts';
import { highProduct } from '../high-product.ts';
import { type Row, requires, row } from '../row.ts';
import type { SharedFunction, SharedFunctions } from '../shared-function.ts';
import type { Body, X86Target } from '../target.ts';

const wasmOf = (w: Width): 'i32' | 'i64' => (w === 64 ? 'i64' : 'i32');
const wide = (e: WasmEmitter, w: Width, value: Val): Val => e.zeroExtend(w, 64, value);

/** ZF and SF by the result, CF as given (an i32), OF clear. */
function setResultFlags(e: WasmEmitter, x: X86Target, w: Width, result: Val, cf?: Val): void {
  const sign = e.signExtend(w, 64, result);
  const carry = cf === undefined ? e.i64(0n) : carryFrom(e, e.op('i64.extend_i32_u', cf), e.i64(0n));
  x.setFlags({ zero: sign, sign, carry });
}

const andNot: Body = (e, x, w, a, b) => {
  const result = e.and(w, e.not(w, a as Val), b as Val);
  setResultFlags(e, x, w, result);
  return result;
};

/** The low bits, as many as `count` says, an i64 below 256. */
const lowMask = (e: WasmEmitter, count: Val): Val =>
  e.select(
    e.op('i64.lt_u', count, e.i64(64n)),
    e.op('i64.sub', e.op('i64.shl', e.i64(1n), count), e.i64(1n)),
    e.i64(-1n),
  );

const byteAt = (e: WasmEmitter, value: Val, at: bigint): Val =>
  e.op('i64.and', e.op('i64.shr_u', value, e.i64(at)), e.i64(0xffn));

const extractField: Body = (e, x, w, source, control) => {
  const field = wide(e, w, control as Val);
  const start = byteAt(e, field, 0n);
  const moved = e.op('i64.shr_u', wide(e, w, source as Val), start);
  const reached = e.select(e.op('i64.lt_u', start, e.i64(64n)), moved, e.i64(0n));
  const result = e.truncate(64, w, e.op('i64.and', reached, lowMask(e, byteAt(e, field, 8n))));
  setResultFlags(e, x, w, result);
  return result;
};

const zeroHigh: Body = (e, x, w, source, index) => {
  const count = byteAt(e, wide(e, w, index as Val), 0n);
  const result = e.truncate(64, w, e.op('i64.and', wide(e, w, source as Val), lowMask(e, count)));
  setResultFlags(e, x, w, result, e.op('i64.ge_u', count, e.i64(BigInt(w))));
  return result;
};

/** BLSI, BLSMSK and BLSR; `hasCarry`: CF says that there is no bit, or that there is one. */
const lowestBit =
  (operation: (e: WasmEmitter, w: Width, source: Val) => Val, hasCarry: 'when zero' | 'when not zero'): Body =>
  (e, x, w, source) => {
    const result = operation(e, w, source as Val);
    const isZero = e.isZero(w, source as Val);
    setResultFlags(e, x, w, result, hasCarry === 'when zero' ? isZero : e.op('i32.eqz', isZero));
    return result;
  };

const less = (e: WasmEmitter, w: Width, value: Val): Val => e.sub(w, value, e.constant(w, 1));

/** CF says that the source is zero, ZF that the count is. */
const countTrailingZeros: Body = (e, x, w, source) => {
  const bounded = w === 16 ? e.op('i32.or', source as Val, e.i32(0x10000)) : (source as Val);
  const count = e.op(`${wasmOf(w)}.ctz`, bounded);
  const cf = e.op('i64.extend_i32_u', e.isZero(w, source as Val));
  const { sign } = x.flags();
  x.setFlags({ zero: wide(e, w, count), sign, carry: carryFrom(e, cf, e.i64(0n)) });
  return count;
};

/** The high half goes to the first operand, also where both are the same register. */
const multiply: Body = (e, x, w, source) => {
  const a = x.register(w, 2);
  if (w === 64) return [highProduct(e, a, source as Val), e.op('i64.mul', a, source as Val)];
  const product = e.op('i64.mul', wide(e, w, a), wide(e, w, source as Val));
  return [e.truncate(64, w, e.op('i64.shr_u', product, e.i64(32n))), e.truncate(64, w, product)];
};

const scatterOrGather =
  (name: 'depositBits' | 'extractBits'): Body =>
  (e, x, w, source, mask) => {
    const [result] = x.shared(name, wide(e, w, source as Val), wide(e, w, mask as Val));
    return e.truncate(64, w, result as Val);
  };

const rotate: Body = (e, _x, w, source, count) => {
  const type = wasmOf(w);
  const wideCount = w === 64 ? e.op('i64.extend_i32_u', count as Val) : (count as Val);
  return e.op(`${type}.rotr`, source as Val, wideCount);
};

/** Counts are taken modulo the operand size, as Wasm does; flags stay. */
const shift =
  (operation: 'shl' | 'shr_u' | 'shr_s'): Body =>
  (e, _x, w, source, count) => {
    const type = wasmOf(w);
    const mask = e.and(w, count as Val, e.constant(w, w - 1));
    return e.op(`${type}.${operation}`, source as Val, mask);
  };

/** The sum of two numbers and a carry, and the carry out of it: i64s. */
function addCarrying(e: WasmEmitter, w: Width, a: Val, b: Val, carry: Val): { readonly sum: Val; readonly out: Val } {
  if (w !== 64) {
    const whole = e.op('i64.add', e.op('i64.add', wide(e, w, a), wide(e, w, b)), carry);
    return { sum: e.truncate(64, w, whole), out: e.op('i64.shr_u', whole, e.i64(32n)) };
  }
  const first = e.op('i64.add', a, b);
  const sum = e.op('i64.add', first, carry);
  const out = e.op('i32.or', e.op('i64.lt_u', first, a), e.op('i64.lt_u', sum, first));
  return { sum, out: e.op('i64.extend_i32_u', out) };
}

/** ADCX and ADOX: one flag goes in and comes out, the others stay. */
const addWith =
  (kind: 'carry' | 'overflow'): Body =>
  (e, x, w, a, b) => {
    const flags = x.flags();
    const before = kind === 'carry' ? carryFlag(e, flags) : overflowFlag(e, flags);
    const { sum, out } = addCarrying(e, w, a as Val, b as Val, before);
    const { zero, sign, carry } = flags;
    x.setFlags({ zero, sign, carry: (kind === 'carry' ? withCarryFlag : withOverflowFlag)(e, carry, out) });
    return sum;
  };

/** (source, mask) -> result: `step` sees the lowest bit of what is left of the mask, and its number's bit. */
const overMask = (step: (e: WasmEmitter, source: Val, lowest: Val, numbered: Val) => Val): SharedFunction => ({
  params: ['i64', 'i64'],
  results: ['i64'],
  emit: (e, _scope, ...params) => {
    const { body } = e;
    const [source, mask] = params as [Val, Val];
    const [result, left, numbered] = [body.local('i64'), body.local('i64'), body.local('i64')];
    const local = (number: number): Val => asVal(Value.local('i64', number));
    const assign = (number: number, value: Val): void => {
      e.push(value);
      body.set(number);
    };
    assign(left, mask);
    assign(numbered, e.i64(1n));
    body.loop();
    e.when(e.op('i64.ne', local(left), e.i64(0n)), () => {
      const lowest = e.op('i64.and', local(left), e.op('i64.sub', e.i64(0n), local(left)));
      assign(result, e.op('i64.or', local(result), step(e, source, lowest, local(numbered))));
      assign(numbered, e.op('i64.shl', local(numbered), e.i64(1n)));
      assign(left, e.op('i64.and', local(left), e.op('i64.sub', local(left), e.i64(1n))));
      body.br(1);
    });
    body.end();
    return [local(result)];
  },
});

const ifSet = (e: WasmEmitter, value: Val, bit: Val, result: Val): Val =>
  e.select(e.op('i64.ne', e.op('i64.and', value, bit), e.i64(0n)), result, e.i64(0n));

export const bitManipulationFunctions: SharedFunctions = {
  depositBits: overMask((e, source, lowest, numbered) => ifSet(e, source, numbered, lowest)),
  extractBits: overMask((e, source, lowest, numbered) => ifSet(e, source, lowest, numbered)),
};

export const bitManipulation: readonly Row[] = [
  ...requires('bmi1', [
    row('F3 0F BC', 'tzcnt', 'Gv=,Ev', countTrailingZeros),
    row('VEX.LZ.NP.0F38 F2', 'andn', 'Gy=,by,Ey', andNot),
    row('VEX.LZ.NP.0F38 F7', 'bextr', 'Gy=,Ey,by', extractField),
    row(
      'VEX.LZ.NP.0F38 F3 /1',
      'blsr',
      'by=,Ey',
      lowestBit((e, w, v) => e.and(w, v, less(e, w, v)), 'when zero'),
    ),
    row(
      'VEX.LZ.NP.0F38 F3 /2',
      'blsmsk',
      'by=,Ey',
      lowestBit((e, w, v) => e.xor(w, v, less(e, w, v)), 'when zero'),
    ),
    row(
      'VEX.LZ.NP.0F38 F3 /3',
      'blsi',
      'by=,Ey',
      lowestBit((e, w, v) => e.and(w, v, e.sub(w, e.constant(w, 0), v)), 'when not zero'),
    ),
  ]),
  ...requires('bmi2', [
    row('VEX.LZ.NP.0F38 F5', 'bzhi', 'Gy=,Ey,by', zeroHigh),
    row('VEX.LZ.F2.0F38 F6', 'mulx', 'Gy=,by=,Ey', multiply),
    row('VEX.LZ.F2.0F38 F5', 'pdep', 'Gy=,by,Ey', scatterOrGather('depositBits')),
    row('VEX.LZ.F3.0F38 F5', 'pext', 'Gy=,by,Ey', scatterOrGather('extractBits')),
    row('VEX.LZ.F2.0F3A F0', 'rorx', 'Gy=,Ey,Ib', rotate),
    row('VEX.LZ.F3.0F38 F7', 'sarx', 'Gy=,Ey,by', shift('shr_s')),
    row('VEX.LZ.66.0F38 F7', 'shlx', 'Gy=,Ey,by', shift('shl')),
    row('VEX.LZ.F2.0F38 F7', 'shrx', 'Gy=,Ey,by', shift('shr_u')),
  ]),
  ...requires('adx', [
    row('66 0F 38 F6', 'adcx', 'Gy+,Ey', addWith('carry')),
    row('F3 0F 38 F6', 'adox', 'Gy+,Ey', addWith('overflow')),
  ]),
];
