/** What every x87 helper looks like: `a` is a register number or parameter, `b` the 11-bit opcode (FOP). */
import { layout } from '../../layout.ts';
import type { X87 } from '../fpu.ts';

export type X87Helper = (fpu: X87, a: number, b: number, c: number) => number | void;
export type X87Helpers = Record<string, X87Helper>;

/** Word index of the memory operand. */
export const operandWord: number = layout.helper >> 2;
