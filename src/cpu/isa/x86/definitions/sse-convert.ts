/** SSE and SSE2 conversions (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import type { Row } from '../row.ts';
import {
  type FloatFormat,
  floatFromInteger,
  floatToInteger,
  formats,
  narrowFloat,
  type Rounding,
  widenFloat,
} from '../sse/index.ts';
import type { Body, X86Target } from '../target.ts';
import { asMmx, asVector, mixedRow } from './mmx.ts';
import { combine, sseRow, type VectorOperation } from './sse-row.ts';

const toInteger =
  (format: FloatFormat, rounding: Rounding): Body =>
  (e, x, w, value) =>
    floatToInteger(e, x, format, { rounding, width: w === 64 ? 64 : 32 }, value as Val);

const fromInteger =
  (format: FloatFormat): Body =>
  (e, x, _w, value) =>
    floatFromInteger(e, x, format, value as Val);

type Packed = (e: WasmEmitter, x: X86Target, vector: Val) => Val;

/** Floats to integers of 32 bits, or doubles, to the low half. */
const integers =
  (format: FloatFormat, rounding: Rounding, used = format.lanes): Packed =>
  (e, x, vector) =>
    floatToInteger(e, x, format, { rounding, width: 32, used }, vector);

const onVector =
  (convert: Packed): Body =>
  (e, x, _w, value) =>
    convert(e, x, value as Val);
/** The result in an MMX register; two floats come in as an i64. */
const intoMmx =
  (convert: Packed): Body =>
  (e, x, _w, value) => {
    const operand = value as Val;
    return asMmx(e, convert(e, x, e.typeOf(operand) === 'i64' ? asVector(e, operand) : operand));
  };

const floatsOfPair: Body = (e, x, _w, pair) =>
  asMmx(e, floatFromInteger(e, x, formats.ps, asVector(e, pair as Val), 2));
const doublesOfPair: VectorOperation = (e, pair) => e.op('f64x2.convert_low_i32x4_s', asVector(e, pair));
const doublesOfIntegers: VectorOperation = (e, vector) => e.op('f64x2.convert_low_i32x4_s', vector);

const { ss, sd, ps, pd } = formats;

export const sseConvert: readonly Row[] = [
  mixedRow('NP 0F 2A', 'cvtpi2ps', 'Vq=,Hq', floatsOfPair),
  mixedRow('66 0F 2A', 'cvtpi2pd', 'Vx=,Hq', combine(doublesOfPair)),
  // From memory they leave the x87 state alone, as processors do; the manual says so of the second only.
  sseRow('NP 0F 2A', 'cvtpi2ps', 'Vq=,Mq', floatsOfPair),
  sseRow('66 0F 2A', 'cvtpi2pd', 'Vx=,Mq', combine(doublesOfPair)),
  sseRow('F3 0F 2A', 'cvtsi2ss', 'Vss=,Ey', fromInteger(ss)),
  sseRow('F2 0F 2A', 'cvtsi2sd', 'Vsd=,Ey', fromInteger(sd)),
  mixedRow('NP 0F 2C', 'cvttps2pi', 'Pq=,Wq', intoMmx(integers(ps, 'truncate', 2))),
  mixedRow('66 0F 2C', 'cvttpd2pi', 'Pq=,Wx', intoMmx(integers(pd, 'truncate'))),
  sseRow('F3 0F 2C', 'cvttss2si', 'Gy=,Wss', toInteger(ss, 'truncate')),
  sseRow('F2 0F 2C', 'cvttsd2si', 'Gy=,Wsd', toInteger(sd, 'truncate')),
  mixedRow('NP 0F 2D', 'cvtps2pi', 'Pq=,Wq', intoMmx(integers(ps, 'by mode', 2))),
  mixedRow('66 0F 2D', 'cvtpd2pi', 'Pq=,Wx', intoMmx(integers(pd, 'by mode'))),
  sseRow('F3 0F 2D', 'cvtss2si', 'Gy=,Wss', toInteger(ss, 'by mode')),
  sseRow('F2 0F 2D', 'cvtsd2si', 'Gy=,Wsd', toInteger(sd, 'by mode')),
  sseRow('NP 0F 5A', 'cvtps2pd', 'Vx=,Wzq', onVector(widenFloat)),
  sseRow('66 0F 5A', 'cvtpd2ps', 'Vx=,Wx', onVector(narrowFloat)),
  sseRow('F3 0F 5A', 'cvtss2sd', 'Vsd=,Wss', onVector(widenFloat)),
  sseRow('F2 0F 5A', 'cvtsd2ss', 'Vss=,Wsd', onVector(narrowFloat)),
  sseRow('NP 0F 5B', 'cvtdq2ps', 'Vx=,Wx', fromInteger(ps)),
  sseRow('66 0F 5B', 'cvtps2dq', 'Vx=,Wx', onVector(integers(ps, 'by mode'))),
  sseRow('F3 0F 5B', 'cvttps2dq', 'Vx=,Wx', onVector(integers(ps, 'truncate'))),
  sseRow('F3 0F E6', 'cvtdq2pd', 'Vx=,Wzq', combine(doublesOfIntegers)),
  sseRow('F2 0F E6', 'cvtpd2dq', 'Vx=,Wx', onVector(integers(pd, 'by mode'))),
  sseRow('66 0F E6', 'cvttpd2dq', 'Vx=,Wx', onVector(integers(pd, 'truncate'))),
];
