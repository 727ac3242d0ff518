/** Half precision (SDM 1, 14.4): 1 sign bit, 5 of exponent, 10 of fraction. */
import { exception, maskOf, mxcsr } from '../mxcsr.ts';

const { IE, DE, OE, UE, PE } = exception;

/** A result and the flags that it raised. */
export interface HalfResult {
  readonly word: number;
  readonly raised: number;
}

const rounding = { nearest: 0, down: 1, up: 2 } as const;
const largest = 0x7bff;
const infinity = 0x7c00;

/** How a positive `significand` rounds when `shift` bits go. */
function rounded(
  significand: number,
  shift: number,
  mode: number,
  isNegative: boolean,
): { value: number; isInexact: boolean } {
  const scale = 2 ** Math.min(shift, 30);
  const value = Math.floor(significand / scale);
  const rest = significand - value * scale;
  const isUp =
    mode === rounding.nearest
      ? 2 * rest > scale || (2 * rest === scale && value % 2 === 1)
      : rest !== 0 && mode === (isNegative ? rounding.down : rounding.up);
  return { value: isUp ? value + 1 : value, isInexact: rest !== 0 };
}

/** VCVTPS2PH of one single: flush to zero does not concern it, denormals as zeros does. */
export function halfOf(word: number, status: number, mode: number): HalfResult {
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 0xff;
  const fraction = word & 0x7fffff;
  if (exponent === 0xff) {
    if (fraction === 0) return { word: sign | infinity, raised: 0 };
    return { word: sign | infinity | 0x200 | (fraction >>> 13), raised: fraction & 0x400000 ? 0 : IE };
  }
  const isDenormal = exponent === 0 && fraction !== 0;
  if (fraction === 0 && exponent === 0) return { word: sign, raised: 0 };
  if (isDenormal && status & mxcsr.denormalsAreZeros) return { word: sign, raised: 0 };
  const found = finiteHalf(
    sign,
    exponent === 0 ? fraction : fraction | 0x800000,
    Math.max(exponent, 1) - 150,
    status,
    mode,
  );
  return isDenormal ? { word: found.word, raised: found.raised | DE } : found;
}

/** `weight`: the power of two of the significand's last bit. */
function finiteHalf(sign: number, significand: number, weight: number, status: number, mode: number): HalfResult {
  const isNegative = sign !== 0;
  const first = weight + 31 - Math.clz32(significand);
  const last = Math.max(first - 10, -24);
  const { value, isInexact } = rounded(significand, last - weight, mode, isNegative);
  // As if there were more room for the exponent: what rounds up to a normal number there is not tiny, and an unmasked underflow
  // reports what was lost there.
  const unbounded = rounded(significand, first - 10 - weight, mode, isNegative);
  const isTiny = first < -15 || (first === -15 && unbounded.value < 0x800);
  const isUnderflowMasked = (status & maskOf(UE)) !== 0;
  let raised = (isTiny && !isUnderflowMasked ? unbounded : { isInexact }).isInexact ? PE : 0;
  if (isTiny && (isInexact || !isUnderflowMasked)) raised |= UE;
  const word = value < 0x400 ? value : ((last + 25) << 10) + value - 0x400;
  if (word <= largest) return { word: sign | word, raised };
  const isInfinite = mode === rounding.nearest || mode === (isNegative ? rounding.down : rounding.up);
  return { word: sign | (isInfinite ? infinity : largest), raised: OE | (status & maskOf(OE) ? PE : raised & PE) };
}

/** VCVTPH2PS of one half; only NaNs can raise anything. */
export function singleOf(half: number): HalfResult {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  const exponent = magnitude >>> 10;
  const fraction = magnitude & 0x3ff;
  if (exponent === 31) {
    const isNan = fraction !== 0;
    const quiet = isNan ? 0x400000 : 0;
    return { word: sign | 0x7f800000 | (fraction << 13) | quiet, raised: isNan && !(fraction & 0x200) ? IE : 0 };
  }
  if (exponent !== 0) return { word: sign | ((exponent + 112) << 23) | (fraction << 13), raised: 0 };
  if (fraction === 0) return { word: sign, raised: 0 };
  const shift = Math.clz32(fraction) - 21;
  return { word: sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13), raised: 0 };
}
