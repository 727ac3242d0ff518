/**
 * Sum, product, quotient and root of normal numbers and zeros, rounded to nearest (SDM 1, 4.8.4): (a, b, words) -> (significand,
 * sign and exponent with the status bits of the operation in the upper half, negative where it is not that simple).
 */
import type { Val, WasmEmitter } from '../../../index.ts';
import { highProduct } from '../../high-product.ts';
import { returnValues, type SharedFunction, type SharedFunctions } from '../../shared-function.ts';
import {
  all,
  areNormalized,
  C1,
  exponentOf,
  inexact,
  isNormalExponent,
  isZero,
  roundsPlainly,
  roundsUp,
  shiftedIn,
  shiftedOut,
  signBit,
  signOf,
  topBit,
  Variable,
} from './registers.ts';

const precisionField = 0x300;
const precision = { reserved: 0x100, double: 0x200, extended: 0x300 } as const;
const bias = 16383;
const { log2 } = Math;

const refuse = (e: WasmEmitter): void => returnValues(e, e.i64(0n), e.i32(-1));
const refuseUnless = (e: WasmEmitter, condition: Val): void =>
  e.when(e.op('i32.eqz', condition), () => refuse(e), undefined, false);

interface Unrounded {
  readonly sign: Val;
  readonly exponent: Val;
  /** Top bit set. */
  readonly significand: Val;
  /** The 64 bits below, the lowest of them sticky. */
  readonly fraction: Val;
}

/** Rounds to the precision in force. */
function rounded(e: WasmEmitter, { sign, exponent, significand, fraction }: Unrounded, words: Val): readonly Val[] {
  // Even a carry keeps it from overflowing.
  refuseUnless(e, e.op('i32.lt_u', e.op('i32.sub', exponent, e.i32(1)), e.i32(0x7ffd)));
  const kept = new Variable(e, 'i64', significand);
  const rest = new Variable(e, 'i64', fraction);
  const dropped = new Variable(e, 'i64', e.i64(0n));
  const control = e.op('i32.and', words, e.i32(precisionField));
  e.when(
    e.op('i32.ne', control, e.i32(precision.extended)),
    () => {
      refuseUnless(e, e.op('i32.ne', control, e.i32(precision.reserved)));
      dropped.set(e.select(e.op('i32.eq', control, e.i32(precision.double)), e.i64(11n), e.i64(40n)));
      const sticky = e.op('i64.extend_i32_u', e.op('i64.ne', rest.now, e.i64(0n)));
      rest.set(e.op('i64.or', shiftedOut(e, significand, dropped.now), sticky));
      kept.set(e.op('i64.shr_u', significand, dropped.now));
    },
    undefined,
    false,
  );
  const isUp = roundsUp(e, kept.now, rest.now);
  const sum = e.op('i64.add', kept.now, e.op('i64.extend_i32_u', isUp));
  const result = e.op('i64.shl', sum, dropped.now);
  const carry = e.op('i64.eqz', result);
  const isInexact = e.op('i64.ne', rest.now, e.i64(0n));
  const bits = [
    e.op('i32.or', sign, e.op('i32.add', exponent, carry)),
    e.op('i32.shl', isInexact, e.i32(16 + log2(inexact))),
    e.op('i32.shl', isUp, e.i32(16 + log2(C1))),
  ];
  const packed = bits.reduce((a, b) => e.op('i32.or', a, b));
  return [e.op('i64.or', result, e.op('i64.shl', e.op('i64.extend_i32_u', carry), e.i64(63n))), packed];
}

const both = ['i64', 'i32', 'i64', 'i32', 'i32'] as const;
type Kernel = (e: WasmEmitter, operands: Operands, words: Val) => readonly Val[];

interface Operands {
  readonly a: Val;
  readonly aSignExponent: Val;
  readonly aExponent: Val;
  readonly b: Val;
  readonly bSignExponent: Val;
  readonly bExponent: Val;
  /** Of products and quotients. */
  readonly sign: Val;
}

