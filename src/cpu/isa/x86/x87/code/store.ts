/**
 * FST, FIST and those that pop: (opcode, rip) -> what is to be stored, as an i64, and a plan. A plan that is not negative
 * is the status word, and above it the tags, as they are once the value is stored. The extended format's sign and
 * exponent are left at `layout.helper` + 8.
 */
import type { Val, WasmEmitter } from '../../../index.ts';
import { layout } from '../../layout.ts';
import { returnValues, type SharedFunction, type SharedFunctions } from '../../shared-function.ts';
import {
  areNormalized,
  C1,
  exponentOf,
  inexact,
  isPlain,
  isZero,
  leaveTo,
  type NumberParts,
  roundsPlainly,
  roundsUp,
  shiftedOut,
  signOf,
  UnitState,
  Variable,
} from './registers.ts';

/** Plans for what a helper has done: `x87Commit` is to follow, but for the last. */
export const plan = { store: -1, keep: -2, faulted: -3 } as const;

const { log2 } = Math;

interface Narrowed {
  readonly value: Val;
  /** Status bits. */
  readonly raised: Val;
  readonly isSimple: Val;
}
type Narrow = (e: WasmEmitter, number: NumberParts, words: Val) => Narrowed;

const statusBits = (e: WasmEmitter, isInexact: Val, isUp: Val): Val =>
  e.op('i32.or', e.op('i32.shl', isInexact, e.i32(log2(inexact))), e.op('i32.shl', isUp, e.i32(log2(C1))));

/** Rounded to nearest to `fractionBits`, with the exponents of a format of `bits`. */
const narrowFloat =
  (bits: 32 | 64, fractionBits: number): Narrow =>
  (e, { significand, signExponent }, words) => {
    const exponentBits = bits - 1 - fractionBits;
    const bias = 16383 - ((1 << (exponentBits - 1)) - 1);
    const dropped = e.i64(BigInt(63 - fractionBits));
    const exponent = e.op('i32.sub', exponentOf(e, signExponent), e.i32(bias));
    const fraction = e.op('i64.shl', significand, e.i64(BigInt(fractionBits + 1)));
    const kept = e.op('i64.shr_u', significand, dropped);
    const isUp = roundsUp(e, kept, fraction);
    const sum = e.op('i64.add', kept, e.op('i64.extend_i32_u', isUp));
    // The bit before the fraction is one of the exponent then, and so is a carry.
    const below = e.op('i64.extend_i32_s', e.op('i32.sub', exponent, e.i32(1)));
    const magnitude = e.op('i64.add', e.op('i64.shl', below, e.i64(BigInt(fractionBits))), sum);
    const sign = e.op('i64.shl', e.op('i64.extend_i32_u', signOf(e, signExponent)), e.i64(BigInt(bits - 16)));
    // Not even a carry makes it too great.
    const fits = e.op('i32.lt_u', e.op('i32.sub', exponent, e.i32(1)), e.i32((1 << exponentBits) - 3));
    const isNormal = e.op('i32.and', areNormalized(e, significand), fits);
    const isNothing = isZero(e, significand, exponentOf(e, signExponent));
    return {
      value: e.op('i64.or', sign, e.select(isNormal, magnitude, e.i64(0n))),
      raised: statusBits(e, e.op('i64.ne', fraction, e.i64(0n)), isUp),
      isSimple: e.op('i32.and', e.op('i32.or', isNormal, isNothing), roundsPlainly(e, words)),
    };
  };

const roundingField = 0xc00;
const rounding = { down: 0x400, up: 0x800 } as const;

