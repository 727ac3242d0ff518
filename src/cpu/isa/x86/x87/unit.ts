/**
 * The arithmetic unit's working state: operands and result as 80-bit values in 32-bit words, the control word in
 * force, and the exceptions of the operation in progress. SDM 1, chapter 8.
 *
 * A cell is four words like a register in `layout.x87`: significand low, significand high, sign and exponent, unused.
 * Words are signed, because V8 keeps those unboxed; significands stay in words and never become bigints here.
 */

/** Word offsets of the cells. Binary operations read A and B, unary ones A; all write R, some also Q. */
export const cell = { a: 0, b: 4, r: 8, q: 12, scratch: 16 } as const;

/** Exception bits, as the status word holds them (SDM 1, 8.1.3). */
export const exception = { IE: 1, DE: 2, ZE: 4, OE: 8, UE: 16, PE: 32 } as const;

/** Precision-control codes; code 1 is reserved and works like extended. */
export const precision = { single: 0, double: 2, extended: 3 } as const;

/** Rounding-control codes. */
export const rounding = { nearest: 0, down: 1, up: 2, truncate: 3 } as const;

/** Added to or taken from the exponent of a result whose underflow or overflow is not masked (SDM 1, 8.5.4). */
export const biasAdjust = 24576;

export class Float80Unit {
  readonly words: Int32Array = new Int32Array(20);
  /** The x87 control word: masks, precision, rounding. */
  control = 0x37f;
  /** Exceptions raised since the caller cleared this. */
  raised = 0;
  /** 1 when the last rounding went away from zero: C1 (SDM 1, 8.1.3.3). */
  roundedUp = 0;

  begin(control: number): void {
    this.control = control;
    this.raised = 0;
    this.roundedUp = 0;
  }
}

export const precisionOf = (control: number): number => (control >> 8) & 3;
export const roundingOf = (control: number): number => (control >> 10) & 3;

export function setCell(u: Float80Unit, at: number, signExponent: number, hi: number, lo: number): void {
  const w = u.words;
  w[at] = lo;
  w[at + 1] = hi;
  w[at + 2] = signExponent;
}

/** The default QNaN, "real indefinite". */
export function setIndefinite(u: Float80Unit, at: number): void {
  setCell(u, at, 0xffff, 0xc0000000 | 0, 0);
}

export function copyCell(u: Float80Unit, from: number, to: number): void {
  const w = u.words;
  w[to] = w[from]!;
  w[to + 1] = w[from + 1]!;
  w[to + 2] = w[from + 2]!;
}

/** An invalid operation: the masked response is the default QNaN. */
export function invalid(u: Float80Unit): void {
  u.raised |= exception.IE;
  setIndefinite(u, cell.r);
}

/** Shifts the 96-bit value in the scratch cell (high, low, extra) right, keeping lost bits as a sticky lowest bit. */
export function shiftRightSticky(u: Float80Unit, hi: number, lo: number, ext: number, count: number): void {
  const w = u.words;
  let lost = 0;
  let n = count;
  while (n >= 32) {
    if (n >= 128) {
      lost |= hi | lo | ext;
      hi = lo = ext = 0;
      break;
    }
    lost |= ext;
    ext = lo;
    lo = hi;
    hi = 0;
    n -= 32;
  }
  if (n > 0 && n < 32) {
    lost |= ext << (32 - n);
    ext = (ext >>> n) | (lo << (32 - n));
    lo = (lo >>> n) | (hi << (32 - n));
    hi >>>= n;
  }
  w[cell.scratch] = lo;
  w[cell.scratch + 1] = hi;
  w[cell.scratch + 2] = ext | (lost !== 0 ? 1 : 0);
}

const inexactBit = 1;
const incrementBit = 2;

/** How a significand rounds at the given precision: bit 0 = inexact, bit 1 = away from zero. */
export function roundingDecision(
  control: number,
  sign: number,
  hi: number,
  lo: number,
  ext: number,
  bits: number,
): number {
  let half: number;
  let rest: number;
  let odd: number;
  if (bits === precision.double) {
    half = lo & 0x400;
    rest = (lo & 0x3ff) | ext;
    odd = lo & 0x800;
  } else if (bits === precision.single) {
    half = hi & 0x80;
    rest = (hi & 0x7f) | lo | ext;
    odd = hi & 0x100;
  } else {
    half = ext & 0x80000000;
    rest = ext & 0x7fffffff;
    odd = lo & 1;
  }
  if ((half | rest) === 0) return 0;
  switch ((control >> 10) & 3) {
    case rounding.nearest:
      return half !== 0 && (rest | odd) !== 0 ? inexactBit | incrementBit : inexactBit;
    case rounding.down:
      return sign !== 0 ? inexactBit | incrementBit : inexactBit;
    case rounding.up:
      return sign === 0 ? inexactBit | incrementBit : inexactBit;
    default:
      return inexactBit;
  }
}

