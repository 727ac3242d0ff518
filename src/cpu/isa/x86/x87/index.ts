export { add, multiply } from './arithmetic.ts';
export { storePlan, x87Functions } from './code/index.ts';
export { order } from './compare.ts';
export { fromDouble, fromInt32, fromInt64, fromSingle, loaded, roundToIntegral, toInteger } from './convert.ts';
export { decodeX87, type X87Instruction, type X87Memory } from './decode.ts';
export { divide, squareRoot } from './divide.ts';
export { type GuestLinear, X87, type X87Host } from './fpu.ts';
export { x87Helpers } from './helpers.ts';
export type { X87Helper } from './instructions/helper.ts';
export {
  cell,
  exception as x87Exception,
  Float80Unit,
  isTiny,
  precision,
  roundingDecision,
  setCell,
  shiftRightSticky,
} from './unit.ts';
