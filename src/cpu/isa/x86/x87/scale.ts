/** FSCALE, FXTRACT, and the constants. */
import { binaryNan, isNumber, kind, kindOf, normalizeOperand, unaryNan } from './classify.ts';
import { fromInt32 } from './convert.ts';
import {
  biasAdjust,
  cell,
  copyCell,
  exception,
  type Float80Unit,
  invalid,
  precision,
  roundAndPack,
  rounding,
  roundingOf,
  setCell,
} from './unit.ts';

/** R = A * 2^trunc(B). */
export function scale(u: Float80Unit): void {
  const w = u.words;
  const ka = kindOf(u, cell.a);
  const kb = kindOf(u, cell.b);
  if (!isNumber(ka) || !isNumber(kb)) {
    binaryNan(u, ka, kb);
    return;
  }
  const sign = w[cell.a + 2]! & 0x8000;
  const isDown = (w[cell.b + 2]! & 0x8000) !== 0;
  if (kb === kind.infinity && ka === (isDown ? kind.infinity : kind.zero)) {
    invalid(u);
    return;
  }
  if (ka === kind.denormal || kb === kind.denormal) u.raised |= exception.DE;
  if (ka === kind.zero || ka === kind.infinity) copyCell(u, cell.a, cell.r);
  else if (kb === kind.infinity) setCell(u, cell.r, isDown ? sign : sign | 0x7fff, isDown ? 0 : 0x80000000 | 0, 0);
  else scaleFinite(u, sign, isDown, kb);
}

function scaleFinite(u: Float80Unit, sign: number, isDown: boolean, kb: number): void {
  const w = u.words;
  const places = kb === kind.zero ? 0 : scaleCount(u);
  const exponent = normalizeOperand(u, cell.a) + (isDown ? -places : places);
  // Beyond what the adjusted bias of an unmasked exception can carry (SDM 1, 8.5.4 and 8.5.5).
  const isMassive =
    (exponent - biasAdjust >= 0x7fff && (u.control & exception.OE) === 0) ||
    (exponent + biasAdjust <= 0 && (u.control & exception.UE) === 0);
  if (isMassive) packMassive(u, sign, exponent > 0);
  else roundAndPack(u, sign, exponent, w[cell.a + 1]!, w[cell.a]!, 0, precision.extended);
}

/** Past that an overflow is infinite and an underflow zero, whatever the rounding mode (checked on hardware). */
function packMassive(u: Float80Unit, sign: number, isOverflow: boolean): void {
  u.raised |= exception.PE | (isOverflow ? exception.OE : exception.UE);
  u.roundedUp = isOverflow ? 1 : 0;
  setCell(u, cell.r, isOverflow ? sign | 0x7fff : sign, isOverflow ? 0x80000000 | 0 : 0, 0);
}

/** |B| truncated, or 0x10000 if that is less: enough to leave the exponent range from anywhere. */
function scaleCount(u: Float80Unit): number {
  const exponent = (u.words[cell.b + 2]! & 0x7fff) - 16383;
  if (exponent < 0) return 0;
  return exponent >= 17 ? 0x20000 : u.words[cell.b + 1]! >>> (31 - exponent);
}

/** R = significand of A with the exponent of 1.0, Q = its exponent as a number. */
export function extract(u: Float80Unit): void {
  const w = u.words;
  const k = kindOf(u, cell.a);
  if (!isNumber(k)) {
    unaryNan(u, k);
    copyCell(u, cell.r, cell.q);
    return;
  }
  if (k === kind.infinity) {
    copyCell(u, cell.a, cell.r);
    setCell(u, cell.q, 0x7fff, 0x80000000 | 0, 0);
    return;
  }
  if (k === kind.zero) {
    u.raised |= exception.ZE;
    copyCell(u, cell.a, cell.r);
    setCell(u, cell.q, 0xffff, 0x80000000 | 0, 0);
    return;
  }
  const exponent = normalizeOperand(u, cell.a) - 16383;
  setCell(u, cell.r, (w[cell.a + 2]! & 0x8000) | 0x3fff, w[cell.a + 1]!, w[cell.a]!);
  fromInt32(u, cell.q, exponent);
}

/** Exponent, significand (64 bits) and the next bits of each constant, as the FPU keeps them (SDM 1, 8.3.8). */
const constants = {
  one: [0x3fff, 0x80000000, 0, 0],
  log2Of10: [0x4000, 0xd49a784b, 0xcd1b8afe, 0x492bf6ff],
  log2OfE: [0x3fff, 0xb8aa3b29, 0x5c17f0bb, 0xbe87fed0],
  pi: [0x4000, 0xc90fdaa2, 0x2168c234, 0xc4c6628b],
  log10Of2: [0x3ffd, 0x9a209a84, 0xfbcff798, 0x8f8959ac],
  lnOf2: [0x3ffe, 0xb17217f7, 0xd1cf79ab, 0xc9e3b398],
  zero: [0, 0, 0, 0],
} as const;
export type ConstantName = keyof typeof constants;

/** R = the constant, rounded as the control word says; loading one is never inexact. */
export function loadConstant(u: Float80Unit, name: ConstantName): void {
  const [exponent, hi, lo, ext] = constants[name];
  const mode = roundingOf(u.control);
  const isUp = mode === rounding.up ? ext !== 0 : mode === rounding.nearest && ext >= 0x80000000;
  setCell(u, cell.r, exponent, hi | 0, (lo + (isUp ? 1 : 0)) | 0);
}
