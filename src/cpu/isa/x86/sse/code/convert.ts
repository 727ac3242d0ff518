/** Conversions of SSE floating-point elements (SDM 1, 11.5.2 and appendix E). */
import type { Val, WasmEmitter } from '../../../index.ts';
import type { X86Target } from '../../target.ts';
import type { OperationName } from '../operation.ts';
import {
  areAllStrange,
  bitsOf,
  doubtDenormals,
  doubtMasks,
  doubtOperands,
  doubtResult,
  type FloatFormat,
  formats,
  inVector,
  outOfVector,
  wasmTypeOf,
} from './format.ts';
import { runSlowly } from './slow-way.ts';

/** To an integer as MXCSR rounds, or without the fraction. */
export type Rounding = 'by mode' | 'truncate';

/** Whether a test holds for an element, or for all of these lanes of a mask: an i32. */
function isAll(e: WasmEmitter, format: FloatFormat, lanes: number, test: Val): Val {
  if (format.lanes === 1) return test;
  const bitmask = e.op(format.element === 'f64' ? 'i64x2.bitmask' : 'i32x4.bitmask', test);
  const wanted = e.i32((1 << lanes) - 1);
  return e.op('i32.eq', e.op('i32.and', bitmask, wanted), wanted);
}

/** An integer element as the vector that slow ways take. */
const integerVector = (e: WasmEmitter, value: Val): Val =>
  e.typeOf(value) === 'v128' ? value : e.op(e.typeOf(value) === 'i64' ? 'i64x2.splat' : 'i32x4.splat', value);

/** 2 to the power of 31 or 63, in a format. */
function limitOf(e: WasmEmitter, { element, lanes }: FloatFormat, width: 32 | 64): Val {
  const exponent = width - 1;
  const bits = element === 'f64' ? BigInt(1023 + exponent) << 52n : BigInt(127 + exponent) << 23n;
  if (lanes === 1) {
    if (element === 'f64') return e.op('f64.reinterpret_i64', e.i64(bits));
    return e.op('f32.reinterpret_i32', e.i32(Number(bits)));
  }
  const bytes = element === 'f64' ? 8 : 4;
  return e.v128(Array.from({ length: 16 }, (_, i) => Number((bits >> BigInt(8 * (i % bytes))) & 0xffn)));
}

const toIntegerNames = {
  'by mode': { 32: 'toInt32', 64: 'toInt64' },
  truncate: { 32: 'truncateToInt32', 64: 'truncateToInt64' },
} as const satisfies Record<Rounding, Record<32 | 64, OperationName>>;

/**
 * Elements to integers of `width` bits: an i32 or i64, or a vector. `used`: how many lanes count, the others being zero; a
 * vector of doubles gives two integers in the low half.
 */
export function floatToInteger(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  { rounding, width, used = format.lanes }: { rounding: Rounding; width: 32 | 64; used?: 1 | 2 | 4 },
  value: Val,
): Val {
  const type = wasmTypeOf(format);
  const { element, lanes } = format;
  const integer = lanes > 1 ? 'v128' : width === 64 ? 'i64' : 'i32';
  const convert = (rounded: Val): Val => {
    if (lanes === 1) return e.op(`${width === 64 ? 'i64' : 'i32'}.trunc_sat_${element}_s`, rounded);
    return e.op(element === 'f64' ? 'i32x4.trunc_sat_f64x2_s_zero' : 'i32x4.trunc_sat_f32x4_s', rounded);
  };
  // The least integer is taken for what does not fit: the slow way knows better. So are NaNs.
  const fits = (rounded: Val): Val =>
    isAll(e, format, used, e.op(`${type}.lt`, e.op(`${type}.abs`, rounded), limitOf(e, format, width)));
  const [result] = e.attempt(
    [integer],
    (doubt) => {
      doubt(areAllStrange(e));
      const rounded = rounding === 'truncate' ? value : e.op(`${type}.nearest`, value);
      doubt(e.op('i32.eqz', fits(rounded)));
      return [convert(rounded)];
    },
    () => {
      // However MXCSR rounds, integers stay as they are.
      const isWhole = isAll(e, format, used, e.op(`${type}.eq`, e.op(`${type}.nearest`, value), value));
      return [
        e.choose(
          integer,
          e.op('i32.and', isWhole, fits(value)),
          () => convert(value),
          () => {
            const name = toIntegerNames[rounding][width];
            const found = runSlowly(e, x, { name, bits: bitsOf(format), lanes: used }, inVector(e, format, value));
            if (lanes > 1) return found;
            return e.lane(width === 64 ? 'i64x2.extract_lane' : 'i32x4.extract_lane', 0, found);
          },
        ),
      ];
    },
  );
  return result;
}

