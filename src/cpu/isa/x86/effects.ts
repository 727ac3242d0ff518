/** What an instruction does, derived by running its definition: nobody keeps such columns by hand. */

import { FunctionBody } from '../../wasm/index.ts';
import { asVal, type Operand, type Val, Value, WasmEmitter, type Width } from '../index.ts';
import { flagWords } from './arithmetic-flags.ts';
import { emitInstruction, type OperandSource } from './operand-access.ts';
import { sharedFunction } from './shared-functions.ts';
import type { FlagOrigin, FlagVals, FloatElements, MemoryType, Shape, WritableMemory, X86Target } from './target.ts';
import type { Variant, VariantOperand } from './variant.ts';

export interface Effects {
  /** General registers that the body names itself, besides the operands that the instruction encodes. */
  readonly registersRead: ReadonlySet<number>;
  readonly registersWritten: ReadonlySet<number>;
  /** Those among them that are written whole and on every way through the body. */
  readonly registersReplaced: ReadonlySet<number>;
  /** Its results may not be written: what the operands held before counts then. */
  readonly isConditional: boolean;
  readonly readsFlags: boolean;
  readonly writesFlags: boolean;
  /** It writes the flags on some ways only. */
  readonly mayKeepFlags: boolean;
  readonly setsFlagsInBranch: boolean;
  /** Kinds and widths of what it gives flags by. */
  readonly flagOrigins: readonly Pick<FlagOrigin, 'kind' | 'width'>[];
  /** On some way it sets flags that come from none of these. */
  readonly setsOtherFlags: boolean;
  readonly loads: boolean;
  readonly stores: boolean;
  /** Operands in XMM registers that are tame afterwards (`X86Target.isTame`). */
  readonly tamed: readonly { readonly operand: VectorOperand; readonly elements: FloatElements }[];
  readonly vectorWrites: readonly VectorWrite[];
  /** It calls a helper of any kind. */
  readonly callsAnyHelper: boolean;
  /** Helpers that it may call. */
  readonly helpers: ReadonlySet<string>;
  /** It calls one on every way through its body. */
  readonly alwaysCallsHelper: boolean;
}

type VectorOperand = VariantOperand & { readonly kind: 'vector' };

/** A write of an XMM register: what is tame of the value, and the operand that it is a copy of. */
export interface VectorWrite {
  readonly operand: VectorOperand;
  readonly elements: FloatElements | undefined;
  readonly source: VectorOperand | undefined;
}

const known = new WeakMap<Variant, Effects>();
const knownWithCount = new WeakMap<Variant, Effects>();

export const effectsOf = (variant: Variant): Effects => effectsIn(known, variant, undefined);

/**
 * Of an instruction with its immediates: one that shifts or rotates by a number replaces flags that it else may keep.
 * `immediate`: the first one.
 */
export function effectsWith(variant: Variant, immediate: number | bigint | undefined): Effects {
  const isCount = variant.row.countsByImmediate && typeof immediate === 'number';
  if (!isCount || (immediate & 31) === 0) return effectsOf(variant);
  return effectsIn(knownWithCount, variant, 1);
}

function effectsIn(cache: WeakMap<Variant, Effects>, variant: Variant, count: number | undefined): Effects {
  let effects = cache.get(variant);
  if (!effects) {
    const recorder = new EffectsRecorder(variant.shape, count);
    recorder.isConditional = emitInstruction(recorder.emitter, recorder, variant).isConditional;
    effects = recorder;
    cache.set(variant, effects);
  }
  return effects;
}

class EffectsRecorder implements X86Target, OperandSource, Effects {
  readonly shape: Shape;
  readonly emitter = new WasmEmitter(new FunctionBody([]));
  readonly registersRead = new Set<number>();
  readonly registersWritten = new Set<number>();
  readonly registersReplaced = new Set<number>();
  readonly helpers = new Set<string>();
  readonly tamed: { operand: VectorOperand; elements: FloatElements }[] = [];
  readonly vectorWrites: VectorWrite[] = [];
  callsAnyHelper = false;
  readonly #sources = new Map<Val, VectorOperand>();
  readonly #tame = new Map<Val, FloatElements>();
  alwaysCallsHelper = false;
  isConditional = false;
  readsFlags = false;
  readonly flagOrigins: Pick<FlagOrigin, 'kind' | 'width'>[] = [];
  setsOtherFlags = false;
  setsFlagsInBranch = false;
  readonly #count: number | undefined;
  #setsFlagsAlways = false;
  #branchDepth = 0;
  loads = false;
  stores = false;

  constructor(shape: Shape, count: number | undefined) {
    this.shape = shape;
    this.#count = count;
    this.emitter.branches = {
      begin: () => void this.#branchDepth++,
      otherwise: () => {},
      end: () => {
        this.#branchDepth--;
        return false;
      },
    };
  }

