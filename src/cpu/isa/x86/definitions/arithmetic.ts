/** Integer arithmetic and logic (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter, Width } from '../../index.ts';
import { addFlags, carryFlag, carryFrom, flagsOf, subFlags, withCarryFlag } from '../arithmetic-flags.ts';
import { highProduct } from '../high-product.ts';
import { hex, type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';

const carryIn = (e: WasmEmitter, x: X86Target, w: Width): Val => e.truncate(64, w, carryFlag(e, x.flags()));

const add: Body = (e, x, w, a, b) => {
  x.setFlags(flagsOf(e, { kind: 'sum', width: w, a, b }));
  return e.add(w, a, b);
};

const adc: Body = (e, x, w, a, b) => {
  const result = e.add(w, e.add(w, a, b), carryIn(e, x, w));
  x.setFlags(addFlags(e, w, a, b, result));
  return result;
};

const sub: Body = (e, x, w, a, b) => {
  x.setFlags(flagsOf(e, { kind: 'difference', width: w, a, b }));
  return e.sub(w, a, b);
};

const sbb: Body = (e, x, w, a, b) => {
  const result = e.sub(w, e.sub(w, a, b), carryIn(e, x, w));
  x.setFlags(subFlags(e, w, a, b, result));
  return result;
};

const logic =
  (operation: 'and' | 'or' | 'xor'): Body =>
  (e, x, w, a, b) => {
    const result = e[operation](w, a, b);
    x.setFlags(flagsOf(e, { kind: 'logic', width: w, result }));
    return result;
  };

const cmp: Body = (e, x, w, a, b) => {
  x.setFlags(flagsOf(e, { kind: 'difference', width: w, a, b }));
};

const test: Body = (e, x, w, a, b) => {
  x.setFlags(flagsOf(e, { kind: 'logic', width: w, result: e.and(w, a, b) }));
};

const inc: Body = (e, x, w, a) => {
  const result = e.add(w, a, e.constant(w, 1));
  x.setFlags(flagsOf(e, { kind: 'increment', width: w, result, carry: carryFlag(e, x.flags()) }));
  return result;
};

const dec: Body = (e, x, w, a) => {
  const result = e.sub(w, a, e.constant(w, 1));
  x.setFlags(flagsOf(e, { kind: 'decrement', width: w, result, carry: carryFlag(e, x.flags()) }));
  return result;
};

const neg: Body = (e, x, w, a) => {
  const zero = e.constant(w, 0);
  x.setFlags(flagsOf(e, { kind: 'difference', width: w, a: zero, b: a }));
  return e.sub(w, zero, a);
};

const not: Body = (e, _x, w, a) => e.xor(w, a, e.constant(w, -1n));

const xadd: Body = (e, x, w, a, b) => {
  x.setFlags(flagsOf(e, { kind: 'sum', width: w, a, b }));
  return [e.add(w, a, b), a];
};

/**
 * Only one of destination and accumulator is written. The manual's pseudocode rewrites a differing destination with what it
 * holds; processors keep all of a register then, its upper half too.
 */
const cmpxchg: Body = (e, x, w, destination, source) => {
  const accumulator = x.register(w, 0);
  x.setFlags(flagsOf(e, { kind: 'difference', width: w, a: accumulator, b: destination }));
  const isEqual = e.equal(w, accumulator, destination);
  e.when(
    isEqual,
    () => {},
    () => x.setRegister(w, 0, destination),
  );
  return { condition: isEqual, value: source };
};

const setCarry =
  (make: (e: WasmEmitter, old: Val) => Val): Body =>
  (e, x) => {
    const flags = x.flags();
    x.setFlags({
      zero: flags.zero,
      sign: flags.sign,
      carry: withCarryFlag(e, flags.carry, make(e, carryFlag(e, flags))),
    });
  };

/** CF = OF = the product does not fit; the other flags are undefined and follow the low half. */
function productFlags(e: WasmEmitter, x: X86Target, w: Width, low: Val, overflows: Val): void {
  const wide = e.signExtend(w, 64, low);
  const cf = e.op('i64.extend_i32_u', overflows);
  x.setFlags({ zero: wide, sign: wide, carry: carryFrom(e, cf, cf) });
}

function signedHighProduct(e: WasmEmitter, a: Val, b: Val): Val {
  const whenNegative = (sign: Val, v: Val): Val => e.op('i64.and', e.op('i64.shr_s', sign, e.i64(63n)), v);
  const unsigned = highProduct(e, a, b);
  return e.op('i64.sub', e.op('i64.sub', unsigned, whenNegative(a, b)), whenNegative(b, a));
}

