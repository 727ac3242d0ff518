/** Sums, products, quotients and roots. */
import { add, cell, divide, multiply, squareRoot as root } from '../x87/index.ts';
import { type Format, isNan, kind } from './element.ts';
import { type SseUnit, truncating } from './unit.ts';

/** `which`: 0 sum, 1 difference, 2 product, 3 quotient. */
export function arithmetic(
  unit: SseUnit,
  format: Format,
  which: number,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
): void {
  const u = unit.x87;
  const ka = unit.take(format, cell.a, aLow, aHigh);
  const kb = unit.take(format, cell.b, bLow, bHigh);
  if (isNan(ka) || isNan(kb)) {
    unit.setNan(format, ka, kb);
    return;
  }
  const flip = which === 1 ? 0x8000 : 0;
  const signs = (u.words[cell.a + 2]! ^ u.words[cell.b + 2]! ^ flip) & 0x8000;
  u.begin(truncating);
  if (which <= 1) add(u, flip);
  else if (which === 2) multiply(u);
  else divide(u);
  unit.settle(format, ka === kind.denormal || kb === kind.denormal, which <= 1 && signs !== 0);
}

export function squareRoot(unit: SseUnit, format: Format, low: number, high: number): void {
  const k = unit.take(format, cell.a, low, high);
  if (isNan(k)) {
    unit.setNan(format, k, kind.number);
    return;
  }
  unit.x87.begin(truncating);
  root(unit.x87);
  unit.settle(format, k === kind.denormal, false);
}
