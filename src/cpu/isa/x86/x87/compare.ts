/** Comparison and examination (FCOM and its kin, FXAM). */
import { isNumber, kind, kindOf } from './classify.ts';
import { cell, exception, type Float80Unit } from './unit.ts';

export const order = { greater: 0, less: 1, equal: 2, unordered: 3 } as const;

/**
 * A against B. A quiet NaN is invalid only where `quietIsInvalid`; a signalling one and an unsupported encoding
 * always.
 */
export function compare(u: Float80Unit, quietIsInvalid: boolean): number {
  const w = u.words;
  const ka = kindOf(u, cell.a);
  const kb = kindOf(u, cell.b);
  if (!isNumber(ka) || !isNumber(kb)) {
    if (quietIsInvalid || ka > kind.quietNan || kb > kind.quietNan) u.raised |= exception.IE;
    return order.unordered;
  }
  if (ka === kind.denormal || kb === kind.denormal) u.raised |= exception.DE;
  const aNegative = (w[cell.a + 2]! & 0x8000) !== 0;
  const bNegative = (w[cell.b + 2]! & 0x8000) !== 0;
  if (ka === kind.zero && kb === kind.zero) return order.equal;
  if (ka === kind.zero) return bNegative ? order.greater : order.less;
  if (kb === kind.zero || aNegative !== bNegative) return aNegative ? order.less : order.greater;
  const magnitudes = compareMagnitudes(u);
  if (magnitudes === order.equal) return order.equal;
  return (magnitudes === order.greater) !== aNegative ? order.greater : order.less;
}

function compareMagnitudes(u: Float80Unit): number {
  const w = u.words;
  const aExponent = w[cell.a + 2]! & 0x7fff || 1;
  const bExponent = w[cell.b + 2]! & 0x7fff || 1;
  if (aExponent !== bExponent) return aExponent > bExponent ? order.greater : order.less;
  for (const word of [1, 0]) {
    const x = w[cell.a + word]! >>> 0;
    const y = w[cell.b + word]! >>> 0;
    if (x !== y) return x > y ? order.greater : order.less;
  }
  return order.equal;
}

/** C3, C2 and C0 (bits 14, 10, 8) for A's class (SDM 2, FXAM); C1 and empty registers are the caller's. */
export function examine(u: Float80Unit): number {
  switch (kindOf(u, cell.a)) {
    case kind.zero:
      return 0x4000;
    case kind.denormal:
      return 0x4400;
    case kind.normal:
      return 0x0400;
    case kind.infinity:
      return 0x0500;
    case kind.unsupported:
      return 0;
    default:
      return 0x0100;
  }
}
