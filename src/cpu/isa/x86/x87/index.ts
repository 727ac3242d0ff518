export { storePlan, x87Functions } from './code/index.ts';
export { order } from './compare.ts';
export { decodeX87, type X87Instruction, type X87Memory } from './decode.ts';
export { type GuestLinear, X87, type X87Host } from './fpu.ts';
export { x87Helpers } from './helpers.ts';
export type { X87Helper } from './instructions/helper.ts';