  get writesFlags(): boolean {
    return this.#setsFlagsAlways || this.setsFlagsInBranch;
  }

  get mayKeepFlags(): boolean {
    return this.setsFlagsInBranch && !this.#setsFlagsAlways;
  }

  /** A value that is not known; nothing is computed with it. */
  #unknown(type: 'i32' | 'i64' | 'f32' | 'f64' | 'v128'): Operand {
    return asVal(Value.local(type, this.emitter.body.local(type)));
  }

  #ofWidth(width: Width): Operand {
    return this.#unknown(width === 64 ? 'i64' : 'i32');
  }

  #ofMemory(type: MemoryType): Operand {
    if (typeof type === 'number') return this.#ofWidth(type);
    return this.#unknown(type === 'f32' || type === 'f64' ? type : 'v128');
  }

  readRegister({ width }: VariantOperand & { kind: 'register' }): Val {
    return this.#ofWidth(width);
  }

  writeRegister(): void {}

  readVector(operand: VectorOperand): Val {
    const value = this.#ofMemory(operand.type);
    this.#sources.set(value, operand);
    return value;
  }

  writeVector(operand: VectorOperand, value: Val): void {
    this.vectorWrites.push({ operand, elements: this.#tame.get(value), source: this.#sources.get(value) });
  }

  readVectorHigh(): Val {
    return this.#unknown('v128');
  }

  writeVectorHigh(): void {}

  loadPair(): readonly [Val, Val] {
    this.loads = true;
    return [this.#unknown('v128'), this.#unknown('v128')];
  }

  storePair(): void {
    this.stores = true;
  }

  vectorOffset(): Val {
    return this.#unknown('i32');
  }

  operandAddress(): Val {
    return this.#unknown('i64');
  }

  immediate(width: Width): Val {
    if (this.#count !== undefined) return this.emitter.constant(width, this.#count);
    return this.#ofWidth(width);
  }

  secondImmediate(): Val {
    return this.#unknown('i32');
  }

  branchForm(): Val {
    return this.#unknown('i32');
  }

  number(): Val {
    return this.#unknown('i32');
  }

  requireAligned(): void {}

  register(width: Width, number: number): Val {
    this.registersRead.add(number);
    return this.#ofWidth(width);
  }

  setRegister(width: Width, number: number): void {
    this.registersWritten.add(number);
    if (width >= 32 && this.#branchDepth === 0) this.registersReplaced.add(number);
  }

  state(type: 'i32' | 'i64' | 'u16'): Val {
    return this.#unknown(type === 'i64' ? 'i64' : 'i32');
  }

  setState(): void {}

  load(type: MemoryType): Val {
    this.loads = true;
    return this.#ofMemory(type);
  }

  store(): void {
    this.stores = true;
  }

  writable(type: MemoryType): WritableMemory {
    this.stores = true;
    return { read: () => this.#ofMemory(type), write: () => {} };
  }

  wrapAddress(): Val {
    return this.#unknown('i64');
  }

  flags(): FlagVals {
    this.readsFlags = true;
    return { zero: this.#unknown('i64'), sign: this.#unknown('i64'), carry: this.#unknown('i64') };
  }

  setFlags(flags: FlagVals): void {
    flagWords(flags);
    if (flags.origin) this.flagOrigins.push(flags.origin);
    else this.setsOtherFlags = true;
    if (this.#branchDepth === 0) this.#setsFlagsAlways = true;
    else this.setsFlagsInBranch = true;
  }

  isTame(): boolean {
    return false;
  }

  noteTame(value: Val, elements: FloatElements): void {
    const operand = this.#sources.get(value);
    if (operand) this.tamed.push({ operand, elements });
    else this.#tame.set(value, elements);
  }

  rip(): Val {
    return this.#unknown('i64');
  }

  nextRip(): Val {
    return this.#unknown('i64');
  }

  setHelperArgument(): void {}

  helperResult(): Val {
    return this.#unknown('i64');
  }

  helper(name: string): Val {
    this.callsAnyHelper = true;
    this.helpers.add(name);
    this.alwaysCallsHelper ||= this.#branchDepth === 0;
    return this.#unknown('i32');
  }

  unitHelper(): Val {
    this.callsAnyHelper = true;
    return this.#unknown('i32');
  }

  shared(name: string): readonly Val[] {
    return sharedFunction(name).results.map((type) => this.#unknown(type));
  }

  helperEnds(name: string): void {
    this.callsAnyHelper = true;
    this.helpers.add(name);
  }

  faultIf(): void {}
  raise(): void {}
  jump(): void {}
  jumpRelative(): void {}
  call(): void {}
  callRelative(): void {}
  return(): void {}
  fallThrough(): void {}
}
