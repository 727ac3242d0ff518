/** Floating-point formats of SSE instructions, and the tests that keep unusual values out of plain Wasm arithmetic. */
import type { Val, WasmEmitter } from '../../../index.ts';
import { type Bound, boundOffset } from '../../mxcsr.ts';

export interface FloatFormat {
  /** Wasm type of one element and of a vector of them. */
  readonly element: 'f32' | 'f64';
  readonly vector: 'f32x4' | 'f64x2';
  /** How many elements an instruction works on: operands are elements when it is one, else vectors. */
  readonly lanes: 1 | 2 | 4;
}

export const formats = {
  ss: { element: 'f32', vector: 'f32x4', lanes: 1 },
  sd: { element: 'f64', vector: 'f64x2', lanes: 1 },
  ps: { element: 'f32', vector: 'f32x4', lanes: 4 },
  pd: { element: 'f64', vector: 'f64x2', lanes: 2 },
} as const satisfies Record<string, FloatFormat>;
export type FormatName = keyof typeof formats;

/** The Wasm type that operations of a format are named by. */
export const wasmTypeOf = ({ element, vector, lanes }: FloatFormat): FloatFormat['element' | 'vector'] =>
  lanes === 1 ? element : vector;

export const bitsOf = ({ element }: FloatFormat): 32 | 64 => (element === 'f64' ? 64 : 32);

/** What a result is tested for: too great or no number; in addition too small, or so small that it may have been tiny. */
export type ResultTest = 'range' | 'range and size';

interface Shape {
  readonly fraction: number;
  readonly maximum: number;
}
const shapes = {
  f32: { fraction: 23, maximum: 0xff },
  f64: { fraction: 52, maximum: 0x7ff },
} as const satisfies Record<string, Shape>;

/** 2|x| of an element, in the integers of its width. */
function twice(e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val {
  const integer = element === 'f64' ? 'i64' : 'i32';
  const bits = e.op(`${integer}.reinterpret_${element}`, value);
  return e.op(`${integer}.add`, bits, bits);
}

const integer = (e: WasmEmitter, element: 'f32' | 'f64', value: bigint): Val =>
  element === 'f64' ? e.i64(value) : e.i32(Number(BigInt.asIntN(32, value)));

/** Whether an element is not above a bound (see mxcsr.ts): an i32. */
export function isSuspicious(e: WasmEmitter, element: 'f32' | 'f64', value: Val, bound: Bound): Val {
  const type = element === 'f64' ? 'i64' : 'i32';
  const measure = e.op(`${type}.sub`, twice(e, element, value), integer(e, element, 1n));
  const limit = e.loadMemory(`${type}.load`, e.i32(0), boundOffset(element, bound, 'unsigned'));
  return e.op(`${type}.le_u`, measure, limit);
}

/** Whether the result of an operation on elements that are not suspicious is one: an i32. */
export function isStrange(e: WasmEmitter, element: 'f32' | 'f64', value: Val, test: ResultTest): Val {
  const type = element === 'f64' ? 'i64' : 'i32';
  const { fraction, maximum } = shapes[element];
  if (test === 'range') {
    const limit = BigInt(maximum) << BigInt(fraction + 1);
    return e.op(`${type}.ge_u`, twice(e, element, value), integer(e, element, limit));
  }
  // The smallest normal exponent is strange as well: what is tiny before rounding may get there.
  const bits = e.op(`${type}.reinterpret_${element}`, value);
  const top = e.op(`${type}.shr_u`, bits, integer(e, element, BigInt(fraction)));
  const exponent = e.op('i32.and', element === 'f64' ? e.op('i32.wrap_i64', top) : top, e.i32(maximum));
  return e.op('i32.ge_u', e.op('i32.sub', exponent, e.i32(2)), e.i32(maximum - 2));
}

const laneInteger = { f32: 'i32x4', f64: 'i64x2' } as const;

function splat(e: WasmEmitter, element: 'f32' | 'f64', value: bigint): Val {
  const bytes = element === 'f64' ? 8 : 4;
  return e.v128(Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(8 * (i % bytes))) & 0xffn)));
}

