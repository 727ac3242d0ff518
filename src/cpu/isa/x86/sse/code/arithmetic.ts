/** Arithmetic and comparison of SSE floating-point elements: plain Wasm, and whatever is unusual by the slow ways. */
import type { Val, WasmEmitter } from '../../../index.ts';
import type { X86Target } from '../../target.ts';
import { order, predicates } from '../operation.ts';
import {
  areAllStrange,
  bitsOf,
  doubtDenormals,
  doubtMasks,
  doubtOperands,
  doubtResult,
  type FloatFormat,
  inVector,
  isIncomplete,
  isOrdinary,
  isPlain,
  outOfVector,
  wasmTypeOf,
} from './format.ts';
import type { ArithmeticName } from './functions.ts';
import { runFormatSlowly, runSlowly } from './slow-way.ts';

export type { ArithmeticName };

/** `format` is one of `formats`. `b`: none for roots. */
export function floatArithmetic(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  name: ArithmeticName,
  a: Val,
  b?: Val,
): Val {
  const compute = (): Val => e.op(`${wasmTypeOf(format)}.${name}`, a, b);
  const operands = b === undefined ? [a] : [a, b];
  const slow = (): Val => {
    const [p, q] = [inVector(e, format, a), inVector(e, format, b ?? a)];
    const [result, faulted] = x.shared(`sse.${name}.${format.name}`, p, q, x.rip()) as [Val, Val];
    x.faultIf(faulted);
    return outOfVector(e, format, result);
  };
  const [value] = e.attempt(
    [e.typeOf(a)],
    (doubt) => {
      const masks = doubtOperands(e, x, format, doubt, operands);
      const result = compute();
      doubtMasks(e, format, doubt, [...masks, ...doubtResult(e, format, doubt, result)]);
      return [result];
    },
    () => {
      if (b === undefined || name === 'div') return [slow()];
      const result = compute();
      const isPlain = isPlainWithZeros(e, format, { name, a, b, result });
      return [e.choose(e.typeOf(a), isPlain, () => result, slow)];
    },
  );
  x.noteTame(value, format.name);
  return value;
}

interface Computed {
  readonly name: ArithmeticName;
  readonly a: Val;
  readonly b: Val;
  readonly result: Val;
}

/**
 * Whether nothing is to be reported although some results are zeros: those of usual operands that cancel each other, or of
 * which one is a zero.
 */
function isPlainWithZeros(e: WasmEmitter, format: FloatFormat, { name, a, b, result }: Computed): Val {
  const { element, lanes } = format;
  const type = wasmTypeOf(format);
  const [and, or] = lanes === 1 ? ['i32.and', 'i32.or'] : ['v128.and', 'v128.or'];
  // Only zeros are what they are with the other sign.
  const isZero = (value: Val): Val => e.op(`${type}.eq`, value, e.op(`${type}.neg`, value));
  const zero = isZero(result);
  const isExact = name === 'mul' ? e.op(and, zero, e.op(or, isZero(a), isZero(b))) : zero;
  const arePlain = [a, b].map((value) => isPlain(e, format, value)).reduce((p, q) => e.op(and, p, q));
  const isRight = e.op(and, arePlain, e.op(or, isExact, isOrdinary(e, format, result)));
  const areAll = lanes === 1 ? isRight : e.op('i32.eqz', isIncomplete(e, element, isRight));
  return e.op('i32.and', areAll, e.op('i32.eqz', areAllStrange(e)));
}

/** Doubts NaNs and denormals. */
function doubtComparands(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  doubt: (condition: Val) => void,
  a: Val,
  b: Val,
): void {
  const type = wasmTypeOf(format);
  const masks = doubtDenormals(e, x, format, doubt, [a, b]);
  if (format.lanes === 1) for (const value of [a, b]) doubt(e.op(`${type}.ne`, value, value));
  else doubtMasks(e, format, doubt, [...masks, ...[a, b].map((value) => e.op(`${type}.eq`, value, value))]);
}

