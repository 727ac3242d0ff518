/**
 * One element of an SSE operation, exactly (SDM 1, 4.8, 4.9, 11.5 and appendix E). Sums, products, quotients and roots are
 * those of the x87's 80-bit unit, truncated; what it lost is a sticky bit, so that the result is rounded once.
 */

import { exception, maskOf, mxcsr } from '../mxcsr.ts';
import {
  cell,
  Float80Unit,
  fromDouble,
  fromSingle,
  isTiny,
  loaded,
  precision,
  roundingDecision,
  setCell,
  shiftRightSticky,
  x87Exception,
} from '../x87/index.ts';
import { type Format, isNan, kind, topBit } from './element.ts';

const { IE, DE, ZE, OE, UE, PE } = exception;
/** Exceptions masked, 64 bits of precision; the rounding field comes on top. */
const x87Control = 0x33f;
const x87RoundingShift = 10;

/** The control word of the 80-bit unit for a rounding mode. */
export const x87ControlOf = (rounding: number): number => x87Control | (rounding << x87RoundingShift);
export const truncating = x87ControlOf(3);

/** What operations on elements have in common: operands come in, a result is rounded and packed. */
export class SseUnit {
  /** Flags raised since `begin`. */
  raised = 0;
  /** An operand or a result was a denormal since `begin`. */
  hasDenormal = false;
  /** The result's words. */
  low = 0;
  high = 0;
  readonly x87 = new Float80Unit();
  mxcsr = 0;
  /** The operands as they came, after DAZ. */
  aLow = 0;
  aHigh = 0;
  bLow = 0;
  bHigh = 0;

  begin(value: number): void {
    this.mxcsr = value;
    this.raised = 0;
    this.hasDenormal = false;
  }

  /** MXCSR's rounding mode. */
  get rounding(): number {
    return (this.mxcsr & mxcsr.rounding) >> mxcsr.roundingShift;
  }

  set(low: number, high: number): void {
    this.low = low;
    this.high = high;
  }

  /** Takes an operand into cell A or B; its kind. */
  take(format: Format, at: number, low: number, high: number): number {
    const u = this.x87;
    const found = format.bits === 64 ? fromDouble(u, at, high, low) : fromSingle(u, at, low);
    let k: number = kind.number;
    if (found === loaded.signalingNan) k = kind.signalingNan;
    else if (found === loaded.denormal) {
      this.hasDenormal = true;
      if (this.mxcsr & mxcsr.denormalsAreZeros) {
        if (format.bits === 64) high &= topBit;
        else high = 0;
        low = format.bits === 64 ? 0 : low & topBit;
        setCell(u, at, u.words[at + 2]! & 0x8000, 0, 0);
      } else k = kind.denormal;
    } else if ((u.words[at + 2]! & 0x7fff) === 0x7fff && ((u.words[at + 1]! << 1) | u.words[at]!) !== 0)
      k = kind.quietNan;
    if (at === cell.a) {
      this.aLow = low;
      this.aHigh = high;
    } else {
      this.bLow = low;
      this.bHigh = high;
    }
    return k;
  }

  /** The result is a NaN, made quiet. */
  setQuiet(format: Format, low: number, high: number): void {
    if (format.bits === 64) this.set(low, high | 0x80000);
    else this.set(low | 0x400000, 0);
  }

  /** The result is the default NaN. */
  setDefault(format: Format): void {
    if (format.bits === 64) this.set(0, 0xfff80000 | 0);
    else this.set(0xffc00000 | 0, 0);
  }

  /** The first operand that is a NaN, made quiet (SDM 1, table 4-7). */
  setNan(format: Format, ka: number, kb: number): void {
    if (ka === kind.signalingNan || kb === kind.signalingNan) this.raised |= IE;
    if (isNan(ka)) this.setQuiet(format, this.aLow, this.aHigh);
    else this.setQuiet(format, this.bLow, this.bHigh);
  }

