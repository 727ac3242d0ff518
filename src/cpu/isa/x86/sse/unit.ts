/**
 * One element of an SSE operation, exactly (SDM 1, 4.8, 4.9, 11.5 and appendix E). Sums, products, quotients and roots are
 * those of the x87's 80-bit unit, truncated; what it lost is a sticky bit, so that the result is rounded once.
 *
 * Elements are pairs of words, of which single precision uses the low one.
 */

import { exception, maskOf, mxcsr } from '../mxcsr.ts';
import {
  add,
  cell,
  divide,
  Float80Unit,
  fromDouble,
  fromInt32,
  fromInt64,
  fromSingle,
  isTiny,
  loaded,
  multiply,
  precision,
  roundingDecision,
  roundToIntegral,
  setCell,
  shiftRightSticky,
  squareRoot,
  toInteger,
  x87Exception,
} from '../x87/index.ts';
import { type Finite, finiteOf, fusedSum, normalized } from './fused.ts';
import { halfOf, singleOf } from './half.ts';
import { order, predicates } from './operation.ts';

const { IE, DE, ZE, OE, UE, PE } = exception;
const topBit = 0x80000000 | 0;
/** Exceptions masked, 64 bits of precision; the rounding field comes on top. */
const x87Control = 0x33f;
const x87RoundingShift = 10;
const truncating = x87Control | (3 << x87RoundingShift);

interface Format {
  readonly bits: 32 | 64;
  readonly precision: number;
  /** Between the 80-bit format's bias and this one's. */
  readonly bias: number;
  /** The exponent of infinities. */
  readonly top: number;
}
const single: Format = { bits: 32, precision: precision.single, bias: 16256, top: 0xff };
const double: Format = { bits: 64, precision: precision.double, bias: 15360, top: 0x7ff };
export const formatOf = (bits: number): Format => (bits === 64 ? double : single);

const kind = { number: 0, denormal: 1, quietNan: 2, signalingNan: 3 } as const;
/** An element. */
type Words = readonly [low: number, high: number];
const topWord = ({ bits }: Format, [low, high]: Words): number => (bits === 64 ? high : low);
const isNegative = (format: Format, words: Words): boolean => topWord(format, words) < 0;
const isZero = (format: Format, words: Words): boolean =>
  topWord(format, words) << 1 === 0 && (format.bits === 32 || words[0] === 0);
const isInfinite = (format: Format, words: Words): boolean =>
  (topWord(format, words) & 0x7fffffff) === (format.bits === 64 ? 0x7ff00000 : 0x7f800000) &&
  (format.bits === 32 || words[0] === 0);

const isNan = (k: number): boolean => k >= kind.quietNan;

export class SseUnit {
  /** Flags raised since `begin`. */
  raised = 0;
  /** An operand or a result was a denormal since `begin`. */
  hasDenormal = false;
  /** The result's words. */
  low = 0;
  high = 0;
  readonly #u = new Float80Unit();
  #mxcsr = 0;
  /** The operands as they came, after DAZ. */
  #aLow = 0;
  #aHigh = 0;
  #bLow = 0;
  #bHigh = 0;

  begin(value: number): void {
    this.#mxcsr = value;
    this.raised = 0;
    this.hasDenormal = false;
  }

