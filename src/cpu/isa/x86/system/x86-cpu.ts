import { writeAesTables } from '../definitions/aes.ts';
import { writeCrcTables } from '../definitions/crc32.ts';
import { checkedModel, type Feature, modelHas, modelKey, type ProcessorModel } from '../features.ts';
import { layout } from '../layout.ts';
import type { HypervisorInterface } from '../processor.ts';
import { Breakpoints } from './breakpoints.ts';
import type { CodeTracker, CpuBus, CpuStop, DirectEntry, RamMap, X86CpuOptions } from './contract.ts';
import { deliverDebugTrap, deliverException, deliverExternal } from './event-delivery.ts';
import { frozen, GuestFault, noErrorCode, refused, vector } from './guest-fault.ts';
import { KvmClock } from './kvm.ts';
import { Mmu } from './mmu.ts';
import { currentBank, forgetStackPage, isCode64, resumeFetches } from './mode.ts';
import { enterDirect, initState, resetState, startUp } from './reset.ts';
import type { VcpuState } from './saved-state.ts';
import { restoreVcpu, saveVcpu } from './saved-state.ts';
import { segmentAddress } from './segment-access.ts';
import { SlowAccess } from './slow-access.ts';
import { Stack } from './stack.ts';
import { readTscNumber } from './time-stamp.ts';
import { isCanonicalHigh } from './words.ts';
import { X86State } from './x86-state.ts';

/**
 * The system half of one x86-64 processor: what memory accesses, faults, interrupts and privileged instructions do.
 * An engine runs the rest on the same linear memory and calls in here (see layout.ts for the shared words).
 */
export class X86Cpu {
  readonly state: X86State;
  readonly ram: RamMap;
  readonly bus: CpuBus;
  readonly code: CodeTracker;
  readonly tscHz: number;
  readonly apicId: number;
  readonly cpuCount: number;
  readonly model: ProcessorModel;
  readonly hypervisor: HypervisorInterface;
  readonly mmu: Mmu;
  readonly breakpoints: Breakpoints;
  readonly kvmClock: KvmClock;
  /** Work areas of helpers: the stack in use, and the one that a privilege change switches to. */
  readonly stack: Stack;
  readonly newStack: Stack;

  /** The exception that `deliverPendingFault` delivers, -1: none. */
  pendingVector = -1;
  pendingErrorCode: number = noErrorCode;
  /** A task switch is on its way to `nextRip`: a fault is at that instruction, whatever generated code says of RIP. */
  isInNewTask = false;
  /** Faults delivered so far. */
  faults = 0;
  /** #DB traps delivered so far. */
  traps = 0;
  /** Time spent outside of generated code since the engine looked at the clock, roughly, in units of `effort`. */
  effort = 0;
  /** Why no instruction is to be executed; the run loop clears `halt` when an interrupt arrives. */
  stop: CpuStop | undefined = undefined;
  /** Called when linear addresses may mean other bytes than before: for caches that are keyed by linear address. */
  onTranslationChange: (() => void) | undefined = undefined;
  /**
   * What the instruction that ran last says about its single-step trap; undefined: it follows when EFLAGS.TF was set before.
   * 'repeated': so it does, but the instruction has more to do.
   */
  stepTrap: 'none' | 'now' | 'repeated' | undefined = undefined;
  /** Whether the instruction at `rip` has a memory operand in the stack segment; the engine decodes it. */
  addressesThroughStack: () => boolean = () => false;

  readonly #fault = new GuestFault();
  readonly #slow: SlowAccess;

  constructor(options: X86CpuOptions) {
    this.state = new X86State(options);
    writeCrcTables(this.state.i32);
    writeAesTables(this.state.u8);
    this.breakpoints = new Breakpoints(this.state);
    this.ram = options.ram;
    this.bus = options.bus;
    this.code = options.code;
    this.tscHz = options.tscHz;
    this.apicId = options.apicId ?? 0;
    this.cpuCount = options.cpuCount ?? 1;
    this.model = checkedModel(options.model ?? 'max');
    this.hypervisor = options.hypervisor ?? 'kvm';
    this.state.modelKey = modelKey(this.model);
    this.kvmClock = new KvmClock(this);
    this.mmu = new Mmu(this.state, this.breakpoints, options);
    this.stack = new Stack(this);
    this.newStack = new Stack(this);
    this.#slow = new SlowAccess(this);
    this.reset();
  }

  /** Power-on state (SDM 3A, table 9-1). */
  reset(): void {
    resetState(this);
  }

  /** An INIT signal (SDM 3A, table 9-1): an application processor waits for its start-up message then. */
  init(): void {
    initState(this);
    this.stop = { kind: 'wait-for-sipi' };
  }

  /** A start-up message (SDM 3A, 9.4.3); one that does not wait for it takes no notice. */
  startUp(page: number): void {
    if (this.stop?.kind === 'wait-for-sipi') startUp(this, page);
  }

  /** It has its turn again: others have run in its linear memory. False: what was kept by generation of translations is void. */
  resume(): boolean {
    return resumeFetches(this.state);
  }

  /** The state in which a loader hands over, in the mode that the entry names. */
  enter(entry: DirectEntry): void {
    enterDirect(this, entry);
  }

  /** Throws GuestFault: the running helper is abandoned. */
  raise(vectorNumber: number, errorCode: number = noErrorCode): never {
    this.#fault.vector = vectorNumber;
    this.#fault.errorCode = errorCode;
    throw this.#fault;
  }

  /** Throws the fault that a slow access has recorded. */
  rethrowFault(): never {
    const { pendingVector, pendingErrorCode } = this;
    this.raise(pendingVector, pendingErrorCode);
  }

