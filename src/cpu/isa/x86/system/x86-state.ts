import type { FlagWords } from '../flags.ts';
import { attention, flag, layout, lazyFlags, segment } from '../layout.ts';
import { attribute } from './registers.ts';
import { addressFromWords, highWord, Register64 } from './words.ts';

/** GDTR or IDTR; the base is an address as in words.ts. */
export interface TableRegister {
  base: number;
  limit: number;
}

/** GDTR, where generated code sees it. */
class GdtRegister implements TableRegister {
  readonly #i32: Int32Array;
  readonly #u32: Uint32Array;

  constructor(i32: Int32Array, u32: Uint32Array) {
    this.#i32 = i32;
    this.#u32 = u32;
    this.limit = 0xffff;
  }

  get base(): number {
    return addressFromWords(this.#i32[layout.gdtBase >> 2] ?? 0, this.#i32[(layout.gdtBase >> 2) + 1] ?? 0);
  }

  set base(value: number) {
    this.#i32[layout.gdtBase >> 2] = value;
    this.#i32[(layout.gdtBase >> 2) + 1] = highWord(value);
  }

  get limit(): number {
    return this.#u32[layout.gdtLimit >> 2] ?? 0;
  }

  set limit(value: number) {
    this.#u32[layout.gdtLimit >> 2] = value;
  }
}

/** LDTR or TR with its descriptor cache. */
export interface SystemSegment {
  selector: number;
  base: number;
  limit: number;
  attributes: number;
}

export const gprNumber = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7 } as const;

const oddParity = (byte: number): number => {
  let folded = byte ^ (byte >> 4);
  folded ^= folded >> 2;
  return (folded ^ (folded >> 1)) & 1;
};

/**
 * The last number of a generation of translations that was given out, and how often numbers have begun again. The vCPUs of a
 * linear memory take theirs from one source: what is cached by generation there is never another vCPU's.
 */
export interface FetchGenerations {
  last: number;
  round: number;
}

export interface X86StateOptions {
  readonly memory: WebAssembly.Memory;
  /** Where the banks of its TLB begin in linear memory: `layout.tlb` when absent. */
  readonly tlbBanks?: number;
  /** The same for all vCPUs of a linear memory. */
  readonly generations?: FetchGenerations;
}

/** Everything that the program sees of one vCPU: views of the part in linear memory, fields for the rest. */
export class X86State {
  readonly buffer: ArrayBufferLike;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  readonly view: DataView;

  /** The bits of the mode key that say what the processor has (see features.ts). */
  modelKey = 0;
  cr0 = 0;
  readonly cr2 = new Register64();
  readonly cr3 = new Register64();
  cr4 = 0;
  efer = 0;
  /** Which components XSAVE manages (SDM 3A, 2.6). */
  xcr0 = 1;
  readonly gdtr: TableRegister;
  readonly idtr: TableRegister = { base: 0, limit: 0xffff };
  readonly ldtr: SystemSegment = { selector: 0, base: 0, limit: 0xffff, attributes: 0 };
  readonly tr: SystemSegment = { selector: 0, base: 0, limit: 0xffff, attributes: 0 };
  readonly dr: readonly Register64[] = Array.from({ length: 8 }, () => new Register64());
  /** The four page-directory-pointer entries of PAE paging, low word then high word. */
  readonly pdptes = new Int32Array(8);

  readonly star: Register64;
  readonly lstar: Register64;
  readonly cstar = new Register64();
  readonly sfmask: Register64;
  readonly kernelGsBase: Register64;
  readonly sysenterEsp: Register64;
  readonly sysenterEip: Register64;
  readonly pat = new Register64();
  readonly miscEnable = new Register64();
  readonly tscAux = new Register64();
  readonly specCtrl = new Register64();
  readonly debugCtl = new Register64();
  /** Registers that only keep what was written: MTRRs, machine-check state. */
  readonly plainMsrs = new Map<number, bigint>();
  #tscOffset = 0n;
  /** `tscOffset`, when it is exact as a number and so RDTSC needs no BigInt; else NaN. */
  tscOffsetNumber = 0;
  tscAdjust = 0n;

  /** Another one when RIPs of the lower, or the upper, half of the address space may mean other bytes than before. */
  fetchGeneration = 0;
  fetchGenerationHigh = 0;
  /** Where these numbers come from, and in which round. */
  readonly generations: FetchGenerations;
  generationRound = 0;

  /** Set from NMI delivery to the next IRET. */
  nmiBlocked = false;
  /** Bases of ES, CS, SS, DS as loaded; 64-bit mode runs with zero in their place (SDM 3A, 3.4.4). */
  readonly legacyBase: Float64Array;