  /** What the 80-bit unit found, in cell R. `mayCancel`: a zero has the sign that the rounding mode gives it. */
  settle(format: Format, hasDenormal: boolean, mayCancel: boolean): void {
    const { words, raised } = this.x87;
    if (raised & x87Exception.IE) {
      this.raised |= IE;
      this.setDefault(format);
      return;
    }
    if (raised & x87Exception.ZE) this.raised |= ZE;
    else if (hasDenormal) this.raised |= DE;
    const hi = words[cell.r + 1]!;
    const lo = words[cell.r]!;
    const sign = words[cell.r + 2]! & 0x8000;
    const exponent = words[cell.r + 2]! & 0x7fff;
    if ((hi | lo) === 0) {
      const isDown = this.rounding === 1;
      this.pack(format, mayCancel ? (isDown ? 0x8000 : 0) : sign, 0, 0, 0);
    } else if (exponent === 0x7fff) this.pack(format, sign, format.top, 0, 0);
    else this.roundAndPack(format, sign, exponent - format.bias, hi, lo, raised & x87Exception.PE ? 1 : 0);
  }

  /** Cell A: a number. */
  packA(format: Format): void {
    const { words } = this.x87;
    const sign = words[cell.a + 2]! & 0x8000;
    const exponent = words[cell.a + 2]! & 0x7fff;
    const hi = words[cell.a + 1]!;
    const lo = words[cell.a]!;
    if ((hi | lo) === 0) this.pack(format, sign, 0, 0, 0);
    else if (exponent === 0x7fff) this.pack(format, sign, format.top, 0, 0);
    else this.roundAndPack(format, sign, exponent - format.bias, hi, lo, 0);
  }

  /** `hi`, `lo`: the significand, its top bit included or, of denormals, not set. */
  pack(format: Format, sign: number, exponent: number, hi: number, lo: number): void {
    if (format.bits === 64)
      this.set((hi << 21) | (lo >>> 11), (sign << 16) | (exponent << 20) | ((hi >>> 11) & 0xfffff));
    else this.set((sign << 16) | (exponent << 23) | ((hi >>> 8) & 0x7fffff), 0);
  }

  /** Rounds a significand with its top bit set, and a sticky bit behind it, once. `exponent` may lie out of range. */
  roundAndPack(format: Format, sign: number, exponent: number, hi: number, lo: number, ext: number): void {
    const status = this.mxcsr;
    const control = x87ControlOf(this.rounding);
    const tiny = exponent <= 0 && isTiny(control, sign, exponent, hi, lo, ext, format.precision);
    const isUnderflowMasked = (status & maskOf(UE)) !== 0;
    if (tiny && isUnderflowMasked && status & mxcsr.flushToZero) {
      this.raised |= UE | PE;
      this.pack(format, sign, 0, 0, 0);
      return;
    }
    if (exponent <= 0 && !(tiny && !isUnderflowMasked)) {
      shiftRightSticky(this.x87, hi, lo, ext, 1 - exponent);
      const { words } = this.x87;
      lo = words[cell.scratch]!;
      hi = words[cell.scratch + 1]!;
      ext = words[cell.scratch + 2]!;
      exponent = 1;
    }
    const decision = roundingDecision(control, sign, hi, lo, ext, format.precision);
    if (decision !== 0) this.raised |= PE;
    if (tiny && (decision !== 0 || !isUnderflowMasked)) this.raised |= UE;
    if (decision & 2) {
      const sum = format.bits === 64 ? (lo >>> 0) + 0x800 : 0x100000000;
      const top = (hi >>> 0) + (format.bits === 64 ? (sum > 0xffffffff ? 1 : 0) : 0x100);
      lo = sum | 0;
      hi = top | 0;
      if (top > 0xffffffff) {
        hi = topBit;
        exponent++;
      }
    }
    if (exponent >= format.top) {
      this.raised |= OE;
      if (status & maskOf(OE)) this.raised |= PE;
      // All bits set round as the overflow does.
      const isInfinite = (roundingDecision(control, sign, -1, -1, -1, precision.extended) & 2) !== 0;
      if (isInfinite) this.pack(format, sign, format.top, 0, 0);
      else this.pack(format, sign, format.top - 1, -1, -1);
      return;
    }
    if (hi >= 0) this.hasDenormal = true;
    this.pack(format, sign, hi >= 0 ? 0 : exponent, hi, lo);
  }
}
