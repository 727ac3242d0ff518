/**
 * What SSE arithmetic does when it cannot be plain Wasm: `sse` is any operation, by its helper, and `sse.NAME.FORMAT` one
 * that first looks whether numbers are ordinary and only the flag of inexact results is to be found.
 *
 * Both: (vector, vector, ..., RIP) -> the result, and whether it faulted (an i32).
 */
import type { Val, WasmEmitter } from '../../../index.ts';
import { layout } from '../../layout.ts';
import { exception, maskOf, mxcsr } from '../../mxcsr.ts';
import { returnValues, type SharedFunction, type SharedFunctions, type SharedScope } from '../../shared-function.ts';
import { type OperationName, packCall } from '../operation.ts';
import { bitsOf, type FloatFormat, formats, isExtreme } from './format.ts';
import { fusedFunctions } from './fused.ts';

/** (a, b, `packCall`, predicate, RIP): everything is the helper's. */
const sse: SharedFunction = {
  params: ['v128', 'v128', 'i32', 'i32', 'i64'],
  results: ['v128', 'i32'],
  emit: (e, scope, ...params) => {
    const [a, b, call, predicate, rip] = params as [Val, Val, Val, Val, Val];
    const zero = e.i32(0);
    e.storeMemory('v128.store', zero, layout.helper, a);
    e.storeMemory('v128.store', zero, layout.helper + 16, b);
    e.storeMemory('i64.store', zero, layout.rip, rip);
    scope.helper('sseOperation', call, predicate);
    return [e.loadMemory('v128.load', zero, layout.helper + 32), e.loadMemory('i32.load', zero, layout.faulted)];
  },
};

const hold: SharedFunction = {
  params: [],
  results: [],
  emit: (_e, scope) => {
    scope.helper('sseHold');
    return [];
  },
};

/** (RIP) -> whether what was held back faults. */
const release: SharedFunction = {
  params: ['i64'],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    e.storeMemory('i64.store', e.i32(0), layout.rip, params[0] as Val);
    scope.helper('sseRelease');
    return [e.loadMemory('i32.load', e.i32(0), layout.faulted)];
  },
};

/** What an operation on two elements has to report. */
const finding = { nothing: 0, inexact: 1, other: 2 } as const;

const give = (e: WasmEmitter, found: Val): void => returnValues(e, found);
const giveIf = (e: WasmEmitter, condition: Val, found: number): void => e.when(condition, () => give(e, e.i32(found)));

const zeroOf = (e: WasmEmitter, element: 'f32' | 'f64'): Val =>
  element === 'f64' ? e.op('f64.reinterpret_i64', e.i64(0n)) : e.op('f32.reinterpret_i32', e.i32(0));