/** rDX:rAX (AX for bytes) = accumulator * operand. */
const multiplyWide =
  (isSigned: boolean): Body =>
  (e, x, w, b) => {
    const a = x.register(w, 0);
    if (w === 64) {
      const low = e.op('i64.mul', a, b);
      const high = isSigned ? signedHighProduct(e, a, b) : highProduct(e, a, b);
      const fit = isSigned ? e.op('i64.shr_s', low, e.i64(63n)) : e.i64(0n);
      x.setRegister(64, 0, low);
      x.setRegister(64, 2, high);
      return productFlags(e, x, w, low, e.op('i64.ne', high, fit));
    }
    const extend = (v: Val): Val => (isSigned ? e.signExtend(w, 64, v) : e.zeroExtend(w, 64, v));
    const product = e.op('i64.mul', extend(a), extend(b));
    const low = e.truncate(64, w, product);
    if (w === 8) x.setRegister(16, 0, e.truncate(64, 16, product));
    else {
      x.setRegister(w, 0, low);
      x.setRegister(w, 2, e.truncate(64, w, e.op('i64.shr_u', product, e.i64(BigInt(w)))));
    }
    productFlags(e, x, w, low, e.op('i64.ne', product, extend(low)));
  };

/** Two- and three-operand IMUL: the first value is not read by the three-operand form. */
function imul(e: WasmEmitter, x: X86Target, w: Width, a: Val, b: Val): Val {
  if (w === 64) {
    const low = e.op('i64.mul', a, b);
    productFlags(e, x, w, low, e.op('i64.ne', signedHighProduct(e, a, b), e.op('i64.shr_s', low, e.i64(63n))));
    return low;
  }
  const product = e.op('i64.mul', e.signExtend(w, 64, a), e.signExtend(w, 64, b));
  const low = e.truncate(64, w, product);
  productFlags(e, x, w, low, e.op('i64.ne', product, e.signExtend(w, 64, low)));
  return low;
}

/** DIV and IDIV: #DE when the divisor is zero or the quotient does not fit. Flags are undefined: left alone. */
const divide =
  (isSigned: boolean): Body =>
  (e, x, w, divisor) => {
    e.when(e.isZero(w, divisor), () => x.raise(0));
    if (w === 64) return divide64(e, x, isSigned, divisor);
    const high = w === 8 ? undefined : x.register(w, 2);
    const dividend = high
      ? e.op(
          'i64.or',
          e.op('i64.shl', e.zeroExtend(w, 64, high), e.i64(BigInt(w))),
          e.zeroExtend(w, 64, x.register(w, 0)),
        )
      : e.zeroExtend(16, 64, x.register(16, 0));
    const wide = isSigned ? signOf(e, w, dividend) : dividend;
    const by = isSigned ? e.signExtend(w, 64, divisor) : e.zeroExtend(w, 64, divisor);
    if (isSigned) {
      // The one quotient that i64.div_s traps on does not fit anyway.
      const traps = e.op('i32.and', e.op('i64.eq', wide, e.i64(-(1n << 63n))), e.op('i64.eq', by, e.i64(-1n)));
      e.when(traps, () => x.raise(0));
    }
    const quotient = e.op(isSigned ? 'i64.div_s' : 'i64.div_u', wide, by);
    const remainder = e.op(isSigned ? 'i64.rem_s' : 'i64.rem_u', wide, by);
    const low = e.truncate(64, w, quotient);
    const fits = isSigned ? e.signExtend(w, 64, low) : e.zeroExtend(w, 64, low);
    e.when(e.op('i64.ne', fits, quotient), () => x.raise(0));
    if (w === 8) {
      const ah = e.op('i32.shl', e.truncate(64, 8, remainder), e.i32(8));
      x.setRegister(16, 0, e.op('i32.or', ah, low));
      return;
    }
    x.setRegister(w, 0, low);
    x.setRegister(w, 2, e.truncate(64, w, remainder));
  };

/** A dividend of twice the width, sign-extended to 64 bits. */
const signOf = (e: WasmEmitter, w: Width, dividend: Val): Val => {
  if (w === 32) return dividend;
  return w === 16 ? e.op('i64.extend32_s', dividend) : e.op('i64.extend16_s', dividend);
};

/** Most 128-bit dividends are extended 64-bit ones; the rest are divided by a helper. */
function divide64(e: WasmEmitter, x: X86Target, isSigned: boolean, divisor: Val): void {
  const [low, high] = [x.register(64, 0), x.register(64, 2)];
  const extension = isSigned ? e.op('i64.shr_s', low, e.i64(63n)) : e.i64(0n);
  let isShort: Val = e.op('i64.eq', high, extension);
  if (isSigned) isShort = e.op('i32.and', isShort, e.op('i64.ne', divisor, e.i64(-1n)));
  e.when(
    isShort,
    () => {
      x.setRegister(64, 0, e.op(isSigned ? 'i64.div_s' : 'i64.div_u', low, divisor));
      x.setRegister(64, 2, e.op(isSigned ? 'i64.rem_s' : 'i64.rem_u', low, divisor));
    },
    () => {
      x.setHelperArgument(divisor);
      x.helper('divide128', e.i32(isSigned ? 1 : 0));
    },
  );
}