/** Whether rounding up this significand, kept to `bits`, carries out of the top. */
function isAllOnes(hi: number, lo: number, bits: number): boolean {
  if (bits === precision.single) return hi >>> 8 === 0xffffff;
  if (hi !== -1) return false;
  return bits === precision.double ? lo >>> 11 === 0x1fffff : lo === -1;
}

/**
 * Whether a value below or at the smallest normal exponent is tiny: tininess is detected after rounding with an
 * unbounded exponent (SDM 1, 4.9.1.5).
 */
export function isTiny(
  control: number,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  ext: number,
  bits: number,
): boolean {
  if (exponent < 0) return true;
  return !(isAllOnes(hi, lo, bits) && (roundingDecision(control, sign, hi, lo, ext, bits) & incrementBit) !== 0);
}

function packOverflow(u: Float80Unit, sign: number, bits: number): void {
  u.raised |= exception.OE | exception.PE;
  const mode = roundingOf(u.control);
  const toInfinity = mode === rounding.nearest || mode === (sign !== 0 ? rounding.down : rounding.up);
  u.roundedUp = toInfinity ? 1 : 0;
  if (toInfinity) setCell(u, cell.r, sign | 0x7fff, 0x80000000 | 0, 0);
  else if (bits === precision.single) setCell(u, cell.r, sign | 0x7ffe, 0xffffff00 | 0, 0);
  else setCell(u, cell.r, sign | 0x7ffe, -1, bits === precision.double ? 0xfffff800 | 0 : -1);
}

function packSubnormal(
  u: Float80Unit,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  ext: number,
  bits: number,
): void {
  const tiny = isTiny(u.control, sign, exponent, hi, lo, ext, bits);
  if (tiny && (u.control & exception.UE) === 0) {
    u.raised |= exception.UE;
    packNormal(u, sign, exponent + biasAdjust, hi, lo, ext, bits);
    return;
  }
  shiftRightSticky(u, hi, lo, ext, 1 - exponent);
  const w = u.words;
  const raisedBefore = u.raised;
  packNormal(u, sign, 1, w[cell.scratch + 1]!, w[cell.scratch]!, w[cell.scratch + 2]!, bits);
  if (w[cell.r + 1]! >= 0) w[cell.r + 2] = sign;
  if (tiny && (u.raised & ~raisedBefore & exception.PE) !== 0) u.raised |= exception.UE;
}

/** Rounds at `bits` and writes R; the exponent is taken as it is unless it overflows. */
function packNormal(
  u: Float80Unit,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  ext: number,
  bits: number,
): void {
  const decision = roundingDecision(u.control, sign, hi, lo, ext, bits);
  if (decision !== 0) {
    if (bits === precision.single) {
      hi &= ~0xff;
      lo = 0;
      if (decision & incrementBit) {
        hi = (hi + 0x100) | 0;
        if (hi === 0) {
          hi = 0x80000000 | 0;
          exponent++;
        }
      }
    } else {
      const ulp = bits === precision.double ? 0x800 : 1;
      lo &= -ulp;
      if (decision & incrementBit) {
        lo = (lo + ulp) | 0;
        if (lo === 0) {
          hi = (hi + 1) | 0;
          if (hi === 0) {
            hi = 0x80000000 | 0;
            exponent++;
          }
        }
      }
    }
  }
  if (exponent >= 0x7fff) {
    if ((u.control & exception.OE) !== 0) {
      packOverflow(u, sign, bits);
      return;
    }
    u.raised |= exception.OE;
    exponent -= biasAdjust;
  }
  if (decision !== 0) {
    u.raised |= exception.PE;
    u.roundedUp = decision >> 1;
  }
  const w = u.words;
  w[cell.r] = lo;
  w[cell.r + 1] = hi;
  w[cell.r + 2] = sign | exponent;
}

/**
 * Rounds a normalised significand (bit 31 of `hi` set, `ext` the next 32 bits with a sticky lowest bit) into R, with
 * the exceptions that this brings. `exponent` is biased and may lie out of range; `sign` is 0 or 0x8000.
 */
export function roundAndPack(
  u: Float80Unit,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  ext: number,
  bits: number,
): void {
  if (exponent > 0) packNormal(u, sign, exponent, hi, lo, ext, bits);
  else packSubnormal(u, sign, exponent, hi, lo, ext, bits);
}

/** Normalises (hi, lo, ext), not all zero, then rounds it into R. */
export function normalizeAndPack(
  u: Float80Unit,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  ext: number,
  bits: number,
): void {
  while (hi === 0) {
    hi = lo;
    lo = ext;
    ext = 0;
    exponent -= 32;
  }
  const shift = Math.clz32(hi);
  if (shift !== 0) {
    hi = (hi << shift) | (lo >>> (32 - shift));
    lo = (lo << shift) | (ext >>> (32 - shift));
    ext <<= shift;
  }
  roundAndPack(u, sign, exponent - shift, hi, lo, ext, bits);
}