const binary = (kernel: Kernel): SharedFunction => ({
  params: both,
  results: ['i64', 'i32'],
  emit: (e, _scope, ...params) => {
    const [a, aSignExponent, b, bSignExponent, words] = params as [Val, Val, Val, Val, Val];
    refuseUnless(e, roundsPlainly(e, words));
    const aExponent = exponentOf(e, aSignExponent);
    const bExponent = exponentOf(e, bSignExponent);
    const sign = signOf(e, e.op('i32.xor', aSignExponent, bSignExponent));
    return kernel(e, { a, aSignExponent, aExponent, b, bSignExponent, bExponent, sign }, words);
  },
});

const areNormal = (e: WasmEmitter, { a, aExponent, b, bExponent }: Operands): Val =>
  all(e, areNormalized(e, a, b), isNormalExponent(e, aExponent), isNormalExponent(e, bExponent));

const isNormal = (e: WasmEmitter, significand: Val, exponent: Val): Val =>
  e.op('i32.and', areNormalized(e, significand), isNormalExponent(e, exponent));

function add(e: WasmEmitter, operands: Operands, words: Val): readonly Val[] {
  const sign = new Variable(e, 'i32');
  const exponent = new Variable(e, 'i32');
  const significand = new Variable(e, 'i64');
  const fraction = new Variable(e, 'i64', e.i64(0n));
  e.when(
    areNormal(e, operands),
    () => addNormal(e, operands, { sign, exponent, significand, fraction }),
    () => {
      const { a, aSignExponent, aExponent, b, bSignExponent, bExponent } = operands;
      const isAZero = isZero(e, a, aExponent);
      const isBZero = isZero(e, b, bExponent);
      e.when(e.op('i32.and', isAZero, isBZero), () =>
        returnValues(e, e.i64(0n), e.op('i32.and', aSignExponent, bSignExponent)),
      );
      refuseUnless(
        e,
        e.select(isAZero, isNormal(e, b, bExponent), e.op('i32.and', isBZero, isNormal(e, a, aExponent))),
      );
      const signExponent = e.select(isAZero, bSignExponent, aSignExponent);
      sign.set(signOf(e, signExponent));
      exponent.set(exponentOf(e, signExponent));
      significand.set(e.op('i64.or', a, b));
    },
    true,
  );
  const sum = { sign: sign.now, exponent: exponent.now, significand: significand.now, fraction: fraction.now };
  return rounded(e, sum, words);
}

interface Sum {
  readonly sign: Variable;
  readonly exponent: Variable;
  readonly significand: Variable;
  readonly fraction: Variable;
}

function addNormal(e: WasmEmitter, operands: Operands, sum: Sum): void {
  const { a, aSignExponent, aExponent, b, bSignExponent, bExponent } = operands;
  const isBGreater = e.op('i32.lt_u', aExponent, bExponent);
  const great = e.select(isBGreater, b, a);
  const small = e.select(isBGreater, a, b);
  const exponent = e.select(isBGreater, bExponent, aExponent);
  const distance = e.op('i32.sub', exponent, e.select(isBGreater, aExponent, bExponent));
  const shift = e.op('i64.extend_i32_u', distance);
  const shifted = new Variable(e, 'i64', e.op('i64.shr_u', small, shift));
  const fraction = new Variable(e, 'i64', shiftedOut(e, small, shift));
  e.when(
    e.op('i32.gt_u', distance, e.i32(63)),
    () => {
      // Wasm has shifted by the distance less 64.
      const sticky = e.op('i64.extend_i32_u', e.op('i64.ne', fraction.now, e.i64(0n)));
      const isNear = e.op('i32.lt_u', distance, e.i32(128));
      fraction.set(e.select(isNear, e.op('i64.or', shifted.now, sticky), e.i64(1n)));
      shifted.set(e.i64(0n));
    },
    undefined,
    false,
  );
  sum.sign.set(signOf(e, e.select(isBGreater, bSignExponent, aSignExponent)));
  e.when(
    operands.sign,
    () => subtract(e, { great, small: shifted.now, exponent, fraction: fraction.now }, sum),
    () => {
      const total = e.op('i64.add', great, shifted.now);
      const carry = e.op('i64.extend_i32_u', e.op('i64.lt_u', total, great));
      const lost = e.op('i64.and', fraction.now, carry);
      const out = e.op('i64.or', e.op('i64.shr_u', fraction.now, carry), lost);
      // Without a carry the top bit is set already.
      sum.significand.set(e.op('i64.or', e.op('i64.shr_u', total, carry), e.i64(topBit)));
      const low = e.op('i64.shl', e.op('i64.and', total, carry), e.i64(63n));
      sum.fraction.set(e.op('i64.or', out, low));
      sum.exponent.set(e.op('i32.add', exponent, e.op('i32.wrap_i64', carry)));
    },
  );
}

