/**
 * FSIN, FCOS, FSINCOS, FPTAN, FPATAN. Arguments are reduced by the 66-bit approximation of pi that the hardware uses
 * (SDM 1, 8.3.8), so that large ones agree with it rather than with mathematics.
 */
import { binaryNan, isNumber, kind, kindOf, normalizeOperand, unaryNan } from './classify.ts';
import { arctangent, bitLength, packInexact, pi, significandOf, sineCosine } from './fixed-point.ts';
import { cell, copyCell, exception, type Float80Unit, invalid, precision, roundAndPack, setCell } from './unit.ts';

/** pi/2 = hardwareHalfPi / 2^67. */
const hardwareHalfPi = 0xc90fdaa22168c234cn;
const halfPiBits = 67;
const workBits = 192;

export type TrigonometricFunction = 'sine' | 'cosine' | 'tangent';

/** An argument as sign, quadrant and a rest of at most pi/4 either side; rest = value / 2^bits. */
interface Reduced {
  readonly quadrant: number;
  readonly value: bigint;
  readonly bits: number;
}

/**
 * Settles A where its class decides; otherwise gives it reduced. 'outOfRange' is for |A| >= 2^63, which the
 * instruction answers with C2 and nothing else.
 */
export function reduceAngle(u: Float80Unit): Reduced | 'settled' | 'zero' | 'outOfRange' {
  const k = kindOf(u, cell.a);
  if (!isNumber(k)) {
    unaryNan(u, k);
    return 'settled';
  }
  if (k === kind.infinity) {
    invalid(u);
    return 'settled';
  }
  if (k === kind.zero) return 'zero';
  const isNegative = (u.words[cell.a + 2]! & 0x8000) !== 0;
  const exponent = normalizeOperand(u, cell.a) - 16383;
  if (exponent >= 63) return 'outOfRange';
  const significand = significandOf(u, cell.a);
  if (exponent < -1) return { quadrant: 0, value: isNegative ? -significand : significand, bits: 63 - exponent };
  const units = significand << BigInt(exponent - 63 + halfPiBits);
  const magnitude = isNegative ? -units : units;
  const quadrant = floorDivide(2n * magnitude + hardwareHalfPi, 2n * hardwareHalfPi);
  return { quadrant: Number(quadrant & 3n), value: magnitude - quadrant * hardwareHalfPi, bits: halfPiBits };
}

const floorDivide = (n: bigint, d: bigint): bigint => (n >= 0n ? n / d : -((d - 1n - n) / d));

const magnitudeOf = (value: bigint): bigint => (value < 0n ? -value : value);

/** Below 2^-60 sine and tangent are their argument and cosine is one, but for less than a bit of the result. */
const isTiny = ({ value, bits }: Reduced): boolean => magnitudeOf(value) >> BigInt(Math.max(bits - 60, 0)) === 0n;

/** R = the function of a reduced angle. */
export function trigonometric(u: Float80Unit, name: TrigonometricFunction, angle: Reduced): void {
  const quadrant = name === 'cosine' ? (angle.quadrant + 1) & 3 : angle.quadrant;
  const isCrossed = (quadrant & 1) !== 0;
  if (isTiny(angle)) {
    tiny(u, name, angle, quadrant);
    return;
  }
  const value =
    angle.bits <= workBits
      ? angle.value << BigInt(workBits - angle.bits)
      : angle.value >> BigInt(angle.bits - workBits);
  const { sine, cosine } = sineCosine(value, workBits);
  if (name === 'tangent') {
    const ratio = isCrossed ? -(cosine << BigInt(workBits)) / sine : (sine << BigInt(workBits)) / cosine;
    pack(u, ratio, workBits);
  } else {
    const result = isCrossed ? cosine : sine;
    pack(u, (quadrant & 2) !== 0 ? -result : result, workBits);
  }
}