/** An integer of `width` bits, rounded as the control word says unless it is truncated; the most negative one is not simple. */
const narrowInteger =
  (width: 16 | 32 | 64, isTruncated = false): Narrow =>
  (e, number, words) => {
    const { significand, signExponent } = number;
    const exponent = exponentOf(e, signExponent);
    const distance = e.op('i32.sub', e.i32(16446), exponent);
    const shift = e.op('i64.extend_i32_u', distance);
    const whole = new Variable(e, 'i64', e.op('i64.shr_u', significand, shift));
    const fraction = new Variable(e, 'i64', shiftedOut(e, significand, shift));
    e.when(e.op('i32.gt_u', distance, e.i32(63)), () => {
      whole.set(e.i64(0n));
      const sticky = e.op('i64.extend_i32_u', e.op('i64.ne', significand, e.i64(0n)));
      fraction.set(e.select(e.op('i32.eq', distance, e.i32(64)), significand, sticky));
    });
    const isInexact = e.op('i64.ne', fraction.now, e.i64(0n));
    const sign = e.op('i32.shr_u', signExponent, e.i32(15));
    const mode = isTruncated ? e.i32(roundingField) : e.op('i32.and', words, e.i32(roundingField));
    const outwards = e.select(sign, e.i32(rounding.down), e.i32(rounding.up));
    const directed = e.op('i32.and', isInexact, e.op('i32.eq', mode, outwards));
    const isUp = e.select(e.op('i32.eqz', mode), roundsUp(e, whole.now, fraction.now), directed);
    const magnitude = e.op('i64.add', whole.now, e.op('i64.extend_i32_u', isUp));
    const isInRange = e.op('i64.lt_u', magnitude, e.i64(1n << BigInt(width - 1)));
    const isQuiet = e.op('i32.eq', e.op('i32.and', words, e.i32(0x800020)), e.i32(0x20));
    const isNear = e.op('i32.ge_s', distance, e.i32(0));
    const simple = [isPlain(e, number), isInRange, isNear, isQuiet].reduce((a, b) => e.op('i32.and', a, b));
    return {
      value: e.select(sign, e.op('i64.sub', e.i64(0n), magnitude), magnitude),
      raised: statusBits(e, isInexact, isUp),
      isSimple: simple,
    };
  };

const narrowNothing: Narrow = (e, { significand, signExponent }, words) => {
  e.storeMemory('i32.store', e.i32(0), layout.helper + 8, signExponent);
  return {
    value: significand,
    raised: e.i32(0),
    isSimple: e.op('i32.eqz', e.op('i32.and', words, e.i32(0x800000))),
  };
};

function storing(helper: string, narrow: Narrow, pops: boolean): SharedFunction {
  return {
    params: ['i32', 'i64'],
    results: ['i64', 'i32'],
    emit: (e, scope, ...params) => {
      const [opcode, rip] = params as [Val, Val];
      const unit = new UnitState(e);
      const top = unit.physical(e.i32(0));
      const { value, raised, isSimple } = narrow(e, unit.read(top), unit.words);
      e.when(
        e.op('i32.and', isSimple, unit.isOccupied(top)),
        () => {
          const tags = pops ? unit.tagsWithout(top) : unit.tags;
          const status = e.op('i32.or', unit.statusAfter(C1, pops ? 1 : 0), raised);
          returnValues(e, value, e.op('i32.or', status, e.op('i32.shl', tags, e.i32(16))));
        },
        undefined,
        true,
      );
      const [isStored, faulted] = leaveTo(e, scope, helper, rip, e.i32(0), opcode);
      const outcome = e.select(isStored, e.i32(plan.store), e.i32(plan.keep));
      const stored = e.loadMemory('i64.load', e.i32(0), layout.helper);
      return [stored, e.select(faulted, e.i32(plan.faulted), outcome)];
    },
  };
}

const formats: readonly (readonly [name: string, narrow: Narrow, pops: boolean])[] = [
  ['fstM32', narrowFloat(32, 23), false],
  ['fstpM32', narrowFloat(32, 23), true],
  ['fstM64', narrowFloat(64, 52), false],
  ['fstpM64', narrowFloat(64, 52), true],
  ['fstpM80', narrowNothing, true],
  ['fistM16', narrowInteger(16), false],
  ['fistpM16', narrowInteger(16), true],
  ['fistM32', narrowInteger(32), false],
  ['fistpM32', narrowInteger(32), true],
  ['fistpM64', narrowInteger(64), true],
  ['fisttpM16', narrowInteger(16, true), true],
  ['fisttpM32', narrowInteger(32, true), true],
  ['fisttpM64', narrowInteger(64, true), true],
];

export const storeFunctions: SharedFunctions = Object.fromEntries(
  formats.map(([name, narrow, pops]) => [name, storing(name, narrow, pops)]),
);