/** MIN and MAX give the second operand when both are zero or one is a NaN: Wasm's pmin and pmax with operands exchanged. */
export function floatExtreme(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  name: 'min' | 'max',
  a: Val,
  b: Val,
): Val {
  const { vector } = format;
  const [value] = e.attempt(
    [e.typeOf(a)],
    (doubt) => {
      doubtComparands(e, x, format, doubt, a, b);
      const [p, q] = [inVector(e, format, a), inVector(e, format, b)];
      return [outOfVector(e, format, e.op(`${vector}.p${name}`, q, p))];
    },
    () => [runFormatSlowly(e, x, format, { name }, a, b)],
  );
  x.noteTame(value, format.name);
  return value;
}

/** Elements of numbers that are in one of these relations: see `predicates`. */
function related(e: WasmEmitter, vector: string, p: Val, q: Val, outcomes: number): Val {
  const test = (name: string, a = p, b = q): Val => e.op(`${vector}.${name}`, a, b);
  switch (outcomes & predicates.ordered) {
    case 0:
      return e.v128(new Array<number>(16).fill(0));
    case 1:
      return test('lt');
    case 2:
      return test('eq');
    case 3:
      return test('le');
    case 4:
      return test('lt', q, p);
    case 5:
      return test('ne');
    case 6:
      return test('le', q, p);
    default:
      return e.v128(new Array<number>(16).fill(0xff));
  }
}

/** None of the elements is a NaN. */
function compared(e: WasmEmitter, vector: string, p: Val, q: Val, predicate: Val): Val {
  const known = e.known(predicate);
  if (known !== undefined) return related(e, vector, p, q, predicates.outcomesOf(known));
  const place = e.op('i64.extend_i32_u', e.op('i32.shl', e.op('i32.and', predicate, e.i32(15)), e.i32(2)));
  const outcomes = e.op('i32.wrap_i64', e.op('i64.shr_u', e.i64(predicates.table), place));
  const masks = [1, 2, 4].map((outcome, i) => {
    const bit = e.op('i32.and', e.op('i32.shr_u', outcomes, e.i32(i)), e.i32(1));
    const isAsked = e.op('i32x4.splat', e.op('i32.sub', e.i32(0), bit));
    return e.op('v128.and', related(e, vector, p, q, outcome), isAsked);
  });
  return masks.reduce((a, b) => e.op('v128.or', a, b));
}

/** Masks of the elements for which a predicate holds. */
export function floatCompare(e: WasmEmitter, x: X86Target, format: FloatFormat, a: Val, b: Val, predicate: Val): Val {
  const { vector } = format;
  const [value] = e.attempt(
    [e.typeOf(a)],
    (doubt) => {
      doubtComparands(e, x, format, doubt, a, b);
      const [p, q] = [inVector(e, format, a), inVector(e, format, b)];
      return [outOfVector(e, format, compared(e, vector, p, q, predicate))];
    },
    () => [runFormatSlowly(e, x, format, { name: 'cmp', predicate }, a, b)],
  );
  return value;
}

/** How two elements compare: i32s, 1 or 0. */
export interface OrderTests {
  readonly isLess: Val;
  /** Greater or equal. */
  readonly isNotBelow: Val;
  readonly isGreater: Val;
}

/** COMIS and UCOMIS. */
export function floatOrder(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  name: 'comis' | 'ucomis',
  a: Val,
  b: Val,
): OrderTests {
  const { element } = format;
  const [isLess, isNotBelow, isGreater] = e.attempt(
    ['i32', 'i32', 'i32'],
    (doubt) => {
      doubtDenormals(e, x, format, doubt, [a, b]);
      const isBelow = e.op(`${element}.lt`, a, b);
      const isAbove = e.op(`${element}.ge`, a, b);
      doubt(e.op('i32.eqz', e.op('i32.or', isBelow, isAbove)));
      return [isBelow, isAbove, e.op(`${element}.gt`, a, b)];
    },
    () => {
      const elements = { bits: bitsOf(format), lanes: format.lanes };
      const result = runSlowly(e, x, { name, ...elements }, inVector(e, format, a), inVector(e, format, b));
      const found = e.lane('i32x4.extract_lane', 0, result);
      const is = (outcome: number): Val => e.op('i32.eq', found, e.i32(outcome));
      return [is(order.less), e.op('i32.or', is(order.equal), is(order.greater)), is(order.greater)];
    },
  );
  return { isLess, isNotBelow, isGreater };
}
