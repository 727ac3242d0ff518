/** Floating-point formats of SSE instructions, and the tests that keep unusual values out of plain Wasm arithmetic. */
import type { Val, WasmEmitter } from '../../../index.ts';
import { testOffset, vectorTestOffset } from '../../mxcsr.ts';
import type { FloatElements, X86Target } from '../../target.ts';

export interface FloatFormat {
  readonly name: FloatElements;
  /** Wasm type of one element and of a vector of them. */
  readonly element: 'f32' | 'f64';
  readonly vector: 'f32x4' | 'f64x2';
  /** How many elements an instruction works on: operands are elements when it is one, else vectors. */
  readonly lanes: 1 | 2 | 4;
}

export const formats = {
  ss: { name: 'ss', element: 'f32', vector: 'f32x4', lanes: 1 },
  sd: { name: 'sd', element: 'f64', vector: 'f64x2', lanes: 1 },
  ps: { name: 'ps', element: 'f32', vector: 'f32x4', lanes: 4 },
  pd: { name: 'pd', element: 'f64', vector: 'f64x2', lanes: 2 },
} as const satisfies Record<string, FloatFormat>;

export type PackedFormat = (typeof formats)['ps' | 'pd'];

/** The Wasm type that operations of a format are named by. */
export const wasmTypeOf = ({ element, vector, lanes }: FloatFormat): FloatFormat['element' | 'vector'] =>
  lanes === 1 ? element : vector;

export const bitsOf = ({ element }: FloatFormat): 32 | 64 => (element === 'f64' ? 64 : 32);

const integer = (e: WasmEmitter, element: 'f32' | 'f64', value: bigint): Val =>
  element === 'f64' ? e.i64(value) : e.i32(Number(BigInt.asIntN(32, value)));

