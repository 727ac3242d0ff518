import type { CaseInstruction, Patch, WitnessMode } from './case.ts';
import type { FlagEffects } from './effects.ts';
import { imageCount } from './image.ts';
import { arena, places } from './places.ts';
import type { Random } from './random.ts';
import { fillerRegisters, seedCount } from './state-seeds.ts';

const low32 = 0xffff_ffffn;

/** A branch whose target is an instruction that is not generated yet. */
interface PendingBranch {
  remaining: number;
  readonly undefinedFlags: number;
  readonly resolve: (offset: number) => void;
}

/**
 * What is known about a sequence while it is generated: registers get their initial values when an instruction first needs one
 * of a certain kind, and stay known until something writes them.
 */
export class Sequence {
  readonly mode: WitnessMode;
  readonly hasSmallSegments: boolean;
  readonly codeOffset: number;
  readonly image: number;
  readonly stateSeed: number;
  readonly random: Random;
  /** Registers that this case prefers, so that operands are often equal. */
  readonly favourites: readonly number[];
  readonly code: number[] = [];
  readonly patches: Patch[] = [];
  readonly instructions: CaseInstruction[] = [];
  undefinedFlags = 0;
  undefinedAtFault = 0;
  /** Something may have overwritten what patches put on the stack. */
  isStackDirty = false;
  readonly #assigned = new Map<number, bigint>();
  readonly #written = new Set<number>();
  readonly #reserved: { readonly at: number; readonly end: number }[] = [];
  #branches: PendingBranch[] = [];
  #stackOffset = 0n;

  constructor(random: Random, mode: WitnessMode) {
    this.random = random;
    this.mode = mode;
    this.hasSmallSegments = mode !== 64 && random.oneIn(mode === 16 ? 2 : 4);
    this.image = random.below(imageCount);
    this.stateSeed = random.below(seedCount);
    this.codeOffset = random.oneIn(8) ? 0x1000 - random.between(1, 24) : 0x100 + random.below(0x200);
    this.favourites = Array.from({ length: 3 }, () => random.below(this.registers));
    const top = random.oneIn(12) ? random.pick([0, 8, 0x1ff8, 0x2000]) : 0xc00 + 8 * random.below(0x80);
    this.assign(4, BigInt(places.stack + top - (random.oneIn(30) ? random.below(8) : 0)));
  }

  get registers(): 8 | 16 {
    return this.mode === 64 ? 16 : 8;
  }

  /** Address of the next byte of code, as instructions see it. */
  get position(): number {
    return this.addressOf(this.code.length);
  }

  addressOf(offset: number): number {
    return (this.mode === 16 ? 0 : places.code) + this.codeOffset + offset;
  }

  /** Not given a value yet, and not written. */
  isFree(register: number): boolean {
    return !this.#assigned.has(register) && !this.#written.has(register);
  }

  known(register: number): bigint | undefined {
    return this.#written.has(register) ? undefined : this.#assigned.get(register);
  }

  assign(register: number, value: bigint): void {
    this.#assigned.set(register, BigInt.asUintN(64, this.mode === 64 ? value : value & low32));
  }

  /** Gives a register this value if it has none yet. */
  prefer(register: number, value: bigint): void {
    if (this.isFree(register)) this.assign(register, value);
  }

  write(register: number): void {
    this.#written.add(register);
  }

  /** The stack pointer, where its movements could be followed. */
  get stackPointer(): bigint | undefined {
    const start = this.known(4);
    return start === undefined ? undefined : start + this.#stackOffset;
  }

  moveStack(bytes: number): void {
    if (this.#branches.length > 0) this.write(4);
    else this.#stackOffset += BigInt(bytes);
  }

  /** Keeps these bytes of the arena from later patches. */
  reserve(linear: number, bytes: number): true {
    this.#reserved.push({ at: linear, end: linear + bytes });
    return true;
  }

  /** Makes the arena hold these bytes at a linear address; false when it is not there, or others need what is there. */
  patch(linear: number, bytes: Uint8Array): boolean {
    if (this.#reserved.some(({ at, end }) => linear < end && linear + bytes.length > at)) return false;
    const inData = linear >= places.data && linear + bytes.length <= places.data + places.dataBytes;
    const inStack = linear >= places.stack && linear + bytes.length <= places.stack + places.stackBytes;
    if (!inData && !inStack) return false;
    const at = inData ? linear - places.data + arena.data : linear - places.stack + arena.stack;
    this.patches.push({ at, bytes });
    return true;
  }

  /** Calls `resolve` with the offset in the code of the instruction after `skip` more ones. */
  branch(skip: number, resolve: (offset: number) => void): void {
    this.#branches.push({ remaining: skip, undefinedFlags: this.undefinedFlags, resolve });
  }

  /** Call it between instructions. */
  land(): void {
    const waiting: PendingBranch[] = [];
    for (const branch of this.#branches) {
      if (branch.remaining-- > 0) waiting.push(branch);
      else this.#land(branch);
    }
    this.#branches = waiting;
  }

  finish(): void {
    for (const branch of this.#branches) this.#land(branch);
    this.#branches = [];
  }

  #land(branch: PendingBranch): void {
    this.undefinedFlags |= branch.undefinedFlags;
    branch.resolve(this.code.length);
  }

  applyFlags(effects: FlagEffects): void {
    const kept = effects.unless ? this.undefinedFlags : this.undefinedFlags & ~effects.writes;
    this.undefinedFlags = kept | effects.undefined;
    this.undefinedAtFault |= this.undefinedFlags;
  }

  /** The initial registers. */
  initialRegisters(): bigint[] {
    const isNarrow = this.mode !== 64;
    return fillerRegisters(this.stateSeed).map((filler, register) => {
      const value = this.#assigned.get(register) ?? filler;
      return isNarrow ? value & low32 : value;
    });
  }
}
