/** Order: comparisons, MIN and MAX. */
import { exception } from '../mxcsr.ts';
import { cell } from '../x87/index.ts';
import { type Format, isNan, kind } from './element.ts';
import { order, predicates } from './operation.ts';
import type { SseUnit } from './unit.ts';

const { IE, DE } = exception;

/** -1 less, 0 equal, 1 greater, of numbers. */
function compareNumbers(unit: SseUnit, format: Format): number {
  const isWide = format.bits === 64;
  const [aTop, bTop] = isWide ? [unit.aHigh, unit.bHigh] : [unit.aLow, unit.bLow];
  const [aRest, bRest] = isWide ? [unit.aLow, unit.bLow] : [0, 0];
  if ((aTop | bTop) << 1 === 0 && (aRest | bRest) === 0) return 0;
  if (aTop < 0 !== bTop < 0) return aTop < 0 ? -1 : 1;
  const magnitude = aTop !== bTop ? (aTop >>> 0) - (bTop >>> 0) : (aRest >>> 0) - (bRest >>> 0);
  const found = Math.sign(magnitude);
  return aTop < 0 ? -found : found;
}

/** MIN and MAX give the second operand when both are zero or one is a NaN. */
export function extreme(
  unit: SseUnit,
  format: Format,
  isMax: boolean,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
): void {
  const ka = unit.take(format, cell.a, aLow, aHigh);
  const kb = unit.take(format, cell.b, bLow, bHigh);
  let takesFirst = false;
  if (isNan(ka) || isNan(kb)) unit.raised |= IE;
  else {
    if (ka === kind.denormal || kb === kind.denormal) unit.raised |= DE;
    const found = compareNumbers(unit, format);
    takesFirst = isMax ? found > 0 : found < 0;
  }
  if (takesFirst) unit.set(unit.aLow, unit.aHigh);
  else unit.set(unit.bLow, unit.bHigh);
}

/** One of `order`. `isSignaling`: quiet NaNs are invalid too. */
export function compare(
  unit: SseUnit,
  format: Format,
  isSignaling: boolean,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
): number {
  const ka = unit.take(format, cell.a, aLow, aHigh);
  const kb = unit.take(format, cell.b, bLow, bHigh);
  if (isNan(ka) || isNan(kb)) {
    if (isSignaling || ka === kind.signalingNan || kb === kind.signalingNan) unit.raised |= IE;
    return order.unordered;
  }
  if (ka === kind.denormal || kb === kind.denormal) unit.raised |= DE;
  const found = compareNumbers(unit, format);
  return found === 0 ? order.equal : found < 0 ? order.less : order.greater;
}

/** CMPccPS and its kin. */
export function compareByPredicate(
  unit: SseUnit,
  format: Format,
  predicate: number,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
): void {
  const found = compare(unit, format, predicates.isSignaling(predicate), aLow, aHigh, bLow, bHigh);
  const outcome = found === order.less ? 1 : found === order.equal ? 2 : found === order.greater ? 4 : 8;
  const word = predicates.outcomesOf(predicate) & outcome ? -1 : 0;
  unit.set(word, word);
}