  #set(low: number, high: number): void {
    this.low = low;
    this.high = high;
  }

  /** Takes an operand into cell A or B; its kind. */
  #take(format: Format, at: number, low: number, high: number): number {
    const u = this.#u;
    const found = format.bits === 64 ? fromDouble(u, at, high, low) : fromSingle(u, at, low);
    let k: number = kind.number;
    if (found === loaded.signalingNan) k = kind.signalingNan;
    else if (found === loaded.denormal) {
      this.hasDenormal = true;
      if (this.#mxcsr & mxcsr.denormalsAreZeros) {
        if (format.bits === 64) high &= topBit;
        else high = 0;
        low = format.bits === 64 ? 0 : low & topBit;
        setCell(u, at, u.words[at + 2]! & 0x8000, 0, 0);
      } else k = kind.denormal;
    } else if ((u.words[at + 2]! & 0x7fff) === 0x7fff && ((u.words[at + 1]! << 1) | u.words[at]!) !== 0)
      k = kind.quietNan;
    if (at === cell.a) {
      this.#aLow = low;
      this.#aHigh = high;
    } else {
      this.#bLow = low;
      this.#bHigh = high;
    }
    return k;
  }

  #quiet(format: Format, low: number, high: number): void {
    if (format.bits === 64) this.#set(low, high | 0x80000);
    else this.#set(low | 0x400000, 0);
  }

  #default(format: Format): void {
    if (format.bits === 64) this.#set(0, 0xfff80000 | 0);
    else this.#set(0xffc00000 | 0, 0);
  }

  /** The first operand that is a NaN, made quiet (SDM 1, table 4-7). */
  #nanOf(format: Format, ka: number, kb: number): void {
    if (ka === kind.signalingNan || kb === kind.signalingNan) this.raised |= IE;
    if (isNan(ka)) this.#quiet(format, this.#aLow, this.#aHigh);
    else this.#quiet(format, this.#bLow, this.#bHigh);
  }

  /** `which`: 0 sum, 1 difference, 2 product, 3 quotient. */
  arithmetic(format: Format, which: number, aLow: number, aHigh: number, bLow: number, bHigh: number): void {
    const u = this.#u;
    const ka = this.#take(format, cell.a, aLow, aHigh);
    const kb = this.#take(format, cell.b, bLow, bHigh);
    if (isNan(ka) || isNan(kb)) {
      this.#nanOf(format, ka, kb);
      return;
    }
    const flip = which === 1 ? 0x8000 : 0;
    const signs = (u.words[cell.a + 2]! ^ u.words[cell.b + 2]! ^ flip) & 0x8000;
    u.begin(truncating);
    if (which <= 1) add(u, flip);
    else if (which === 2) multiply(u);
    else divide(u);
    this.#settle(format, ka === kind.denormal || kb === kind.denormal, which <= 1 && signs !== 0);
  }

  /**
   * `a` * `b` + `c`. The first NaN in this order is the result. `negates`: the sign of the product, and of the addend.
   */
  fused(format: Format, a: Words, b: Words, c: Words, negates: { product: boolean; addend: boolean }): void {
    const kc = this.#take(format, cell.a, c[0], c[1]);
    const addend: Words = [this.#aLow, this.#aHigh];
    const ka = this.#take(format, cell.a, a[0], a[1]);
    const kb = this.#take(format, cell.b, b[0], b[1]);
    const factors: readonly [Words, Words] = [
      [this.#aLow, this.#aHigh],
      [this.#bLow, this.#bHigh],
    ];
    const isNegated = ([low, high]: Words, negate: boolean): Words => {
      const flip = negate ? topBit : 0;
      return format.bits === 64 ? [low, high ^ flip] : [low ^ flip, high];
    };
    const isEmpty = (words: Words): boolean => isZero(format, words);
    const isProductInvalid =
      (isInfinite(format, factors[0]) && isEmpty(factors[1])) ||
      (isEmpty(factors[0]) && isInfinite(format, factors[1]));
    if (isNan(ka) || isNan(kb) || isNan(kc)) {
      if ([ka, kb, kc].includes(kind.signalingNan)) this.raised |= IE;
      const found = isNan(ka) ? factors[0] : isNan(kb) ? factors[1] : addend;
      this.#quiet(format, ...found);
      return;
    }
    const p = isNegated(factors[0], negates.product);
    const r = isNegated(addend, negates.addend);
    const isProductInfinite = isInfinite(format, p) || isInfinite(format, factors[1]);
    const isProductNegative = isNegative(format, p) !== isNegative(format, factors[1]);
    const cancels = isProductInfinite && isInfinite(format, r) && isProductNegative !== isNegative(format, r);
    if (isProductInvalid || cancels) {
      this.raised |= IE;
      this.#default(format);
      return;
    }
    if ([ka, kb, kc].includes(kind.denormal)) this.raised |= DE;
    if (isProductInfinite) this.#pack(format, isProductNegative ? 0x8000 : 0, format.top, 0, 0);
    else if (isInfinite(format, r)) this.#set(...r);
    else this.#fuse(format, p, factors[1], r);
  }

  #fuse(format: Format, a: Words, b: Words, c: Words): void {
    const [p, q, r] = [a, b, c].map((words) => finiteOf(format.bits, ...words)) as [Finite, Finite, Finite];
    const sum = fusedSum(p, q, r);
    const isProductNegative = p.isNegative !== q.isNegative;
    if (sum.significand === 0n) {
      const isDown = (this.#mxcsr & mxcsr.rounding) >> mxcsr.roundingShift === 1;
      const isMinus = isProductNegative === r.isNegative ? r.isNegative : isDown;
      this.#pack(format, isMinus ? 0x8000 : 0, 0, 0, 0);
      return;
    }
    const { hi, lo, rest, exponent } = normalized(sum);
    this.#round(format, sum.isNegative ? 0x8000 : 0, exponent + (format.top >> 1), hi, lo, rest);
  }

  /** Half to single precision. */
  fromHalf(half: number): void {
    const { word, raised } = singleOf(half);
    this.raised |= raised;
    this.#set(word, 0);
  }

  /** Single to half precision, as the immediate rounds. */
  toHalf(word: number, immediate: number): void {
    const mode = immediate & 4 ? (this.#mxcsr & mxcsr.rounding) >> mxcsr.roundingShift : immediate & 3;
    const found = halfOf(word, this.#mxcsr, mode);
    this.raised |= found.raised;
    this.#set(found.word, 0);
  }

  squareRoot(format: Format, low: number, high: number): void {
    const k = this.#take(format, cell.a, low, high);
    if (isNan(k)) {
      this.#nanOf(format, k, kind.number);
      return;
    }
    this.#u.begin(truncating);
    squareRoot(this.#u);
    this.#settle(format, k === kind.denormal, false);
  }

  /** What the 80-bit unit found, in cell R. `mayCancel`: a zero has the sign that the rounding mode gives it. */
  #settle(format: Format, hasDenormal: boolean, mayCancel: boolean): void {
    const { words, raised } = this.#u;
    if (raised & x87Exception.IE) {
      this.raised |= IE;
      this.#default(format);
      return;
    }
    if (raised & x87Exception.ZE) this.raised |= ZE;
    else if (hasDenormal) this.raised |= DE;
    const hi = words[cell.r + 1]!;
    const lo = words[cell.r]!;
    const sign = words[cell.r + 2]! & 0x8000;
    const exponent = words[cell.r + 2]! & 0x7fff;
    if ((hi | lo) === 0) {
      const isDown = (this.#mxcsr & mxcsr.rounding) >> mxcsr.roundingShift === 1;
      this.#pack(format, mayCancel ? (isDown ? 0x8000 : 0) : sign, 0, 0, 0);
    } else if (exponent === 0x7fff) this.#pack(format, sign, format.top, 0, 0);
    else this.#round(format, sign, exponent - format.bias, hi, lo, raised & x87Exception.PE ? 1 : 0);
  }

  /** `hi`, `lo`: the significand, its top bit included or, of denormals, not set. */
  #pack(format: Format, sign: number, exponent: number, hi: number, lo: number): void {
    if (format.bits === 64)
      this.#set((hi << 21) | (lo >>> 11), (sign << 16) | (exponent << 20) | ((hi >>> 11) & 0xfffff));
    else this.#set((sign << 16) | (exponent << 23) | ((hi >>> 8) & 0x7fffff), 0);
  }

  /** Rounds a significand with its top bit set, and a sticky bit behind it, once. `exponent` may lie out of range. */
  #round(format: Format, sign: number, exponent: number, hi: number, lo: number, ext: number): void {
    const status = this.#mxcsr;
    const control = x87Control | (((status & mxcsr.rounding) >> mxcsr.roundingShift) << x87RoundingShift);
    const tiny = exponent <= 0 && isTiny(control, sign, exponent, hi, lo, ext, format.precision);
    const isUnderflowMasked = (status & maskOf(UE)) !== 0;
    if (tiny && isUnderflowMasked && status & mxcsr.flushToZero) {
      this.raised |= UE | PE;
      this.#pack(format, sign, 0, 0, 0);
      return;
    }
    if (exponent <= 0 && !(tiny && !isUnderflowMasked)) {
      shiftRightSticky(this.#u, hi, lo, ext, 1 - exponent);
      const { words } = this.#u;
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
      if (isInfinite) this.#pack(format, sign, format.top, 0, 0);
      else this.#pack(format, sign, format.top - 1, -1, -1);
      return;
    }
    if (hi >= 0) this.hasDenormal = true;
    this.#pack(format, sign, hi >= 0 ? 0 : exponent, hi, lo);
  }

  /** -1 less, 0 equal, 1 greater, of numbers. */
  #compare(format: Format): number {
    const isWide = format.bits === 64;
    const [aTop, bTop] = isWide ? [this.#aHigh, this.#bHigh] : [this.#aLow, this.#bLow];
    const [aRest, bRest] = isWide ? [this.#aLow, this.#bLow] : [0, 0];
    if ((aTop | bTop) << 1 === 0 && (aRest | bRest) === 0) return 0;
    if (aTop < 0 !== bTop < 0) return aTop < 0 ? -1 : 1;
    const magnitude = aTop !== bTop ? (aTop >>> 0) - (bTop >>> 0) : (aRest >>> 0) - (bRest >>> 0);
    const found = Math.sign(magnitude);
    return aTop < 0 ? -found : found;
  }

  /** MIN and MAX give the second operand when both are zero or one is a NaN. */
  extreme(format: Format, isMax: boolean, aLow: number, aHigh: number, bLow: number, bHigh: number): void {
    const ka = this.#take(format, cell.a, aLow, aHigh);
    const kb = this.#take(format, cell.b, bLow, bHigh);
    let takesFirst = false;
    if (isNan(ka) || isNan(kb)) this.raised |= IE;
    else {
      if (ka === kind.denormal || kb === kind.denormal) this.raised |= DE;
      const found = this.#compare(format);
      takesFirst = isMax ? found > 0 : found < 0;
    }
    if (takesFirst) this.#set(this.#aLow, this.#aHigh);
    else this.#set(this.#bLow, this.#bHigh);
  }

  /** One of `order`. `isSignaling`: quiet NaNs are invalid too. */
  compare(format: Format, isSignaling: boolean, aLow: number, aHigh: number, bLow: number, bHigh: number): number {
    const ka = this.#take(format, cell.a, aLow, aHigh);
    const kb = this.#take(format, cell.b, bLow, bHigh);
    if (isNan(ka) || isNan(kb)) {
      if (isSignaling || ka === kind.signalingNan || kb === kind.signalingNan) this.raised |= IE;
      return order.unordered;
    }
    if (ka === kind.denormal || kb === kind.denormal) this.raised |= DE;
    const found = this.#compare(format);
    return found === 0 ? order.equal : found < 0 ? order.less : order.greater;
  }

  /** CMPccPS and its kin. */
  predicate(format: Format, predicate: number, aLow: number, aHigh: number, bLow: number, bHigh: number): void {
    const found = this.compare(format, predicates.isSignaling(predicate), aLow, aHigh, bLow, bHigh);
    const outcome = found === order.less ? 1 : found === order.equal ? 2 : found === order.greater ? 4 : 8;
    const word = predicates.outcomesOf(predicate) & outcome ? -1 : 0;
    this.#set(word, word);
  }

  /** Single to double precision. */
  widen(low: number): void {
    const k = this.#take(single, cell.a, low, 0);
    const bits = this.#aLow;
    if (isNan(k)) {
      if (k === kind.signalingNan) this.raised |= IE;
      const payload = bits & 0x7fffff;
      this.#set(payload << 29, (bits & topBit) | 0x7ff80000 | (payload >>> 3));
      return;
    }
    if (k === kind.denormal) this.raised |= DE;
    this.#rounded(double);
  }

  /** Double to single precision. */
  narrow(low: number, high: number): void {
    const k = this.#take(double, cell.a, low, high);
    if (isNan(k)) {
      if (k === kind.signalingNan) this.raised |= IE;
      const payload = ((high & 0x7ffff) << 3) | (low >>> 29);
      this.#set((high & topBit) | 0x7fc00000 | payload, 0);
      return;
    }
    if (k === kind.denormal) this.raised |= DE;
    this.#rounded(single);
  }

  fromInteger(format: Format, width: number, low: number, high: number): void {
    if (width === 64) fromInt64(this.#u, cell.a, high, low);
    else fromInt32(this.#u, cell.a, low);
    this.#rounded(format);
  }

  /** Cell A: a number. */
  #rounded(format: Format): void {
    const { words } = this.#u;
    const sign = words[cell.a + 2]! & 0x8000;
    const exponent = words[cell.a + 2]! & 0x7fff;
    const hi = words[cell.a + 1]!;
    const lo = words[cell.a]!;
    if ((hi | lo) === 0) this.#pack(format, sign, 0, 0, 0);
    else if (exponent === 0x7fff) this.#pack(format, sign, format.top, 0, 0);
    else this.#round(format, sign, exponent - format.bias, hi, lo, 0);
  }

  /**
   * To an integer in the same format: bits 0-1 of `control` say how, unless bit 2 leaves it to MXCSR; bit 3 keeps inexact ones
   * from being reported. Denormals are not.
   */
  round(format: Format, control: number, low: number, high: number): void {
    const u = this.#u;
    const k = this.#take(format, cell.a, low, high);
    if (isNan(k)) {
      this.#nanOf(format, k, kind.number);
      return;
    }
    const rounding = control & 4 ? (this.#mxcsr & mxcsr.rounding) >> mxcsr.roundingShift : control & 3;
    u.begin(x87Control | (rounding << x87RoundingShift));
    roundToIntegral(u);
    if (u.raised & x87Exception.PE && !(control & 8)) this.raised |= PE;
    const [lo, hi, top] = [u.words[cell.r]!, u.words[cell.r + 1]!, u.words[cell.r + 2]!];
    const sign = top & 0x8000;
    const exponent = top & 0x7fff;
    if ((hi | lo) === 0) this.#pack(format, sign, 0, 0, 0);
    else this.#pack(format, sign, exponent === 0x7fff ? format.top : exponent - format.bias, hi, lo);
  }

  /** What does not fit becomes the integer indefinite. Denormals are not reported. */
  toInteger(format: Format, width: number, truncates: boolean, low: number, high: number): void {
    const u = this.#u;
    this.#take(format, cell.a, low, high);
    const rounding = truncates ? 3 : (this.#mxcsr & mxcsr.rounding) >> mxcsr.roundingShift;
    u.begin(x87Control | (rounding << x87RoundingShift));
    toInteger(u, width);
    if (u.raised & x87Exception.IE) {
      this.raised |= IE;
      if (width === 64) this.#set(0, topBit);
      else this.#set(topBit, 0);
      return;
    }
    if (u.raised & x87Exception.PE) this.raised |= PE;
    this.#set(u.words[cell.q]!, u.words[cell.q + 1]!);
  }
}
