export {
  type ArithmeticName,
  floatArithmetic,
  floatCompare,
  floatExtreme,
  floatOrder,
  type OrderTests,
} from './code/arithmetic.ts';
export { floatFromInteger, floatToInteger, narrowFloat, type Rounding, widenFloat } from './code/convert.ts';
export {
  carryTame,
  type FloatFormat,
  formats,
  inVector,
  isWild,
  outOfVector,
  type PackedFormat,
  wasmTypeOf,
} from './code/format.ts';
export { sseFunctions } from './code/functions.ts';
export { floatRound } from './code/round.ts';
export { runSlowly } from './code/slow-way.ts';
export { sseHelpers } from './helpers.ts';