interface Aligned {
  readonly great: Val;
  readonly small: Val;
  readonly exponent: Val;
  readonly fraction: Val;
}

function subtract(e: WasmEmitter, { great, small, exponent, fraction }: Aligned, sum: Sum): void {
  const borrow = e.op('i64.extend_i32_u', e.op('i64.ne', fraction, e.i64(0n)));
  const difference = e.op('i64.sub', e.op('i64.sub', great, small), borrow);
  // Equal exponents and the other one greater: exact, so only the sign changes.
  const isNegative = e.op('i64.lt_u', great, small);
  const magnitude = e.select(isNegative, e.op('i64.sub', e.i64(0n), difference), difference);
  const rest = e.op('i64.sub', e.i64(0n), fraction);
  e.when(
    e.op('i64.eqz', magnitude),
    () => {
      refuseUnless(e, e.op('i64.eqz', rest));
      returnValues(e, e.i64(0n), e.i32(0));
    },
    undefined,
    false,
  );
  const shift = e.op('i64.clz', magnitude);
  sum.significand.set(e.op('i64.or', e.op('i64.shl', magnitude, shift), shiftedIn(e, rest, shift)));
  sum.fraction.set(e.op('i64.shl', rest, shift));
  sum.exponent.set(e.op('i32.sub', exponent, e.op('i32.wrap_i64', shift)));
  sum.sign.set(e.op('i32.xor', sum.sign.now, e.op('i32.shl', isNegative, e.i32(log2(signBit)))));
}

function multiply(e: WasmEmitter, operands: Operands, words: Val): readonly Val[] {
  const { a, aExponent, b, bExponent, sign } = operands;
  e.when(
    e.op('i32.eqz', areNormal(e, operands)),
    () => {
      const isAZero = isZero(e, a, aExponent);
      const isBZero = isZero(e, b, bExponent);
      refuseUnless(e, e.op('i32.or', isAZero, isNormal(e, a, aExponent)));
      refuseUnless(e, e.op('i32.or', isBZero, isNormal(e, b, bExponent)));
      returnValues(e, e.i64(0n), sign);
    },
    undefined,
    false,
  );
  const high = highProduct(e, a, b);
  const low = e.op('i64.mul', a, b);
  // One bit to the left when the top one is clear.
  const shift = e.op('i64.xor', e.op('i64.shr_u', high, e.i64(63n)), e.i64(1n));
  const significand = e.op('i64.or', e.op('i64.shl', high, shift), shiftedIn(e, low, shift));
  const doubled = e.op('i32.sub', e.op('i32.add', aExponent, bExponent), e.i32(bias - 1));
  const exponent = e.op('i32.sub', doubled, e.op('i32.wrap_i64', shift));
  return rounded(e, { sign, exponent, significand, fraction: e.op('i64.shl', low, shift) }, words);
}

