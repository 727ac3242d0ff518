import { asVal, type BranchWatcher, type Val, Value, type WasmEmitter } from '../isa/index.ts';
import { type FlagVals, type FloatElements, flagWords, layout, type MemoryType } from '../isa/x86/index.ts';
import type { BlockFacts } from './dataflow.ts';
import { type FlagForm, FlagLocals, flagForm, originForm } from './flag-forms.ts';
import { includesTame, noTameVectors, type TameVectors, tameAfterWrite, withTame } from './tame-vectors.ts';
import { type FormSet, formOf, generalBit, type RegisterSet, type Touches, vectorBit } from './touches.ts';

const registerCount = 16;
const zeroBytes: readonly number[] = new Array(16).fill(0);

/** What is known of the locals at a point of the code. */
export interface FrameState {
  /** Registers whose locals hold them; the others are in memory. */
  readonly valid: RegisterSet;
  /** Registers whose locals may be newer than memory: all of them valid. */
  readonly dirty: RegisterSet;
  readonly flags: FlagForm;
  /** What forms dynamic flags may have. */
  readonly forms: FormSet;
  readonly tame: TameVectors;
}

export interface FrameOptions {
  /** Whether it accesses memory near the stack pointer. */
  readonly usesStack: boolean;
  /** The core's function. */
  readonly settleFlags: number;
}

/**
 * The guest's registers and flags in the locals of a region's function. A register is loaded where it is first read and
 * stored where the region is left: what is known about that is kept for the point of the code that is being written.
 */
export class RegionFrame implements BranchWatcher {
  readonly flagLocals: FlagLocals;
  readonly #e: WasmEmitter;
  readonly #registers: (number | undefined)[] = new Array(2 * registerCount).fill(undefined);
  readonly #codePage: number;
  readonly #bank: number;
  /** Locals: the page that the stack was in when it was accessed last, and its TLB addend. */
  readonly stackPage: number;
  readonly stackAddend: number;
  readonly #usesStack: boolean;
  readonly #settle: number;
  #valid: RegisterSet = 0;
  #dirty: RegisterSet = 0;
  #flags: FlagForm = flagForm.memory;
  #forms: FormSet = 0;
  #tame: TameVectors = noTameVectors;
  /** The instruction that is being written: what it writes, and whether its flags or helpers need words. */
  #written: RegisterSet = 0;
  #kept: RegisterSet = 0;
  #copiesAll = false;
  #needsWords = false;
  #branchDepth = 0;
  /** One more than the depth of the branch that left on a rare way, when it was the last thing written. */
  #rareAt = 0;
  /** Registers and flag forms that some exit of the region may have to store. */
  everDirty: RegisterSet = 0;

  constructor(e: WasmEmitter, { usesStack, settleFlags }: FrameOptions) {
    this.#e = e;
    this.#usesStack = usesStack;
    this.#settle = settleFlags;
    this.flagLocals = new FlagLocals(e);
    this.#codePage = e.body.local('i64');
    this.#bank = e.body.local('i32');
    this.stackPage = e.body.local('i64');
    this.stackAddend = e.body.local('i32');
  }

  /** Loads what the region needs all the time. */
  enter(): void {
    this.#e.body.i32(0).memory('i64.load', layout.codePage).set(this.#codePage);
    this.#loadPlaces();
  }

  /** The same where the code page is told, by a local. */
  enterAt(codePage: number): void {
    this.#e.body.get(codePage).set(this.#codePage);
    this.#loadPlaces();
  }