const alu: readonly [string, Body, string][] = [
  ['add', add, '+'],
  ['or', logic('or'), '+'],
  ['adc', adc, '+'],
  ['sbb', sbb, '+'],
  ['and', logic('and'), '+'],
  ['sub', sub, '+'],
  ['xor', logic('xor'), '+'],
  ['cmp', cmp, ''],
];

const aluRows = alu.flatMap(([name, body, access], number): Row[] => {
  const lock = { lock: access === '+' };
  return [
    row(hex(number * 8), name, `Eb${access},Gb`, body, lock),
    row(hex(number * 8 + 1), name, `Ev${access},Gv`, body, lock),
    row(hex(number * 8 + 2), name, `Gb${access},Eb`, body),
    row(hex(number * 8 + 3), name, `Gv${access},Ev`, body),
    row(hex(number * 8 + 4), name, `Ab${access},Ib`, body),
    row(hex(number * 8 + 5), name, `Av${access},Iz`, body),
    row(`80 /${number}`, name, `Eb${access},Ib`, body, lock),
    row(`81 /${number}`, name, `Ev${access},Iz`, body, lock),
    row(`82 /${number}`, name, `Eb${access},Ib`, body, { ...lock, only: 'legacy' }),
    row(`83 /${number}`, name, `Ev${access},Is`, body, lock),
  ];
});

export const arithmetic: readonly Row[] = [
  ...aluRows,
  row('84', 'test', 'Eb,Gb', test),
  row('85', 'test', 'Ev,Gv', test),
  row('A8', 'test', 'Ab,Ib', test),
  row('A9', 'test', 'Av,Iz', test),
  ...['F6 /0', 'F6 /1'].map((opcode) => row(opcode, 'test', 'Eb,Ib', test)),
  ...['F7 /0', 'F7 /1'].map((opcode) => row(opcode, 'test', 'Ev,Iz', test)),
  row('F6 /2', 'not', 'Eb+', not, { lock: true }),
  row('F7 /2', 'not', 'Ev+', not, { lock: true }),
  row('F6 /3', 'neg', 'Eb+', neg, { lock: true }),
  row('F7 /3', 'neg', 'Ev+', neg, { lock: true }),
  row('F6 /4', 'mul', 'Eb', multiplyWide(false)),
  row('F7 /4', 'mul', 'Ev', multiplyWide(false)),
  row('F6 /5', 'imul', 'Eb', multiplyWide(true)),
  row('F7 /5', 'imul', 'Ev', multiplyWide(true)),
  row('F6 /6', 'div', 'Eb', divide(false)),
  row('F7 /6', 'div', 'Ev', divide(false)),
  row('F6 /7', 'idiv', 'Eb', divide(true)),
  row('F7 /7', 'idiv', 'Ev', divide(true)),
  row('0F AF', 'imul', 'Gv+,Ev', (e, x, w, a, b) => imul(e, x, w, a, b)),
  row('69', 'imul3', 'Gv=,Ev,Iz', (e, x, w, a, b) => imul(e, x, w, a, b)),
  row('6B', 'imul3', 'Gv=,Ev,Is', (e, x, w, a, b) => imul(e, x, w, a, b)),
  row('FE /0', 'inc', 'Eb+', inc, { lock: true }),
  row('FF /0', 'inc', 'Ev+', inc, { lock: true }),
  row('FE /1', 'dec', 'Eb+', dec, { lock: true }),
  row('FF /1', 'dec', 'Ev+', dec, { lock: true }),
  row('40+r', 'inc', 'Zv+', inc, { only: 'legacy' }),
  row('48+r', 'dec', 'Zv+', dec, { only: 'legacy' }),
  row('0F C0', 'xadd', 'Eb+,Gb+', xadd, { lock: true }),
  row('0F C1', 'xadd', 'Ev+,Gv+', xadd, { lock: true }),
  row('0F B0', 'cmpxchg', 'Eb+,Gb', cmpxchg, { lock: true }),
  row('0F B1', 'cmpxchg', 'Ev+,Gv', cmpxchg, { lock: true }),
  row(
    'F5',
    'cmc',
    '',
    setCarry((e, old) => e.op('i64.xor', old, e.i64(1n))),
  ),
  row(
    'F8',
    'clc',
    '',
    setCarry((e) => e.i64(0n)),
  ),
  row(
    'F9',
    'stc',
    '',
    setCarry((e) => e.i64(1n)),
  ),
];