/** Whether an element is a denormal that matters (see mxcsr.ts): an i32. */
export function isSuspicious(e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val {
  const type = element === 'f64' ? 'i64' : 'i32';
  const bits = e.op(`${type}.reinterpret_${element}`, value);
  // In this order it is one instruction of the host.
  const measure = e.op(`${type}.add`, e.op(`${type}.sub`, bits, integer(e, element, 1n)), bits);
  return e.op(`${type}.le_u`, measure, e.loadMemory(`${type}.load`, e.i32(0), testOffset(element, 'operand')));
}

/** Whether the result of an operation on elements that are not suspicious may be unusual: an i32. */
export function isStrange(e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val {
  const type = element === 'f64' ? 'i64' : 'i32';
  const load = (word: 'next' | 'result'): Val => e.loadMemory(`${type}.load`, e.i32(0), testOffset(element, word));
  const next = e.op(`${type}.add`, e.op(`${type}.reinterpret_${element}`, value), load('next'));
  return e.op(`${type}.eqz`, e.op(`${type}.and`, next, load('result')));
}

/** Whether its exponent is one of the smallest three or the greatest, whatever MXCSR says. */
export function isExtreme(e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val {
  const type = element === 'f64' ? 'i64' : 'i32';
  const [fraction, mask] = element === 'f64' ? [52n, 0x7fcn] : [23n, 0xfcn];
  const next = e.op(`${type}.add`, e.op(`${type}.reinterpret_${element}`, value), integer(e, element, 1n << fraction));
  return e.op(`${type}.eqz`, e.op(`${type}.and`, next, integer(e, element, mask << fraction)));
}

const laneInteger = { f32: 'i32x4', f64: 'i64x2' } as const;

const constant = (e: WasmEmitter, offset: number): Val => e.loadMemory('v128.load', e.i32(0), offset);

/** Lanes of a vector that are not suspicious, as masks. */
function laneIsPlain(e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val {
  const lanes = laneInteger[element];
  const doubled = e.op(`${lanes}.add`, value, value);
  const measure = e.op(`${lanes}.add`, doubled, constant(e, vectorTestOffset(element, 'half')));
  return e.op(`${lanes}.gt_s`, measure, constant(e, vectorTestOffset(element, 'operand')));
}

/** Lanes of results that are not strange, as masks. */
function laneIsOrdinary(e: WasmEmitter, element: 'f32' | 'f64', value: Val): Val {
  const lanes = laneInteger[element];
  const doubled = e.op(`${lanes}.add`, value, value);
  const measure = e.op(`${lanes}.add`, doubled, constant(e, vectorTestOffset(element, 'size')));
  return e.op(`${lanes}.gt_s`, constant(e, vectorTestOffset(element, 'result')), measure);
}

/** Whether some lane of a mask is clear: an i32. */
export function isIncomplete(e: WasmEmitter, element: 'f32' | 'f64', mask: Val): Val {
  const all = element === 'f64' ? 3 : 15;
  return e.op('i32.ne', e.op(`${laneInteger[element]}.bitmask`, mask), e.i32(all));
}

/** Not suspicious, and not strange: an i32, or a mask. */
export const isPlain = (e: WasmEmitter, { element, lanes }: FloatFormat, value: Val): Val =>
  lanes === 1 ? e.op('i32.eqz', isSuspicious(e, element, value)) : laneIsPlain(e, element, value);

export const isOrdinary = (e: WasmEmitter, { element, lanes }: FloatFormat, value: Val): Val =>
  lanes === 1 ? e.op('i32.eqz', isStrange(e, element, value)) : laneIsOrdinary(e, element, value);

/** Whether all results are strange: an i32. */
export const areAllStrange = (e: WasmEmitter): Val =>
  e.op('i32.eqz', e.loadMemory('i32.load', e.i32(0), testOffset('f32', 'result')));

/** Whether all operands are suspicious: an i32. */
export const areAllSuspicious = (e: WasmEmitter): Val =>
  e.op('i32.lt_s', e.loadMemory('i32.load', e.i32(0), testOffset('f32', 'operand')), e.i32(0));

/**
 * Doubts operands that are not known to be tame: denormals. All of them are tame then. What it returns is for `doubtMasks`:
 * vectors are doubted once.
 */
export function doubtOperands(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  doubt: (condition: Val) => void,
  operands: readonly Val[],
): readonly Val[] {
  const { element, lanes, name } = format;
  const masks: Val[] = [];
  for (const value of operands) {
    if (x.isTame(value, name)) continue;
    if (lanes === 1) doubt(isSuspicious(e, element, value));
    else masks.push(laneIsPlain(e, element, value));
    x.noteTame(value, name);
  }
  return masks;
}

/** The same for what tests no result: where no operand is left to be tested, an alarm is doubted. */
export function doubtDenormals(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  doubt: (condition: Val) => void,
  operands: readonly Val[],
): readonly Val[] {
  if (operands.every((value) => x.isTame(value, format.name))) doubt(areAllSuspicious(e));
  return doubtOperands(e, x, format, doubt, operands);
}

/** What was made of elements of some values, zeros, and signs is tame if these are. */
export function carryTame(x: X86Target, elements: FloatElements, from: readonly Val[], made: readonly Val[]): void {
  if (from.every((value) => x.isTame(value, elements))) for (const value of made) x.noteTame(value, elements);
}

/** Doubts a vector operation unless these masks are set in all lanes. */
export function doubtMasks(
  e: WasmEmitter,
  { element }: FloatFormat,
  doubt: (condition: Val) => void,
  masks: readonly Val[],
): void {
  if (masks.length === 0) return;
  const all = masks.reduce((a, b) => e.op('v128.and', a, b));
  doubt(isIncomplete(e, element, all));
}

/** The same for a result; it finds out too how MXCSR is, and an alarm. */
export function doubtResult(
  e: WasmEmitter,
  { element, lanes }: FloatFormat,
  doubt: (condition: Val) => void,
  value: Val,
): readonly Val[] {
  if (lanes > 1) return [laneIsOrdinary(e, element, value)];
  doubt(isStrange(e, element, value));
  return [];
}

/** An operand as the vector that slow ways take. */
export const inVector = (e: WasmEmitter, { vector, lanes }: FloatFormat, value: Val): Val =>
  lanes === 1 ? e.op(`${vector}.splat`, value) : value;

/** A slow way's result as the operand that an instruction writes. */
export const outOfVector = (e: WasmEmitter, { vector, lanes }: FloatFormat, value: Val): Val =>
  lanes === 1 ? e.lane(`${vector}.extract_lane`, 0, value) : value;

/** Whether some of these elements of a vector may be denormals that matter: an i32. */
export function isWild(e: WasmEmitter, elements: FloatElements, vector: Val): Val {
  const { element, vector: type, lanes } = formats[elements];
  if (lanes > 1) return isIncomplete(e, element, laneIsPlain(e, element, vector));
  return isSuspicious(e, element, e.lane(`${type}.extract_lane`, 0, vector));
}
