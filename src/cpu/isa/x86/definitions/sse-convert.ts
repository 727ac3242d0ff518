/**
 * SSE and SSE2 conversions (SDM 2, instruction pages named by mnemonic). To integers they follow MXCSR.RC; to floating
 * point they round to nearest in any mode. Exception flags of MXCSR are not set yet.
 */
import type { Val, WasmEmitter } from '../../index.ts';
import { layout } from '../layout.ts';
import type { Row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { asMmx, asVector, mixedRow } from './mmx.ts';
import { combine, shuffleLanes, splat32, sseRow, type VectorOperation, vectorBytes } from './sse-row.ts';

/** What an integer conversion does first: round as MXCSR says, or drop the fraction. */
type Rounding = (e: WasmEmitter, x: X86Target, type: FloatType, value: Val) => Val;
type FloatType = 'f32' | 'f64' | 'f32x4' | 'f64x2';

const truncate: Rounding = (_e, _x, _type, value) => value; // The integer conversions of Wasm do it.

/** MXCSR.RC: 0 nearest, 1 down, 2 up, 3 towards zero. */
const roundByMode: Rounding = (e, x, type, value) => {
  const result = e.typeOf(value);
  const control = e.op('i32.and', e.op('i32.shr_u', x.state('i32', layout.mxcsr), e.i32(13)), e.i32(3));
  const is = (mode: number): Val => e.op('i32.eq', control, e.i32(mode));
  const to = (name: string) => (): Val => e.op(`${type}.${name}`, value);
  const directed = (): Val =>
    e.choose(result, is(1), to('floor'), () => e.choose(result, is(2), to('ceil'), to('trunc')));
  return e.choose(result, control, directed, to('nearest'));
};

/** What does not fit becomes the integer indefinite, the most negative one. Wasm saturates and makes NaNs zero. */
const toInteger =
  (element: 'f32' | 'f64', rounding: Rounding): Body =>
  (e, x, w, value) => {
    const rounded = rounding(e, x, element, value);
    const type = w === 64 ? 'i64' : 'i32';
    const fits = e.op(`${element}.lt`, rounded, powerOfTwo(e, element, w - 1));
    const least = w === 64 ? e.i64(-(1n << 63n)) : e.i32(-0x8000_0000);
    return e.select(fits, e.op(`${type}.trunc_sat_${element}_s`, rounded), least);
  };

function powerOfTwo(e: WasmEmitter, element: 'f32' | 'f64', exponent: number): Val {
  if (element === 'f32') return e.op('f32.reinterpret_i32', e.i32((127 + exponent) << 23));
  return e.op('f64.reinterpret_i64', e.i64(BigInt(1023 + exponent) << 52n));
}

const fromInteger =
  (element: 'f32' | 'f64'): Body =>
  (e, _x, w, value) =>
    e.op(`${element}.convert_${w === 64 ? 'i64' : 'i32'}_s`, value);

/** Four floats to four integers. */
const integersOfFloats =
  (rounding: Rounding) =>
  (e: WasmEmitter, x: X86Target, vector: Val): Val => {
    const rounded = rounding(e, x, 'f32x4', vector);
    const fits = e.op('f32x4.lt', rounded, splat32(e, (127 + 31) << 23));
    return e.op('v128.bitselect', e.op('i32x4.trunc_sat_f32x4_s', rounded), splat32(e, -0x8000_0000), fits);
  };

/** Two doubles to two integers in the low half; zero above. */
const integersOfDoubles =
  (rounding: Rounding) =>
  (e: WasmEmitter, x: X86Target, vector: Val): Val => {
    const rounded = rounding(e, x, 'f64x2', vector);
    const limit = e.v128(vectorBytes(4, [0, (1023 + 31) << 20, 0, (1023 + 31) << 20]));
    const wide = e.op('f64x2.lt', rounded, limit);
    const fits = shuffleLanes(e, 4, wide, wide, [0, 2, 0, 2]);
    const indefinite = e.v128(vectorBytes(4, [-0x8000_0000, -0x8000_0000, 0, 0]));
    return e.op('v128.bitselect', e.op('i32x4.trunc_sat_f64x2_s_zero', rounded), indefinite, fits);
  };

type Packed = ReturnType<typeof integersOfFloats>;
const onVector =
  (convert: Packed): Body =>
  (e, x, _w, value) =>
    convert(e, x, value);
/** The result in an MMX register; two floats come in as an i64. */
const intoMmx =
  (convert: Packed): Body =>
  (e, x, _w, value) =>
    asMmx(e, convert(e, x, e.typeOf(value) === 'i64' ? asVector(e, value) : value));

const simple = (name: string): Body => combine((e, value) => e.op(name, value));

const floatsOfIntegers: VectorOperation = (e, pair) => asMmx(e, e.op('f32x4.convert_i32x4_s', asVector(e, pair)));
const doublesOfIntegers: VectorOperation = (e, pair) => e.op('f64x2.convert_low_i32x4_s', asVector(e, pair));

export const sseConvert: readonly Row[] = [
  mixedRow('NP 0F 2A', 'cvtpi2ps', 'Vq=,Hq', combine(floatsOfIntegers)),
  mixedRow('66 0F 2A', 'cvtpi2pd', 'Vx=,Hq', combine(doublesOfIntegers)),
  // From memory they leave the x87 state alone, as processors do; the manual says so of the second only.
  sseRow('NP 0F 2A', 'cvtpi2ps', 'Vq=,Mq', combine(floatsOfIntegers)),
  sseRow('66 0F 2A', 'cvtpi2pd', 'Vx=,Mq', combine(doublesOfIntegers)),
  sseRow('F3 0F 2A', 'cvtsi2ss', 'Vss=,Ey', fromInteger('f32')),
  sseRow('F2 0F 2A', 'cvtsi2sd', 'Vsd=,Ey', fromInteger('f64')),
  mixedRow('NP 0F 2C', 'cvttps2pi', 'Pq=,Wq', intoMmx(integersOfFloats(truncate))),
  mixedRow('66 0F 2C', 'cvttpd2pi', 'Pq=,Wx', intoMmx(integersOfDoubles(truncate))),
  sseRow('F3 0F 2C', 'cvttss2si', 'Gy=,Wss', toInteger('f32', truncate)),
  sseRow('F2 0F 2C', 'cvttsd2si', 'Gy=,Wsd', toInteger('f64', truncate)),
  mixedRow('NP 0F 2D', 'cvtps2pi', 'Pq=,Wq', intoMmx(integersOfFloats(roundByMode))),
  mixedRow('66 0F 2D', 'cvtpd2pi', 'Pq=,Wx', intoMmx(integersOfDoubles(roundByMode))),
  sseRow('F3 0F 2D', 'cvtss2si', 'Gy=,Wss', toInteger('f32', roundByMode)),
  sseRow('F2 0F 2D', 'cvtsd2si', 'Gy=,Wsd', toInteger('f64', roundByMode)),
  sseRow('NP 0F 5A', 'cvtps2pd', 'Vx=,Wzq', simple('f64x2.promote_low_f32x4')),
  sseRow('66 0F 5A', 'cvtpd2ps', 'Vx=,Wx', simple('f32x4.demote_f64x2_zero')),
  sseRow('F3 0F 5A', 'cvtss2sd', 'Vsd=,Wss', simple('f64.promote_f32')),
  sseRow('F2 0F 5A', 'cvtsd2ss', 'Vss=,Wsd', simple('f32.demote_f64')),
  sseRow('NP 0F 5B', 'cvtdq2ps', 'Vx=,Wx', simple('f32x4.convert_i32x4_s')),
  sseRow('66 0F 5B', 'cvtps2dq', 'Vx=,Wx', onVector(integersOfFloats(roundByMode))),
  sseRow('F3 0F 5B', 'cvttps2dq', 'Vx=,Wx', onVector(integersOfFloats(truncate))),
  sseRow('F3 0F E6', 'cvtdq2pd', 'Vx=,Wzq', simple('f64x2.convert_low_i32x4_s')),
  sseRow('F2 0F E6', 'cvtpd2dq', 'Vx=,Wx', onVector(integersOfDoubles(roundByMode))),
  sseRow('66 0F E6', 'cvttpd2dq', 'Vx=,Wx', onVector(integersOfDoubles(truncate))),
];