/** An i32 or i64 as an element of `format`, or four i32s as floats, of which the first `used` count. */
export function floatFromInteger(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  value: Val,
  used = format.lanes,
): Val {
  const { element, vector, lanes } = format;
  const type = wasmTypeOf(format);
  const source = e.typeOf(value);
  const convert = (): Val =>
    e.op(source === 'v128' ? `${vector}.convert_i32x4_s` : `${element}.convert_${source}_s`, value);
  if (element === 'f64' && source === 'i32') {
    const exact = convert();
    x.noteTame(exact, format.name);
    return exact;
  }
  const [result] = e.attempt(
    [lanes === 1 ? element : 'v128'],
    (doubt) => {
      doubt(areAllStrange(e));
      return [convert()];
    },
    () => {
      const found = convert();
      return [
        e.choose(
          lanes === 1 ? element : 'v128',
          isExact(found),
          () => found,
          () => {
            const name = source === 'i64' ? 'fromInt64' : 'fromInt32';
            const operation = { name, bits: bitsOf(format), lanes: used } as const;
            return outOfVector(e, format, runSlowly(e, x, operation, integerVector(e, value)));
          },
        ),
      ];
    },
  );
  x.noteTame(result, format.name);
  return result;

  /** Whether it comes back as it was; the greatest results would come back as the greatest integer. */
  function isExact(found: Val): Val {
    const width = source === 'i64' ? 64 : 32;
    const isBelow = isAll(e, format, used, e.op(`${type}.lt`, found, limitOf(e, format, width)));
    if (source === 'v128') {
      const back = e.op('i32x4.trunc_sat_f32x4_s', found);
      return e.op('i32.and', isBelow, isAll(e, format, used, e.op('i32x4.eq', back, value)));
    }
    const back = e.op(`${source}.trunc_sat_${element}_s`, found);
    return e.op('i32.and', isBelow, e.op(`${source}.eq`, back, value));
  }
}

/** Single to double precision; of a vector, the low half. */
export function widenFloat(e: WasmEmitter, x: X86Target, value: Val): Val {
  const isVector = e.typeOf(value) === 'v128';
  const format = isVector ? formats.ps : formats.ss;
  const low = isVector ? e.shuffle(value, value, [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]) : value;
  const [result] = e.attempt(
    [isVector ? 'v128' : 'f64'],
    (doubt) => {
      const masks = doubtDenormals(e, x, format, doubt, [low]);
      if (isVector) doubtMasks(e, format, doubt, [...masks, e.op('f32x4.eq', low, low)]);
      else doubt(e.op('f32.ne', low, low));
      return [e.op(isVector ? 'f64x2.promote_low_f32x4' : 'f64.promote_f32', value)];
    },
    () => {
      const found = runSlowly(e, x, { name: 'widen', bits: 32, lanes: isVector ? 2 : 1 }, inVector(e, format, low));
      return [outOfVector(e, isVector ? formats.pd : formats.sd, found)];
    },
  );
  x.noteTame(result, isVector ? 'pd' : 'sd');
  return result;
}

/** Double to single precision; of a vector, with zeros above. */
export function narrowFloat(e: WasmEmitter, x: X86Target, value: Val): Val {
  const isVector = e.typeOf(value) === 'v128';
  const [from, to] = isVector ? [formats.pd, formats.ps] : [formats.sd, formats.ss];
  const [result] = e.attempt(
    [isVector ? 'v128' : 'f32'],
    (doubt) => {
      doubtMasks(e, from, doubt, doubtOperands(e, x, from, doubt, [value]));
      const narrow = e.op(isVector ? 'f32x4.demote_f64x2_zero' : 'f32.demote_f64', value);
      const tested = isVector ? e.shuffle(narrow, narrow, [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]) : narrow;
      doubtMasks(e, to, doubt, doubtResult(e, to, doubt, tested));
      return [narrow];
    },
    () => {
      const name = isVector ? 'sse.narrow.pd' : 'sse.narrow.sd';
      const vector = inVector(e, from, value);
      const [found, faulted] = x.shared(name, vector, vector, x.rip()) as [Val, Val];
      x.faultIf(faulted);
      return [outOfVector(e, to, found)];
    },
  );
  x.noteTame(result, to.name);
  return result;
}
