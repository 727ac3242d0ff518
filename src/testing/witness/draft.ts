import type { Variant } from '../../cpu/isa/x86/index.ts';
import type { Aim } from './address.ts';
import type { Encoding } from './encodings.ts';

/** An instruction on its way: what is drawn already, for the parts that prepare special cases. */
export interface Draft {
  readonly encoding: Encoding;
  readonly name: string;
  readonly variant: Variant;
  readonly operandSize: 16 | 32 | 64;
  readonly isMemory: boolean;
  readonly isGather: boolean;
  readonly hasRex: boolean;
  /** Register numbers of r/m, reg and opcode fields. */
  rm: number;
  reg: number;
  opcodeRegister: number;
  vexRegister: number;
  aim: Aim;
  repeat: 0 | 0xf2 | 0xf3;
  /** Replaces a drawn immediate. */
  immediate: bigint | undefined;
  /** For indirect branches: where the target is kept once it is known. */
  takesTarget: ((address: number) => void) | undefined;
  /** Code that always runs behind it: takes away what a host has of its own. */
  follow: readonly number[];
}