  /** Where the banks of its TLB begin. */
  readonly tlbBanks: number;

  constructor({ memory, generations, tlbBanks }: X86StateOptions) {
    this.generations = generations ?? { last: 0, round: 0 };
    this.tlbBanks = tlbBanks ?? layout.tlb;
    this.buffer = memory.buffer;
    this.u8 = new Uint8Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.u64 = new BigUint64Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.kernelGsBase = new Register64(this.i32, layout.kernelGsBase);
    this.star = new Register64(this.i32, layout.star);
    this.lstar = new Register64(this.i32, layout.lstar);
    this.sfmask = new Register64(this.i32, layout.sfmask);
    this.gdtr = new GdtRegister(this.i32, this.u32);
    this.sysenterEsp = new Register64(this.i32, layout.sysenterEsp);
    this.sysenterEip = new Register64(this.i32, layout.sysenterEip);
    this.legacyBase = new Float64Array(memory.buffer, layout.legacyBase, 4);
    this.setWord(layout.tlbBanks, this.tlbBanks);
  }

  gpr(number: number): bigint {
    return this.u64[(layout.gpr >> 3) + number] ?? 0n;
  }

  setGpr(number: number, value: bigint): void {
    this.u64[(layout.gpr >> 3) + number] = value;
  }

  gprLow(number: number): number {
    return this.u32[(layout.gpr >> 2) + 2 * number] ?? 0;
  }

  gprHigh(number: number): number {
    return this.u32[(layout.gpr >> 2) + 2 * number + 1] ?? 0;
  }

  setGprWords(number: number, lo: number, hi: number): void {
    this.i32[(layout.gpr >> 2) + 2 * number] = lo;
    this.i32[(layout.gpr >> 2) + 2 * number + 1] = hi;
  }

  /** Writes 2, 4 (clearing the upper half) or 8 bytes of a register. */
  setGprSized(number: number, bytes: number, lo: number, hi = 0): void {
    if (bytes === 2) this.view.setUint16(layout.gpr + 8 * number, lo, true);
    else this.setGprWords(number, lo, bytes === 8 ? hi : 0);
  }

  get rip(): bigint {
    return this.u64[layout.rip >> 3] ?? 0n;
  }

  set rip(value: bigint) {
    this.u64[layout.rip >> 3] = value;
  }

  get nextRip(): bigint {
    return this.u64[layout.nextRip >> 3] ?? 0n;
  }

  set nextRip(value: bigint) {
    this.u64[layout.nextRip >> 3] = value;
  }

  get tscOffset(): bigint {
    return this.#tscOffset;
  }

  set tscOffset(value: bigint) {
    const isExact = BigInt.asIntN(53, value) === value;
    this.#tscOffset = value;
    this.tscOffsetNumber = isExact ? Number(value) : Number.NaN;
  }

  setNextRipWords(lo: number, hi: number): void {
    this.i32[layout.nextRip >> 2] = lo;
    this.i32[(layout.nextRip >> 2) + 1] = hi;
  }

  word(offset: number): number {
    return this.i32[offset >>> 2] ?? 0;
  }

  /** Has generated code stop at the end of its block for these bits of `attention`. */
  raiseAttention(bits: number): void {
    this.setWord(layout.attention, this.word(layout.attention) | bits);
  }

  lowerAttention(bits: number): void {
    this.setWord(layout.attention, this.word(layout.attention) & ~bits);
  }

  setWord(offset: number, value: number): void {
    this.i32[offset >>> 2] = value;
  }

  get sysenterCs(): number {
    return this.word(layout.sysenterCs) >>> 0;
  }

  set sysenterCs(value: number) {
    this.setWord(layout.sysenterCs, value);
  }

  get cpl(): number {
    return this.word(layout.cpl);
  }

  /** All of EFLAGS; the arithmetic flags come from the lazy words (see flags.ts). */
  get eflags(): number {
    const sign = this.word(layout.flagSign);
    const signHigh = this.word(layout.flagSign + 4);
    const carry = this.word(layout.flagCarry);
    const carryHigh = this.word(layout.flagCarry + 4);
    let eflags = this.word(layout.eflagsRest);
    if ((this.word(layout.flagZero) | this.word(layout.flagZero + 4)) === 0) eflags |= flag.ZF;
    if (signHigh < 0) eflags |= flag.SF;
    if (oddParity(sign & 0xff) === 0) eflags |= flag.PF;
    if (carryHigh < 0) eflags |= flag.CF;
    if ((carryHigh ^ (carryHigh << 1)) < 0) eflags |= flag.OF;
    if (carry & 8) eflags |= flag.AF;
    return eflags;
  }