const isZero = (e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val =>
  e.op(`${element}.eq`, value, zeroOf(e, element));

/** Zero, or a normal number but for the smallest. */
const isOrdinary = (e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val =>
  e.op('i32.or', isZero(e, element, value), e.op('i32.eqz', isExtreme(e, element, value)));

type Check = (e: WasmEmitter, scope: SharedScope, element: 'f32' | 'f64', a: Val, b: Val) => Val;

/** Knuth's two-sum: the error of a sum is a number of its format. */
const checkSum: Check = (e, _scope, element, a, b) => {
  const op = (name: string, p: Val, q: Val): Val => e.op(`${element}.${name}`, p, q);
  const sum = op('add', a, b);
  giveIf(e, e.op('i32.eqz', isOrdinary(e, element, sum)), finding.other);
  const virtual = op('sub', sum, a);
  const error = op('add', op('sub', a, op('sub', sum, virtual)), op('sub', b, virtual));
  // Of the greatest numbers it may overflow on the way (Boldo, Graillat, Muller, On the robustness of the 2Sum algorithms).
  giveIf(e, e.op(`${element}.ne`, op('sub', error, error), zeroOf(e, element)), finding.other);
  return op('ne', error, zeroOf(e, element));
};

const checkDifference: Check = (e, scope, element, a, b) => checkSum(e, scope, element, a, e.op(`${element}.neg`, b));

const fractionBits = 52n;

/** Odd part of a double's significand, and how many bits it has. */
function oddPart(e: WasmEmitter, value: Val): { readonly part: Val; readonly bits: Val } {
  const fraction = e.op('i64.and', e.op('i64.reinterpret_f64', value), e.i64((1n << fractionBits) - 1n));
  const significand = e.op('i64.or', fraction, e.i64(1n << fractionBits));
  const zeros = e.op('i64.ctz', significand);
  return { part: e.op('i64.shr_u', significand, zeros), bits: e.op('i64.sub', e.i64(fractionBits + 1n), zeros) };
}

/** Whether the product of two normal doubles, normal too, needs more than 53 bits: (a, b) -> i32. */
const productIsInexact: SharedFunction = {
  params: ['f64', 'f64'],
  results: ['i32'],
  emit: (e, _scope, ...params) => {
    const [a, b] = params as [Val, Val];
    const [p, q] = [oddPart(e, a), oddPart(e, b)];
    const bits = e.op('i64.add', p.bits, q.bits);
    giveIf(e, e.op('i64.gt_u', bits, e.i64(fractionBits + 2n)), 1);
    const product = e.op('i64.mul', p.part, q.part);
    return [e.op('i64.ne', e.op('i64.shr_u', product, e.i64(fractionBits + 1n)), e.i64(0n))];
  },
};

const isInexactProduct = (scope: SharedScope, a: Val, b: Val): Val =>
  scope.call('sse.productIsInexact', a, b)[0] as Val;

const widened = (e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val =>
  element === 'f64' ? value : e.op('f64.promote_f32', value);

/** Whether `a` * `b` is not exactly `product`. */
function isNotProduct(e: WasmEmitter, scope: SharedScope, element: 'f32' | 'f64', a: Val, b: Val, product: Val): Val {
  const [p, q, r] = [a, b, product].map((value) => widened(e, element, value)) as [Val, Val, Val];
  const differs = e.op('f64.ne', e.op('f64.mul', p, q), r);
  return element === 'f32' ? differs : e.op('i32.or', differs, isInexactProduct(scope, a, b));
}

const checkProduct: Check = (e, scope, element, a, b) => {
  giveIf(e, e.op('i32.or', isZero(e, element, a), isZero(e, element, b)), finding.nothing);
  const product = e.op(`${element}.mul`, a, b);
  giveIf(e, isExtreme(e, element, product), finding.other);
  return isNotProduct(e, scope, element, a, b, product);
};

const checkQuotient: Check = (e, scope, element, a, b) => {
  giveIf(e, isZero(e, element, b), finding.other);
  giveIf(e, isZero(e, element, a), finding.nothing);
  const quotient = e.op(`${element}.div`, a, b);
  giveIf(e, isExtreme(e, element, quotient), finding.other);
  return isNotProduct(e, scope, element, quotient, b, a);
};

const checkRoot: Check = (e, scope, element, a) => {
  giveIf(e, isZero(e, element, a), finding.nothing);
  giveIf(e, e.op(`${element}.lt`, a, zeroOf(e, element)), finding.other);
  const root = e.op(`${element}.sqrt`, a);
  return isNotProduct(e, scope, element, root, root, a);
};

const checkNarrowing: Check = (e, _scope, _element, a) => {
  giveIf(e, isZero(e, 'f64', a), finding.nothing);
  const narrow = e.op('f32.demote_f64', a);
  giveIf(e, isExtreme(e, 'f32', narrow), finding.other);
  return e.op('f64.ne', e.op('f64.promote_f32', narrow), a);
};

/** (a, b) -> a `finding`, of results that are rounded to nearest. */
const finder = (element: 'f32' | 'f64', check: Check): SharedFunction => ({
  params: [element, element],
  results: ['i32'],
  emit: (e, scope, ...params) => {
    const [a, b] = params as [Val, Val];
    const areOrdinary = e.op('i32.and', isOrdinary(e, element, a), isOrdinary(e, element, b));
    giveIf(e, e.op('i32.eqz', areOrdinary), finding.other);
    return [check(e, scope, element, a, b)];
  },
});

/** A vector operation with the check of its elements. */
function checked(
  name: OperationName,
  check: string,
  format: FloatFormat,
  wasm: (e: WasmEmitter, a: Val, b: Val) => Val,
): SharedFunction {
  const { element, vector, lanes } = format;
  return {
    params: ['v128', 'v128', 'i64'],
    results: ['v128', 'i32'],
    emit: (e, scope, ...params) => {
      const [a, b, rip] = params as [Val, Val, Val];
      const zero = e.i32(0);
      const status = e.loadMemory('i32.load', zero, layout.mxcsr);
      const precisionMask = maskOf(exception.PE);
      const mode = e.op('i32.and', status, e.i32(mxcsr.rounding | precisionMask));
      e.when(e.op('i32.eq', mode, e.i32(precisionMask)), () => {
        const findings = Array.from({ length: lanes }, (_, lane) => {
          const [p, q] = [a, b].map((operand) => e.lane(`${vector}.extract_lane`, lane, operand)) as [Val, Val];
          return scope.call(`sse.${check}.${element}`, p, q)[0] as Val;
        });
        const found = findings.reduce((p, q) => e.op('i32.or', p, q));
        e.when(e.op('i32.lt_u', found, e.i32(finding.other)), () => {
          const isNews = e.op('i32.and', found, e.op('i32.eqz', e.op('i32.and', status, e.i32(exception.PE))));
          e.when(isNews, () => void scope.helper('sseInexact'));
          returnValues(e, wasm(e, a, b), zero);
        });
      });
      const call = e.i32(packCall(name, { bits: bitsOf(format), lanes }));
      return scope.call('sse', a, b, call, zero, rip);
    },
  };
}

const arithmetic = [
  ['add', checkSum],
  ['sub', checkDifference],
  ['mul', checkProduct],
  ['div', checkQuotient],
  ['sqrt', checkRoot],
] as const satisfies readonly (readonly [OperationName, Check])[];
export type ArithmeticName = (typeof arithmetic)[number][0];

const finders: SharedFunctions = Object.fromEntries(
  arithmetic.flatMap(([name, check]) =>
    (['f32', 'f64'] as const).map((element) => [`sse.find.${name}.${element}`, finder(element, check)]),
  ),
);

const checkedFunctions: SharedFunctions = Object.fromEntries(
  arithmetic.flatMap(([name]) =>
    Object.values(formats).map((format) => {
      const { vector } = format;
      const wasm = (e: WasmEmitter, a: Val, b: Val): Val =>
        name === 'sqrt' ? e.op(`${vector}.sqrt`, a) : e.op(`${vector}.${name}`, a, b);
      return [`sse.${name}.${format.name}`, checked(name, `find.${name}`, format, wasm)];
    }),
  ),
);

const narrowing = (e: WasmEmitter, a: Val): Val => e.op('f32x4.demote_f64x2_zero', a);

export const sseFunctions: SharedFunctions = {
  sse,
  'sse.hold': hold,
  'sse.release': release,
  'sse.productIsInexact': productIsInexact,
  ...finders,
  ...fusedFunctions,
  'sse.find.narrow.f64': finder('f64', checkNarrowing),
  ...checkedFunctions,
  'sse.narrow.sd': checked('narrow', 'find.narrow', formats.sd, narrowing),
  'sse.narrow.pd': checked('narrow', 'find.narrow', formats.pd, narrowing),
};