function tiny(u: Float80Unit, name: TrigonometricFunction, angle: Reduced, quadrant: number): void {
  const isNegated = (quadrant & 2) !== 0;
  const isCrossed = (quadrant & 1) !== 0;
  const spread = 64n;
  if (name === 'tangent') {
    if (isCrossed) pack(u, -(1n << BigInt(angle.bits + workBits)) / angle.value, workBits);
    else pack(u, awayFromZero(angle.value << spread, 1n), angle.bits + 64);
  } else if (isCrossed) pack(u, (isNegated ? -1n : 1n) * ((1n << 128n) - 1n), 128);
  else if (bitLength(magnitudeOf(angle.value)) === 64) packArgument(u, angle);
  else {
    const value = awayFromZero(angle.value << spread, -1n);
    pack(u, isNegated ? -value : value, angle.bits + 64);
  }
}

/** The hardware takes the sine of a tiny argument for the argument, in every rounding mode, and calls it inexact. */
function packArgument(u: Float80Unit, { bits }: Reduced): void {
  const w = u.words;
  const sign = w[cell.a + 2]! & 0x8000;
  roundAndPack(u, sign, 16383 + 63 - bits, w[cell.a + 1]!, w[cell.a]!, 0, precision.extended);
  u.raised |= (w[cell.r + 2]! & 0x7fff) === 0 ? exception.UE | exception.PE : exception.PE;
}

const awayFromZero = (value: bigint, by: bigint): bigint => (value < 0n ? value - by : value + by);

function pack(u: Float80Unit, value: bigint, bits: number): void {
  packInexact(u, value < 0n ? 0x8000 : 0, magnitudeOf(value), bits);
}

/** R = the function of zero, A. */
export function trigonometricOfZero(u: Float80Unit, name: TrigonometricFunction): void {
  if (name === 'cosine') setCell(u, cell.r, 0x3fff, 0x80000000 | 0, 0);
  else copyCell(u, cell.a, cell.r);
}

/** R = angle of the point (A, B): arctangent of B / A in the quadrant of the two. */
export function arctangentOfPoint(u: Float80Unit): void {
  const w = u.words;
  const kx = kindOf(u, cell.a);
  const ky = kindOf(u, cell.b);
  if (!isNumber(kx) || !isNumber(ky)) {
    binaryNan(u, kx, ky);
    return;
  }
  if (kx === kind.denormal || ky === kind.denormal) u.raised |= exception.DE;
  const sign = w[cell.b + 2]! & 0x8000;
  const isLeft = (w[cell.a + 2]! & 0x8000) !== 0;
  const eighths = eighthsOfCircle(kx, ky, isLeft);
  if (eighths === 0) setCell(u, cell.r, sign, 0, 0);
  else if (eighths !== undefined) packInexact(u, sign, pi(workBits) * BigInt(eighths), workBits + 2);
  else arctangentOfFinite(u, sign, isLeft);
}

/** The angle in eighths of a circle where an operand is zero or infinite, else undefined. */
function eighthsOfCircle(kx: number, ky: number, isLeft: boolean): number | undefined {
  if (ky === kind.infinity) return kx === kind.infinity ? (isLeft ? 3 : 1) : 2;
  if (kx === kind.infinity || ky === kind.zero) return isLeft ? 4 : 0;
  return kx === kind.zero ? 2 : undefined;
}

function arctangentOfFinite(u: Float80Unit, sign: number, isLeft: boolean): void {
  const xExponent = normalizeOperand(u, cell.a);
  const yExponent = normalizeOperand(u, cell.b);
  const x = significandOf(u, cell.a);
  const y = significandOf(u, cell.b);
  const distance = yExponent - xExponent;
  const bits = 384;
  const halfPi = pi(bits) >> 1n;
  if (distance < -100) {
    if (isLeft) packInexact(u, sign, 2n * halfPi - 1n, bits);
    else packInexact(u, sign, (y << 192n) / x - 1n, 192 - distance);
    return;
  }
  if (distance > 100) {
    packInexact(u, sign, isLeft ? halfPi + 1n : halfPi - 1n, bits);
    return;
  }
  const yScaled = distance > 0 ? y << BigInt(distance) : y;
  const xScaled = distance < 0 ? x << BigInt(-distance) : x;
  const isSteep = yScaled > xScaled;
  const ratio = isSteep ? (xScaled << BigInt(bits)) / yScaled : (yScaled << BigInt(bits)) / xScaled;
  const acute = arctangent(ratio, bits);
  const fromAxis = isSteep ? halfPi - acute : acute;
  packInexact(u, sign, isLeft ? 2n * halfPi - fromAxis : fromAxis, bits);
}