  /** The bits that are not arithmetic. */
  get eflagsRest(): number {
    return this.word(layout.eflagsRest);
  }

  /** Stores all of EFLAGS; whoever changes VM, TF or AC calls `refreshMode` after it. */
  storeEflags(eflags: number): void {
    this.setZeroFlag((eflags & flag.ZF) !== 0);
    this.setWord(layout.flagSign, eflags & flag.PF ? 0 : 1);
    this.setWord(layout.flagSign + 4, eflags & flag.SF ? 1 << 31 : 0);
    const carry = eflags & flag.CF ? 1 : 0;
    const overflow = eflags & flag.OF ? 1 : 0;
    this.setWord(layout.flagCarry, eflags & flag.AF ? 8 : 0);
    this.setWord(layout.flagCarry + 4, (carry << 31) | ((carry ^ overflow) << 30));
    this.setWord(layout.eflagsRest, (eflags & ~lazyFlags) | 2);
  }

  /** Stores the lazy words that an arithmetic instruction leaves. */
  setLazyFlags(words: FlagWords): void {
    this.view.setBigInt64(layout.flagZero, words.zero, true);
    this.view.setBigInt64(layout.flagSign, words.sign, true);
    this.view.setBigInt64(layout.flagCarry, words.carry, true);
  }

  setZeroFlag(isSet: boolean): void {
    this.setWord(layout.flagZero, isSet ? 0 : 1);
    this.setWord(layout.flagZero + 4, 0);
  }

  /** Whether no interrupt is taken before the next instruction: STI or a load of SS came just before. */
  get isInShadow(): boolean {
    if (this.word(layout.attention) & attention.shadow) return true;
    return this.isAtShadowRip && (this.eflagsRest & flag.IF) !== 0;
  }

  get isAtShadowRip(): boolean {
    const isLow = this.word(layout.shadowRip) === this.word(layout.rip);
    return isLow && this.word(layout.shadowRip + 4) === this.word(layout.rip + 4);
  }

  leaveShadow(): void {
    this.setWord(layout.shadowRip, -1);
    this.setWord(layout.shadowRip + 4, -1);
  }

  /** The instruction at RIP has the shadow of an STI before it still. */
  enterShadow(): void {
    this.setWord(layout.shadowRip, this.word(layout.rip));
    this.setWord(layout.shadowRip + 4, this.word(layout.rip + 4));
  }

  selector(number: number): number {
    return this.word(layout.selector + 4 * number);
  }

  segmentLimit(number: number): number {
    return this.u32[(layout.segmentLimit >> 2) + number] ?? 0;
  }

  segmentAttributes(number: number): number {
    return this.word(layout.segmentAttributes + 4 * number);
  }

  /** The base in effect: zero for ES, CS, SS and DS in 64-bit mode. */
  segmentBase(number: number): number {
    const at = layout.segmentBase + 8 * number;
    return addressFromWords(this.word(at), this.word(at + 4));
  }

  setSegmentBase(number: number, base: number): void {
    const at = layout.segmentBase + 8 * number;
    if (number < segment.fs) this.legacyBase[number] = base;
    this.setWord(at, base | 0);
    this.setWord(at + 4, highWord(base));
  }

  /** Stores a segment register with its descriptor cache; whoever changes ES, CS, SS or DS calls `refreshMode`. */
  setSegment(number: number, selector: number, base: number, limit: number, attributes: number): void {
    this.setWord(layout.selector + 4 * number, selector);
    this.setSegmentBase(number, base);
    this.setWord(layout.segmentLimit + 4 * number, limit);
    this.setWord(layout.segmentAttributes + 4 * number, attributes);
    this.refreshReach(number);
  }

  /** Derives `layout.segmentReach` from limit and attributes. */
  refreshReach(number: number): void {
    const attributes = this.segmentAttributes(number);
    const limit = this.segmentLimit(number);
    const isCode = (attributes & attribute.code) !== 0;
    const isSimple = !(attributes & attribute.unusable) && (isCode || !(attributes & attribute.expandDown));
    const at = layout.segmentReach + 16 * number;
    this.#setReach(at, isSimple && (!isCode || attributes & attribute.readable) ? limit : -1);
    this.#setReach(at + 8, isSimple && !isCode && attributes & attribute.writable ? limit : -1);
  }

  #setReach(at: number, limit: number): void {
    this.setWord(at, (limit + 1) | 0);
    this.setWord(at + 4, limit === 0xffffffff ? 1 : 0);
  }

  setNullSegment(number: number, selector: number): void {
    this.setSegment(number, selector, 0, 0, attribute.unusable);
  }
}
