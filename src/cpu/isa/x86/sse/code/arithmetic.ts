/** Arithmetic and comparison of SSE floating-point elements: plain Wasm, and whatever is unusual by the slow ways. */
import type { Val, WasmEmitter } from '../../../index.ts';
import type { Bound } from '../../mxcsr.ts';
import type { X86Target } from '../../target.ts';
import { type OperationName, order, packCall } from '../operation.ts';
import {
  bitsOf,
  doubtOperands,
  doubtResult,
  type FloatFormat,
  formats,
  inVector,
  outOfVector,
  type ResultTest,
  wasmTypeOf,
} from './format.ts';
import type { ArithmeticName } from './functions.ts';

export type { ArithmeticName };

/** Runs a whole operation by its helper: the result as a vector. Operands are vectors. */
export function slowly(
  e: WasmEmitter,
  x: X86Target,
  name: OperationName,
  format: FloatFormat,
  a: Val,
  b: Val = a,
  predicate: Val = e.i32(0),
): Val {
  const call = e.i32(packCall(name, { bits: bitsOf(format), lanes: format.lanes }));
  const [result, faulted] = x.shared('sse', a, b, call, predicate, x.rip()) as [Val, Val];
  x.faultIf(faulted);
  return result;
}

const formatName = (format: FloatFormat): string =>
  Object.entries(formats).find(([, other]) => other === format)?.[0] ?? '';

/** What an operation's first operand and its result are tested for. */
const tests: Readonly<Record<ArithmeticName, readonly [bound: Bound, result: ResultTest]>> = {
  add: ['sum', 'range'],
  sub: ['sum', 'range'],
  mul: ['product', 'range and size'],
  div: ['product', 'range and size'],
  sqrt: ['product', 'range'],
};

/** `format` is one of `formats`. `b`: none for roots. */
export function floatArithmetic(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  name: ArithmeticName,
  a: Val,
  b?: Val,
): Val {
  const type = wasmTypeOf(format);
  const [bound, test] = tests[name];
  const [value] = e.attempt(
    [e.typeOf(a)],
    (doubt) => {
      doubtOperands(
        e,
        format,
        doubt,
        b === undefined
          ? [[a, bound]]
          : [
              [a, bound],
              [b, 'operand'],
            ],
      );
      const result = e.op(`${type}.${name}`, a, b);
      doubtResult(e, format, doubt, result, test);
      return [result];
    },
    () => {
      const [p, q] = [inVector(e, format, a), inVector(e, format, b ?? a)];
      const [result, faulted] = x.shared(`sse.${name}.${formatName(format)}`, p, q, x.rip()) as [Val, Val];
      x.faultIf(faulted);
      return [outOfVector(e, format, result)];
    },
  );
  return value;
}

/** Doubts NaNs and denormals. */
function doubtComparands(e: WasmEmitter, format: FloatFormat, doubt: (condition: Val) => void, a: Val, b: Val): void {
  const type = wasmTypeOf(format);
  doubtOperands(e, format, doubt, [
    [a, 'operand'],
    [b, 'operand'],
  ]);
  for (const value of [a, b]) {
    const isNan = e.op(`${type}.ne`, value, value);
    doubt(format.lanes === 1 ? isNan : e.op('v128.any_true', isNan));
  }
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
      doubtComparands(e, format, doubt, a, b);
      const [p, q] = [inVector(e, format, a), inVector(e, format, b)];
      return [outOfVector(e, format, e.op(`${vector}.p${name}`, q, p))];
    },
    () => [outOfVector(e, format, slowly(e, x, name, format, inVector(e, format, a), inVector(e, format, b)))],
  );
  return value;
}

/** The four predicates that the low two bits of the immediate name; bit 2 negates (SDM 2A, CMPPD, table 3-1). */
function compared(e: WasmEmitter, vector: string, p: Val, q: Val, predicate: Val): Val {
  const bit = (n: number): Val => e.op('i32.and', predicate, e.i32(n));
  const test = (name: string) => (): Val => e.op(`${vector}.${name}`, p, q);
  const unordered = (): Val => e.op('v128.or', e.op(`${vector}.ne`, p, p), e.op(`${vector}.ne`, q, q));
  const high = (): Val => e.choose('v128', bit(1), unordered, test('le'));
  const low = (): Val => e.choose('v128', bit(1), test('lt'), test('eq'));
  const positive = e.choose('v128', bit(2), high, low);
  return e.choose(
    'v128',
    bit(4),
    () => e.op('v128.not', positive),
    () => positive,
  );
}

/** Masks of the elements for which a predicate holds. */
export function floatCompare(e: WasmEmitter, x: X86Target, format: FloatFormat, a: Val, b: Val, predicate: Val): Val {
  const { vector } = format;
  const [value] = e.attempt(
    [e.typeOf(a)],
    (doubt) => {
      doubtComparands(e, format, doubt, a, b);
      const [p, q] = [inVector(e, format, a), inVector(e, format, b)];
      return [outOfVector(e, format, compared(e, vector, p, q, predicate))];
    },
    () => [
      outOfVector(e, format, slowly(e, x, 'cmp', format, inVector(e, format, a), inVector(e, format, b), predicate)),
    ],
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
      doubtOperands(e, format, doubt, [
        [a, 'operand'],
        [b, 'operand'],
      ]);
      const isBelow = e.op(`${element}.lt`, a, b);
      const isAbove = e.op(`${element}.ge`, a, b);
      doubt(e.op('i32.eqz', e.op('i32.or', isBelow, isAbove)));
      return [isBelow, isAbove, e.op(`${element}.gt`, a, b)];
    },
    () => {
      const result = slowly(e, x, name, format, inVector(e, format, a), inVector(e, format, b));
      const found = e.lane('i32x4.extract_lane', 0, result);
      const is = (outcome: number): Val => e.op('i32.eq', found, e.i32(outcome));
      return [is(order.less), e.op('i32.or', is(order.equal), is(order.greater)), is(order.greater)];
    },
  );
  return { isLess, isNotBelow, isGreater };
}