  /** What an import wrapper does with a caught exception: records a guest fault, rethrows anything else. */
  catchFault(error: unknown): void {
    if (!(error instanceof GuestFault)) throw error;
    this.recordFault(error.vector, error.errorCode);
  }

  /** Leaves a fault for `deliverPendingFault`. */
  recordFault(vectorNumber: number, errorCode: number): void {
    this.pendingVector = vectorNumber;
    this.pendingErrorCode = errorCode;
    this.state.setWord(layout.faulted, 1);
  }

  setPageFaultAddress(lo: number, hi: number): void {
    this.state.cr2.setWords(lo, hi);
  }

  /** Records the page fault of the walk that just failed. */
  recordPageFault(lo: number, hi: number): void {
    this.setPageFaultAddress(lo, hi);
    this.recordFault(vector.pageFault, this.mmu.walker.errorCode);
  }

  /** Delivers the recorded fault of the instruction at `rip`; execution goes on at `rip` and `nextRip`, then equal. */
  deliverPendingFault(): void {
    const { pendingVector, pendingErrorCode } = this;
    this.pendingVector = -1;
    this.state.setWord(layout.faulted, 0);
    if (pendingVector < 0) return;
    if (pendingVector === refused) {
      this.state.nextRip = this.state.rip;
      this.breakpoints.wantStep();
      return;
    }
    this.faults++;
    this.breakpoints.forgetHits();
    if (pendingVector === frozen) {
      this.state.nextRip = this.state.rip;
      this.stop = { kind: 'halt' };
      return;
    }
    if (this.isInNewTask) this.state.rip = this.state.nextRip;
    this.isInNewTask = false;
    deliverException(this, pendingVector, pendingErrorCode);
  }

  /** An external interrupt between instructions; `rip` is the next one. Wakes a halted processor. */
  deliverInterrupt(vectorNumber: number): void {
    deliverExternal(this, vectorNumber);
  }

  /** The instruction or event before has left a #DB trap, which comes before whatever is next. */
  get hasDebugTrap(): boolean {
    return this.stepTrap === 'now' || this.breakpoints.hits !== 0;
  }

  /** The caller checks `state.nmiBlocked` first. */
  deliverNmi(): void {
    this.state.nmiBlocked = true;
    deliverExternal(this, vector.nmi);
  }

  /**
   * The #DB trap after an instruction that ran with EFLAGS.TF set (`isStep`) or hit breakpoints on data; `rip` is the next
   * one.
   */
  deliverDebugTrap(isStep: boolean): void {
    this.traps++;
    const isRepeated = this.stepTrap === 'repeated';
    this.stepTrap = undefined;
    deliverDebugTrap(this, isStep, isRepeated);
  }

  /** The #DB fault of a breakpoint on the instruction at `rip`; false: there is none, or RF lets it pass. */
  deliverInstructionBreakpoint(): boolean {
    if (!this.breakpoints.meetsInstruction()) return false;
    this.faults++;
    deliverException(this, vector.debug, noErrorCode);
    return true;
  }

  /**
   * Linear-memory address where generated code may access `size` bytes (1-64) at this linear address, or 0: a fault is
   * recorded. `kind` is 0 read, 1 write, 2 read-modify-write, plus 256 for accesses through SS. When the result is
   * `layout.bounce`, generated code calls `flushBounce` after writing there.
   */
  slowAccess(linearLo: number, linearHi: number, size: number, kind: number): number {
    return this.#slow.begin(linearLo, linearHi, size, kind);
  }

  flushBounce(): void {
    this.#slow.flush();
  }

  /** Linear-memory offset of the instruction byte at this linear address, or -1: a fault is recorded. */
  translateCode(linearLo: number, linearHi: number): number {
    if (!isCanonicalHigh(linearHi)) {
      this.recordFault(vector.generalProtection, 0);
      return -1;
    }
    if (this.mmu.translateFetch(linearLo, linearHi, currentBank(this.state))) return this.mmu.ramAddress;
    this.recordPageFault(linearLo, linearHi);
    return -1;
  }

  /**
   * Linear address of `offset` in a segment after its limit and rights checks. `packed` is segment number, plus the
   * access kind (0-2) << 8, plus size << 16. On a violation `layout.faulted` is set and the result is 0.
   */
  segmentAddress(packed: number, offset: number): number {
    return segmentAddress(this, packed, offset);
  }

  /** Takes write permission for a page of RAM (linear-memory offset >>> 12) out of the TLB: it has code now. */
  protectCodePage(ramPage: number): void {
    this.mmu.tlb.protect(ramPage);
    forgetStackPage(this.state);
  }

  /** The A20M# pin, which is asserted when the gate is not enabled: bit 20 of every physical address is zero then. */
  setA20(enabled: boolean): void {
    this.mmu.walker.setA20(enabled);
    this.flushTlb();
  }

  /** Forgets every translation: RAM was remapped from outside. */
  flushTlb(): void {
    this.mmu.flushAll();
    this.onTranslationChange?.();
  }

  /** The time-stamp counter as RDTSC reads it. */
  readTsc(): bigint {
    return BigInt.asUintN(64, BigInt(readTscNumber(this)) + this.state.tscOffset);
  }

  /** When the counter reaches a value, as a time of `bus.nowNs`. */
  tscToNs(tsc: bigint): number {
    return Number(BigInt.asIntN(64, tsc - this.state.tscOffset)) / (this.tscHz / 1e9);
  }

  has(feature: Feature): boolean {
    return modelHas(this.model, feature);
  }

  get isCode64(): boolean {
    return isCode64(this.state);
  }

  /** Plain data; changes nothing. */
  saveState(): VcpuState {
    return saveVcpu(this);
  }

  /** Doubts everything; throws StateError. */
  restoreState(saved: unknown): void {
    restoreVcpu(this, saved);
  }
}