/** Lanes of a vector that are above a bound, as masks. */
function laneIsPlain(e: WasmEmitter, element: 'f32' | 'f64', value: Val, bound: Bound): Val {
  const lanes = laneInteger[element];
  const bits = element === 'f64' ? 64n : 32n;
  const doubled = e.op(`${lanes}.add`, value, value);
  // Less one, and half of the range for the comparison of signed lanes.
  const measure = e.op(`${lanes}.add`, doubled, splat(e, element, (1n << (bits - 1n)) - 1n));
  const load = element === 'f64' ? 'v128.load64_splat' : 'v128.load32_splat';
  return e.op(`${lanes}.gt_s`, measure, e.loadMemory(load, e.i32(0), boundOffset(element, bound, 'signed')));
}

/** Lanes of results that are not strange, as masks. */
function laneIsOrdinary(e: WasmEmitter, element: 'f32' | 'f64', value: Val, test: ResultTest): Val {
  const lanes = laneInteger[element];
  const bits = element === 'f64' ? 64n : 32n;
  const { fraction, maximum } = shapes[element];
  const least = test === 'range' ? 0n : 2n << BigInt(fraction + 1);
  const half = 1n << (bits - 1n);
  const doubled = e.op(`${lanes}.add`, value, value);
  const measure = e.op(`${lanes}.add`, doubled, splat(e, element, BigInt.asUintN(Number(bits), half - least)));
  const limit = BigInt.asUintN(Number(bits), (BigInt(maximum) << BigInt(fraction + 1)) - least - half);
  return e.op(`${lanes}.gt_s`, splat(e, element, limit), measure);
}

/** Whether some lane of a mask is clear: an i32. */
function isIncomplete(e: WasmEmitter, element: 'f32' | 'f64', mask: Val): Val {
  const all = element === 'f64' ? 3 : 15;
  return e.op('i32.ne', e.op(`${laneInteger[element]}.bitmask`, mask), e.i32(all));
}

/** Doubts operands, each with its bound, where an instruction may have something to report or do otherwise. */
export function doubtOperands(
  e: WasmEmitter,
  format: FloatFormat,
  doubt: (condition: Val) => void,
  operands: readonly (readonly [value: Val, bound: Bound])[],
): void {
  const { element, lanes } = format;
  if (lanes === 1) {
    for (const [value, bound] of operands) doubt(isSuspicious(e, element, value, bound));
    return;
  }
  const masks = operands.map(([value, bound]) => laneIsPlain(e, element, value, bound));
  doubt(
    isIncomplete(
      e,
      element,
      masks.reduce((a, b) => e.op('v128.and', a, b)),
    ),
  );
}

export function doubtResult(
  e: WasmEmitter,
  { element, lanes }: FloatFormat,
  doubt: (condition: Val) => void,
  value: Val,
  test: ResultTest,
): void {
  if (lanes === 1) doubt(isStrange(e, element, value, test));
  else doubt(isIncomplete(e, element, laneIsOrdinary(e, element, value, test)));
}

/** Whether MXCSR has more in mind than rounding to nearest and forgetting that a result is inexact: an i32. */
export function isUnplain(e: WasmEmitter): Val {
  return e.op('i32.lt_s', e.loadMemory('i32.load', e.i32(0), boundOffset('f32', 'product', 'unsigned')), e.i32(0));
}

/** An operand as the vector that slow ways take. */
export const inVector = (e: WasmEmitter, { vector, lanes }: FloatFormat, value: Val): Val =>
  lanes === 1 ? e.op(`${vector}.splat`, value) : value;

/** A slow way's result as the operand that an instruction writes. */
export const outOfVector = (e: WasmEmitter, { vector, lanes }: FloatFormat, value: Val): Val =>
  lanes === 1 ? e.lane(`${vector}.extract_lane`, 0, value) : value;
