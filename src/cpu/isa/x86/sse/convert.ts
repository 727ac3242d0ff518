/** Conversions between formats, and to and from integers. */
import { exception } from '../mxcsr.ts';
import { cell, fromInt32, fromInt64, toInteger as integerOf, roundToIntegral, x87Exception } from '../x87/index.ts';
import { double, type Format, isNan, kind, single, topBit } from './element.ts';
import { halfOf, singleOf } from './half.ts';
import { type SseUnit, x87ControlOf } from './unit.ts';

const { IE, DE, PE } = exception;

/** Half to single precision. */
export function fromHalf(unit: SseUnit, half: number): void {
  const { word, raised } = singleOf(half);
  unit.raised |= raised;
  unit.set(word, 0);
}

/** Single to half precision, as the immediate rounds. */
export function toHalf(unit: SseUnit, word: number, immediate: number): void {
  const mode = immediate & 4 ? unit.rounding : immediate & 3;
  const found = halfOf(word, unit.mxcsr, mode);
  unit.raised |= found.raised;
  unit.set(found.word, 0);
}

/** Single to double precision. */
export function widen(unit: SseUnit, low: number): void {
  const k = unit.take(single, cell.a, low, 0);
  const bits = unit.aLow;
  if (isNan(k)) {
    if (k === kind.signalingNan) unit.raised |= IE;
    const payload = bits & 0x7fffff;
    unit.set(payload << 29, (bits & topBit) | 0x7ff80000 | (payload >>> 3));
    return;
  }
  if (k === kind.denormal) unit.raised |= DE;
  unit.packA(double);
}

/** Double to single precision. */
export function narrow(unit: SseUnit, low: number, high: number): void {
  const k = unit.take(double, cell.a, low, high);
  if (isNan(k)) {
    if (k === kind.signalingNan) unit.raised |= IE;
    const payload = ((high & 0x7ffff) << 3) | (low >>> 29);
    unit.set((high & topBit) | 0x7fc00000 | payload, 0);
    return;
  }
  if (k === kind.denormal) unit.raised |= DE;
  unit.packA(single);
}

export function fromInteger(unit: SseUnit, format: Format, width: number, low: number, high: number): void {
  if (width === 64) fromInt64(unit.x87, cell.a, high, low);
  else fromInt32(unit.x87, cell.a, low);
  unit.packA(format);
}

/**
 * To an integer in the same format: bits 0-1 of `control` say how, unless bit 2 leaves it to MXCSR; bit 3 keeps inexact ones
 * from being reported. Denormals are not.
 */
export function roundToInteger(unit: SseUnit, format: Format, control: number, low: number, high: number): void {
  const u = unit.x87;
  const k = unit.take(format, cell.a, low, high);
  if (isNan(k)) {
    unit.setNan(format, k, kind.number);
    return;
  }
  const rounding = control & 4 ? unit.rounding : control & 3;
  u.begin(x87ControlOf(rounding));
  roundToIntegral(u);
  if (u.raised & x87Exception.PE && !(control & 8)) unit.raised |= PE;
  const [lo, hi, top] = [u.words[cell.r]!, u.words[cell.r + 1]!, u.words[cell.r + 2]!];
  const sign = top & 0x8000;
  const exponent = top & 0x7fff;
  if ((hi | lo) === 0) unit.pack(format, sign, 0, 0, 0);
  else unit.pack(format, sign, exponent === 0x7fff ? format.top : exponent - format.bias, hi, lo);
}

/** What does not fit becomes the integer indefinite. Denormals are not reported. */
export function toInteger(
  unit: SseUnit,
  format: Format,
  width: number,
  truncates: boolean,
  low: number,
  high: number,
): void {
  const u = unit.x87;
  unit.take(format, cell.a, low, high);
  const rounding = truncates ? 3 : unit.rounding;
  u.begin(x87ControlOf(rounding));
  integerOf(u, width);
  if (u.raised & x87Exception.IE) {
    unit.raised |= IE;
    if (width === 64) unit.set(0, topBit);
    else unit.set(topBit, 0);
    return;
  }
  if (u.raised & x87Exception.PE) unit.raised |= PE;
  unit.set(u.words[cell.q]!, u.words[cell.q + 1]!);
}
