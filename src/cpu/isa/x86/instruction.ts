import type { Variant } from './variant.ts';

/** Register number that stands for RIP as a base. */
export const ripBase = 16;
/** No base or no index register. */
export const noRegister = -1;

export interface EffectiveAddress {
  /** 0-15, `ripBase` or `noRegister`. */
  base: number;
  index: number;
  /** log2 of the factor of the index. */
  scale: number;
  /** Signed; 64 bits for direct offsets. */
  displacement: number | bigint;
  /** Segment register number. */
  segment: number;
  addressBits: 16 | 32 | 64;
}

/** Numbers of register operands, by the field that has them. */
export interface RegisterNumbers {
  readonly rm: number;
  readonly reg: number;
  readonly opcode: number;
  readonly accumulator: 0;
  /** VEX.vvvv. */
  readonly vex: number;
  /** Bits 7-4 of an immediate. */
  readonly immediate: number;
}

/** One decoded instruction. `fault` is a vector when its bytes cannot be executed. */
export interface Instruction {
  readonly variant: Variant | undefined;
  readonly fault: number | undefined;
  readonly length: number;
  readonly registers: RegisterNumbers;
  /** A legacy byte register 4-7 means AH, CH, DH, BH. */
  readonly hasRex: boolean;
  readonly memory: EffectiveAddress | undefined;
  readonly immediates: readonly (number | bigint)[];
  /** Branch displacement relative to the next instruction. */
  readonly relative: number;
}