function divide(e: WasmEmitter, operands: Operands, words: Val): readonly Val[] {
  const { a, aExponent, b, bExponent, sign } = operands;
  e.when(
    e.op('i32.eqz', areNormal(e, operands)),
    () => {
      refuseUnless(e, e.op('i32.and', isZero(e, a, aExponent), isNormal(e, b, bExponent)));
      returnValues(e, e.i64(0n), sign);
    },
    undefined,
    false,
  );
  const isBelow = e.op('i64.lt_u', a, b);
  // The quotient's first bit is one; what is left is below the divisor.
  const doubled = e.op('i64.shl', a, e.op('i64.extend_i32_u', isBelow));
  const remainder = new Variable(e, 'i64', e.op('i64.sub', doubled, b));
  const first = divideDigit(e, remainder, b);
  const second = divideDigit(e, remainder, b);
  const quotient = e.op('i64.or', e.op('i64.shl', first, e.i64(32n)), second);
  const sticky = e.op('i64.extend_i32_u', e.op('i64.ne', remainder.now, e.i64(0n)));
  const difference = e.op('i32.add', e.op('i32.sub', aExponent, bExponent), e.i32(bias));
  const unrounded = {
    sign,
    exponent: e.op('i32.sub', difference, isBelow),
    significand: e.op('i64.or', e.op('i64.shr_u', quotient, e.i64(1n)), e.i64(topBit)),
    fraction: e.op('i64.or', e.op('i64.shl', quotient, e.i64(63n)), sticky),
  };
  return rounded(e, unrounded, words);
}

/**
 * The next 32 bits of remainder / divisor (Knuth 4.3.1, algorithm D). The remainder is below the divisor, whose top bit is
 * set; it is replaced by what is left.
 */
function divideDigit(e: WasmEmitter, remainder: Variable, divisor: Val): Val {
  const high = e.op('i64.shr_u', divisor, e.i64(32n));
  const low = e.op('i64.and', divisor, e.i64(0xffffffffn));
  const estimate = e.op('i64.div_u', remainder.now, high);
  const isTooGreat = e.op('i64.gt_u', estimate, e.i64(0xffffffffn));
  const digit = new Variable(e, 'i64', e.select(isTooGreat, e.i64(0xffffffffn), estimate));
  const rest = new Variable(e, 'i64', e.op('i64.sub', remainder.now, e.op('i64.mul', digit.now, high)));
  const product = new Variable(e, 'i64', e.op('i64.mul', digit.now, low));
  const correct = (then: () => void): void => {
    const fits = e.op('i64.eqz', e.op('i64.shr_u', rest.now, e.i64(32n)));
    const isAbove = e.op('i64.gt_u', product.now, e.op('i64.shl', rest.now, e.i64(32n)));
    e.when(e.op('i32.and', fits, isAbove), () => {
      digit.set(e.op('i64.sub', digit.now, e.i64(1n)));
      rest.set(e.op('i64.add', rest.now, high));
      product.set(e.op('i64.sub', product.now, low));
      then();
    });
  };
  correct(() => correct(() => {}));
  remainder.set(e.op('i64.sub', e.op('i64.shl', rest.now, e.i64(32n)), product.now));
  return digit.now;
}

/** (a, words). */
const root: SharedFunction = {
  params: ['i64', 'i32', 'i32'],
  results: ['i64', 'i32'],
  emit: (e, _scope, ...params) => {
    const [a, signExponent, words] = params as [Val, Val, Val];
    const exponent = exponentOf(e, signExponent);
    refuseUnless(e, roundsPlainly(e, words));
    e.when(isZero(e, a, exponent), () => returnValues(e, a, signExponent), undefined, false);
    refuseUnless(e, e.op('i32.and', isNormal(e, a, exponent), e.op('i32.eq', exponent, signExponent)));
    // As a number of 128 bits in [2^126, 2^128).
    const halved = e.op('i64.and', e.op('i64.extend_i32_u', exponent), e.i64(1n));
    const high = e.op('i64.shr_u', a, halved);
    const low = e.op('i64.shl', e.op('i64.and', a, halved), e.i64(63n));
    const { significand, fraction } = rootOf(e, high, low);
    const even = e.op('i32.sub', exponent, e.op('i32.sub', e.i32(16384), e.op('i32.wrap_i64', halved)));
    const half = e.op('i32.add', e.op('i32.shr_s', even, e.i32(1)), e.i32(bias));
    return rounded(e, { sign: e.i32(0), exponent: half, significand, fraction }, words);
  },
};

