import type { Val } from '../isa/index.ts';
import type { Instruction } from '../isa/x86/index.ts';

/** Where the flow goes at the end of the running instruction; the region knows. */
export interface InstructionFlow {
  /** Continues at the encoded target, at the next instruction, or there after a call has returned. */
  taken(): void;
  next(): void;
  returned(): void;
  /** Continues inside of the region where a RIP is one of its indirect targets; undefined: it has none. */
  readonly dispatch: ((rip: Val) => void) | undefined;
  /** Callees that the region has a copy of, by offset. */
  readonly inlined: readonly InlinedTarget[];
  /** Of a return in such a copy: where its call goes on. */
  readonly returnsTo: KnownTarget | undefined;
}

export interface KnownTarget {
  readonly offset: number;
  /** Continues there. */
  go(): void;
}

export interface InlinedTarget extends KnownTarget {
  /** Whether its page is mapped as it was must be asked first. */
  readonly isFar: boolean;
}

/** The instruction that is being translated. */
export interface Position {
  readonly instruction: Instruction;
  /** From the first byte of the page where the region is entered. */
  readonly offset: number;
  /** Instructions of its path that are to be charged when it begins. */
  readonly done: number;
  readonly flow: InstructionFlow;
}

export interface RegionPlace {
  /** Mode key of its code. */
  readonly mode: number;
  /** Its place in the function table; the first of several, and how many. */
  readonly slot: number;
  readonly slotCount?: number | undefined;
  /** Its calls have been counted already. */
  readonly isFinal?: boolean;
  /** It has several entries, and is told which (`dispatchParams`). */
  readonly hasEntries?: boolean;
  /** Told where in the Wasm code each instruction begins, for whoever looks at it. */
  readonly mark?: (offset: number, instruction: Instruction, at: number) => void;
}
