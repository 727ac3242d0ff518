import type { Val, WasmEmitter, Width } from '../index.ts';

/** Shape: what is known about an instruction when an engine is generated. */
export interface Shape {
  /** Operand size. */
  readonly width: Width;
  /** Default code size of the mode: 64 for 64-bit mode, 32 for everything else that runs 32- or 16-bit code. */
  readonly code: 32 | 64;
  /** Which register is the stack pointer, and whether SS needs its base and limit looked at. */
  readonly stack: 'rsp' | 'esp' | 'segmented';
}

/** The three lazy flag words (see flags.ts), i64 each. They may be computed only when they are asked for. */
export interface FlagVals {
  readonly zero: Val;
  readonly sign: Val;
  readonly carry: Val;
  /** What they came from, while it is known: conditions are then tested on the operands themselves. */
  readonly origin?: FlagOrigin;
}

/**
 * Flags by what they came from: of `a` + `b`, of `a` - `b`, of a result with CF and OF clear, or of a result of INC or DEC
 * with the CF from before (an i64, 0 or 1).
 */
export type FlagOrigin =
  | { readonly kind: 'sum' | 'difference'; readonly width: Width; readonly a: Val; readonly b: Val }
  | { readonly kind: 'logic'; readonly width: Width; readonly result: Val }
  | { readonly kind: 'increment' | 'decrement'; readonly width: Width; readonly result: Val; readonly carry: Val };

/** Floating-point elements of an instruction: one or all of a vector, of single or double precision. */
export type FloatElements = 'ss' | 'sd' | 'ps' | 'pd';

/** A memory operand that will be written: permission was checked when it was made, so `write` cannot fault. */
export interface WritableMemory {
  read(): Val;
  write(value: Val): void;
}

export type MemoryType = Width | 'f32' | 'f64' | 'v128' | 'v256' | 'v128.low32' | 'v128.low64';

/**
 * What instruction bodies see of the processor, besides arithmetic (`WasmEmitter`). Engines implement it.
 * Linear addresses are i64. Calls that may fault leave the instruction: everything before them must be undone-free.
 */
export interface X86Target {
  readonly shape: Shape;

  /** A register by number, known as a shape. Width 8 means the low byte. */
  register(width: Width, number: number): Val;
  setRegister(width: Width, number: number, value: Val): void;
  /** A field of the vCPU state by its offset in `layout`. */
  state(type: 'i32' | 'i64' | 'u16', offset: number): Val;
  setState(type: 'i32' | 'i64' | 'u16', offset: number, value: Val): void;

  load(type: MemoryType, linear: Val, onStack?: 'stack'): Val;
  store(type: MemoryType, linear: Val, value: Val, onStack?: 'stack'): void;
  writable(type: MemoryType, linear: Val, access: 'write' | 'read-write', onStack?: 'stack'): WritableMemory;
  /** 256 bits of memory, as two halves, the low one first. */
  loadPair(linear: Val): readonly [Val, Val];
  storePair(linear: Val, low: Val, high: Val): void;
  /** Wraps an address computed by a body as the mode's address size does. */
  wrapAddress(linear: Val): Val;

  flags(): FlagVals;
  setFlags(flags: FlagVals): void;

  /**
   * Whether a value's elements are known not to be denormals, or denormals to have raised an alarm that makes every value
   * suspicious (see mxcsr.ts). `noteTame` says so of an operand that was tested or of a result.
   */
  isTame(value: Val, elements: FloatElements): boolean;
  noteTame(value: Val, elements: FloatElements): void;

  /** Address of the running instruction. */
  rip(): Val;
  /** Address of the next instruction. */
  nextRip(): Val;
  /** The 64-bit argument (or result) of a helper, `index` 0 to 7 in `layout.helper`. */
  setHelperArgument(value: Val, index?: number): void;
  helperResult(index?: number): Val;
  /** Calls a TypeScript helper with up to three i32s; it may fault. Its i32 result. */
  helper(name: string, ...args: readonly Val[]): Val;
  /** The same for helpers that see and change no general register, no flag and no guest memory. */
  unitHelper(name: string, ...args: readonly Val[]): Val;
  /** Calls a function of the core (see shared-function.ts); its results. */
  shared(name: string, ...args: readonly Val[]): readonly Val[];
  /** Leaves the instruction, with the fault that was recorded, when the condition, an i32, is not zero. */
  faultIf(condition: Val): void;
  /** As `helper`, for those that change what runs next or what may interrupt: nothing may follow. */
  helperEnds(name: string, ...args: readonly Val[]): void;
  /** Raises an exception, without error code unless one is given. */
  raise(vector: number, errorCode?: number): void;
  /** Continues elsewhere; nothing may follow on this path. `target` is a RIP, i64. */
  jump(target: Val): void;
  /** Continues at the relative target that the instruction encodes. */
  jumpRelative(): void;
  /** As `jump` and `jumpRelative`, after the address of the next instruction was pushed. */
  call(target: Val): void;
  callRelative(): void;
  /** As `jump`, to an address that was popped. */
  return(target: Val): void;
  /** Continues at the next instruction, as the end of a basic block. */
  fallThrough(): void;
}

/** A result that is written only when the condition, an i32, is not zero: else even the upper half of a 32-bit register is kept. */
export interface ConditionalResult {
  readonly condition: Val;
  readonly value: Val;
}

/** What a body gives for its one written operand, or for several in the row's order. */
export type BodyResult = Val | ConditionalResult | readonly Val[] | void;

/**
 * Meaning of one instruction: the values of the operands that are read come in, in the row's order; what is returned is
 * written to the operands that the row marks as written. Reads, computation, writes, then flags.
 */
export type Body = (e: WasmEmitter, x: X86Target, width: Width, ...operands: Val[]) => BodyResult;