/**
 * Root of a number of 128 bits of which the last 63 are clear: 64 bits, and whether there is more, and more than a half
 * (Zimmermann, Karatsuba Square Root).
 */
function rootOf(e: WasmEmitter, high: Val, low: Val): Pick<Unrounded, 'significand' | 'fraction'> {
  const greatest = e.i64(0xffffffffn);
  const atMost = (value: Val): Val => e.select(e.op('i64.gt_u', value, greatest), greatest, value);
  // A double rounds up to the next integer now and then, never down to the one before.
  const estimate = e.op('i64.trunc_sat_f64_s', e.op('f64.sqrt', e.op('f64.convert_i64_u', high)));
  const first = new Variable(e, 'i64', atMost(estimate));
  const rest = new Variable(e, 'i64', e.op('i64.sub', high, e.op('i64.mul', first.now, first.now)));
  e.when(e.op('i64.lt_s', rest.now, e.i64(0n)), () => {
    first.set(e.op('i64.sub', first.now, e.i64(1n)));
    const twice = e.op('i64.shl', first.now, e.i64(1n));
    rest.set(e.op('i64.add', rest.now, e.op('i64.or', twice, e.i64(1n))));
  });
  // Halves of the rest and of its divisor, twice the first digit.
  const dividend = e.op('i64.or', e.op('i64.shl', rest.now, e.i64(31n)), e.op('i64.shr_u', low, e.i64(33n)));
  const second = atMost(e.op('i64.div_u', dividend, first.now));
  const left = e.op('i64.sub', dividend, e.op('i64.mul', second, first.now));
  const square = e.op('i64.mul', second, second);
  const leftLow = e.op('i64.shl', left, e.i64(33n));
  const borrow = e.op('i64.extend_i32_u', e.op('i64.lt_u', leftLow, square));
  const remainderLow = new Variable(e, 'i64', e.op('i64.sub', leftLow, square));
  const remainderHigh = new Variable(e, 'i64', e.op('i64.sub', e.op('i64.shr_u', left, e.i64(31n)), borrow));
  const result = new Variable(e, 'i64', e.op('i64.or', e.op('i64.shl', first.now, e.i64(32n)), second));
  e.when(e.op('i64.lt_s', remainderHigh.now, e.i64(0n)), () => {
    result.set(e.op('i64.sub', result.now, e.i64(1n)));
    // Twice the root and one: its top bit is set.
    const added = e.op('i64.or', e.op('i64.shl', result.now, e.i64(1n)), e.i64(1n));
    remainderLow.set(e.op('i64.add', remainderLow.now, added));
    const carry = e.op('i64.extend_i32_u', e.op('i64.lt_u', remainderLow.now, added));
    remainderHigh.set(e.op('i64.add', remainderHigh.now, e.op('i64.add', carry, e.i64(1n))));
  });
  const isAbove = e.op('i64.gt_u', remainderLow.now, result.now);
  const isOverHalf = e.op('i32.or', e.op('i64.ne', remainderHigh.now, e.i64(0n)), isAbove);
  const isExact = e.op('i64.eqz', e.op('i64.or', remainderHigh.now, remainderLow.now));
  const fraction = e.select(isOverHalf, e.i64(topBit | 1n), e.i64(1n));
  return { significand: result.now, fraction: e.select(isExact, e.i64(0n), fraction) };
}

export const kernels: SharedFunctions = {
  x87Add: binary(add),
  x87Multiply: binary(multiply),
  x87Divide: binary(divide),
  x87Root: root,
};