  #loadPlaces(): void {
    this.loadBank();
    this.loadStackPage();
  }

  loadStackPage(): void {
    if (!this.#usesStack) return;
    this.#e.body.i32(0).memory('i64.load', layout.stackPage).set(this.stackPage);
    this.#e.body.i32(0).memory('i32.load', layout.stackAddend).set(this.stackAddend);
  }

  loadBank(): void {
    this.#e.body.i32(0).memory('i32.load', layout.tlbBank).set(this.#bank);
  }

  codePage(): Val {
    return asVal(Value.local('i64', this.#codePage));
  }

  tlbBank(): Val {
    return asVal(Value.local('i32', this.#bank));
  }

  get state(): FrameState {
    return { valid: this.#valid, dirty: this.#dirty, flags: this.#flags, forms: this.#forms, tame: this.#tame };
  }

  set state({ valid, dirty, flags, forms, tame }: FrameState) {
    this.#tame = tame;
    this.#valid = valid;
    this.#dirty = dirty;
    this.#flags = flags;
    this.#forms = forms;
  }

  beginInstruction({ reads, writes, setsFlagsInBranch, hasHelper }: Touches): void {
    this.#e.releaseResults();
    this.#written = writes;
    this.#kept = reads & writes;
    this.#copiesAll = hasHelper;
    this.#needsWords = setsFlagsInBranch || hasHelper;
    this.ensure(reads);
  }

  // Registers.

  /** Loads the registers that are in memory only. */
  ensure(wanted: RegisterSet): void {
    const missing = wanted & ~this.#valid;
    for (let bit = 0; bit < 2 * registerCount; bit++) if (missing & (1 << bit)) this.#load(bit);
    this.#valid |= missing;
  }

  #load(bit: number): void {
    const { body } = this.#e;
    if (bit < registerCount) body.i32(0).memory('i64.load', layout.gpr + 8 * bit);
    else body.i32(0).memory('v128.load', layout.xmm + 16 * (bit - registerCount));
    body.set(this.#local(bit));
  }

  #local(bit: number): number {
    let local = this.#registers[bit];
    if (local === undefined) {
      local = this.#e.body.local(bit < registerCount ? 'i64' : 'v128');
      this.#registers[bit] = local;
    }
    return local;
  }

  register(number: number): Val {
    return this.#read(number, 'i64');
  }

  vector(number: number): Val {
    return this.#read(registerCount + number, 'v128');
  }

  /** The local itself while this instruction does not write it, else a copy: a value does not change later. */
  #read(bit: number, type: 'i64' | 'v128'): Val {
    if (!(this.#valid & (1 << bit))) {
      if (this.#branchDepth > 0) return this.#readMemory(bit);
      this.ensure(1 << bit);
    }
    const local = this.#local(bit);
    if (!this.#copiesAll && !(this.#written & (1 << bit))) return asVal(Value.local(type, local));
    this.#e.body.get(local);
    return this.#e.pop(type);
  }

  #readMemory(bit: number): Val {
    const e = this.#e;
    if (bit < registerCount) return e.loadMemory('i64.load', e.i32(0), layout.gpr + 8 * bit);
    return e.loadMemory('v128.load', e.i32(0), layout.xmm + 16 * (bit - registerCount));
  }

  setRegister(number: number, value: Val): void {
    this.#write(generalBit(number), number, value);
  }

  setVector(number: number, value: Val): void {
    this.#write(vectorBit(number), registerCount + number, value);
  }

  /** Bits 128 to 255 of a YMM register are in memory only. */
  vectorHigh(number: number): Val {
    return this.#e.loadMemory('v128.load', this.#e.i32(0), layout.ymmHigh + 16 * number);
  }

  /** No value: they become zero. */
  setVectorHigh(number: number, value: Val | undefined): void {
    const e = this.#e;
    e.storeMemory('v128.store', e.i32(0), layout.ymmHigh + 16 * number, value ?? e.v128(zeroBytes));
  }

  isTame(number: number, elements: FloatElements): boolean {
    return (this.#tame[elements] & (1 << number)) !== 0;
  }

  noteTame(number: number, elements: FloatElements): void {
    this.#tame = withTame(this.#tame, number, elements);
  }

  /** After a write of `type` to a vector register: what is known of it now. `source`: the register that it was copied from. */
  noteVectorWrite(
    number: number,
    type: MemoryType,
    elements: FloatElements | undefined,
    source: number | undefined,
  ): void {
    this.#tame = tameAfterWrite(this.#tame, { number, type, elements, source });
  }

  /** Vectors are tame that were tested. */
  believe(tame: TameVectors): void {
    this.#tame = tame;
  }

  forgetTame(): void {
    this.#tame = noTameVectors;
  }

  #write(mask: RegisterSet, bit: number, value: Val): void {
    if (this.#branchDepth > 0 && !(this.#valid & mask)) {
      throw new RangeError(`Cannot write register ${bit} in a branch: its local is not loaded`);
    }
    if (!(this.#written & mask)) throw new RangeError(`Cannot write register ${bit}: the effects lack it`);
    this.#e.push(value);
    this.#e.body.set(this.#local(bit));
    this.#valid |= mask;
    this.#dirty |= mask;
    this.everDirty |= mask;
  }

  // Flags.

  flags(): FlagVals {
    if (this.#flags >= flagForm.firstOrigin) return this.flagLocals.ofOrigin(this.#flags);
    const isInMemory = this.#flags === flagForm.memory || this.#flags === flagForm.memoryWords;
    if (isInMemory && this.#branchDepth > 0) return this.#flagsInMemory();
    this.#makeWords();
    return this.flagLocals.words();
  }

  setFlags(flags: FlagVals): void {
    const { origin } = flags;
    const form = origin && originForm(origin);
    if (origin && form !== undefined && this.#branchDepth === 0) {
      this.flagLocals.setOrigin(origin);
      this.#flags = form;
      return;
    }
    this.flagLocals.setWords(flagWords(flags));
    this.#flags = flagForm.words;
  }

  #flagsInMemory(): FlagVals {
    if (this.#flags !== flagForm.memoryWords) this.#settleFlags();
    return this.flagLocals.wordsInMemory();
  }

  /** Flags in memory are words afterwards. */
  #settleFlags(): void {
    const { body } = this.#e;
    body.i32(0).memory('i32.load', layout.flagForm).hint(false).if().call(this.#settle).end();
  }

  /** Whatever form the flags have, they are words in locals afterwards. */
  #makeWords(): void {
    const form = this.#flags;
    if (form === flagForm.words || form === flagForm.cleanWords) return;
    if (form === flagForm.memory || form === flagForm.memoryWords) {
      this.flagLocals.setWords(this.#flagsInMemory());
      this.#flags = flagForm.cleanWords;
      return;
    }
    if (form === flagForm.dynamic) this.#dynamicWords();
    else this.flagLocals.setWords(flagWords(this.flagLocals.ofOrigin(form)));
    this.#flags = flagForm.words;
  }

  #dynamicWords(): void {
    const kind = this.flagLocals.kind();
    const { body } = this.#e;
    this.#e.push(this.#e.op('i32.ne', kind, this.#e.i32(flagForm.words)));
    body.if();
    this.flagLocals.storeByKind(this.#forms);
    this.#settleFlags();
    this.flagLocals.setWords(this.flagLocals.wordsInMemory());
    body.end();
  }

  // Branches inside of a body: what is set in one is known there only.

  begin(): void {
    this.#rareAt = 0;
    if (this.#branchDepth++ > 0) return;
    if (this.#needsWords) this.#makeWords();
  }

  otherwise(): void {}

  get isInBranch(): boolean {
    return this.#branchDepth > 0;
  }

  /** Code that does not come back here is written from a branch: it begins outside of any. */
  leaveBranches(): number {
    const depth = this.#branchDepth;
    this.#branchDepth = 0;
    return depth;
  }

  comeBack(depth: number): void {
    this.#branchDepth = depth;
  }

  end(): boolean {
    return this.#rareAt > this.#branchDepth--;
  }

  /** The branch that is being written leaves the region on a rare way. */
  noteRare(): void {
    this.#rareAt = this.#branchDepth + 1;
  }

  // Going through memory.

  /** Stores what is newer in locals. */
  spill(): void {
    for (let bit = 0; bit < 2 * registerCount; bit++) if (this.#dirty & (1 << bit)) this.storeRegister(bit);
    this.#spillFlags();
    if (this.#branchDepth === 0) this.#dirty = 0;
  }

  storeRegister(bit: number): void {
    const { body } = this.#e;
    body.i32(0).get(this.#local(bit));
    if (bit < registerCount) body.memory('i64.store', layout.gpr + 8 * bit);
    else body.memory('v128.store', layout.xmm + 16 * (bit - registerCount));
  }

  #spillFlags(): void {
    const form = this.#flags;
    if (form === flagForm.words) this.flagLocals.storeWords();
    else if (form === flagForm.dynamic) this.flagLocals.storeByKind(this.#forms);
    else if (form >= flagForm.firstOrigin) this.flagLocals.storeOrigin(form);
    if (this.#branchDepth > 0) return;
    if (form === flagForm.words) this.#flags = flagForm.cleanWords;
    else if (form === flagForm.dynamic || form >= flagForm.firstOrigin) this.#flags = flagForm.memory;
  }

  /** The same for a helper, which knows flags as words only. */
  spillForHelper(): void {
    const form = this.#flags;
    this.spill();
    const areWords = form === flagForm.words || form === flagForm.cleanWords || form === flagForm.memoryWords;
    if (!areWords) this.#settleFlags();
  }

  /** After a helper, or a call of guest code: what was in memory may have changed. */
  forget(after: 'helper' | 'call'): void {
    this.loadBank();
    this.loadStackPage();
    this.forgetTame();
    if (this.#branchDepth === 0) {
      this.#valid = 0;
      this.#flags = after === 'helper' ? flagForm.memoryWords : flagForm.memory;
      this.ensure(this.#kept); // The rest of the instruction may write them in a branch.
      return;
    }
    // The other way through the body goes on with the same locals.
    for (let bit = 0; bit < 2 * registerCount; bit++) if (this.#valid & (1 << bit)) this.#load(bit);
    if (this.#flags === flagForm.words || this.#flags === flagForm.cleanWords) {
      this.flagLocals.setWords(this.flagLocals.wordsInMemory());
    }
  }

  // Edges to blocks that are reached from several places.

  /** Makes the locals what such a block begins with. */
  prepare({ live, dirty, readsFlags, forms, tame }: BlockFacts): void {
    if (!includesTame(this.#tame, tame))
      throw new RangeError('Cannot go on: vectors would be believed tame that are not');
    this.ensure(live | dirty);
    if (readsFlags) this.#makeWords();
    else this.#prepareFlags(forms);
  }

  /** Where only one form arrives, everyone knows it; else a local says which it is. */
  #prepareFlags(forms: FormSet): void {
    const isDynamic = this.#flags === flagForm.dynamic;
    const here = isDynamic ? this.#forms : 1 << Math.max(0, this.#flags);
    if (here & ~forms) throw new RangeError(`Cannot go on: flags have forms ${here}, which are none of ${forms}`);
    if (!isDynamic && formOf(forms) === undefined) {
      this.#e.body.i32(Math.max(0, this.#flags)).set(this.flagLocals.local('kind'));
    }
  }

  arrive({ live, dirty, readsFlags, forms, tame }: BlockFacts): void {
    this.#valid = live | dirty;
    this.#tame = tame;
    this.#dirty = dirty;
    this.everDirty |= dirty;
    this.#flags = readsFlags ? flagForm.words : (formOf(forms) ?? flagForm.dynamic);
    this.#forms = forms;
  }
}
