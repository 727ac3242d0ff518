import {
  attention,
  type CpuBus,
  type DirectEntry,
  effort,
  endAlarm,
  flag,
  type HypervisorInterface,
  largestBudget,
  layout,
  modeKey,
  noErrorCode,
  type ProcessorModel,
  type RamMap,
  sharedFunctions,
  type VcpuState,
  type X86Cpu,
  type X87,
} from '../isa/x86/index.ts';
import type { Vcpu, VcpuCounters, VcpuProgress, VcpuStop } from '../vcpu.ts';
import { CodeCache } from './code-cache.ts';
import { createCpus } from './create-cpus.ts';
import { regionSlots } from './generator.ts';
import { bindHelpers, fpuOf, helperNames } from './helpers.ts';
import type { HotCode } from './hot-code.ts';
import { furtherModule, interpreterModule } from './interpreter-module.ts';
import type { KeptBlocks } from './kept-blocks.ts';
import { PendingEvents } from './pending-events.ts';
import { exit, record } from './record.ts';
import { SharedVcpu } from './shared-vcpu.ts';
import { Stepper } from './stepper.ts';
import { maximumInstructions, Translator } from './translator.ts';

export interface InterpreterOptions {
  /** At least `layout.ram` bytes and the RAM behind them. */
  readonly memory: WebAssembly.Memory;
  readonly ram: RamMap;
  readonly bus: CpuBus;
  /** How further vCPUs see the machine. For each of them linear memory has `vcpuTlbBytes` more, at its end. */
  readonly otherBuses?: readonly CpuBus[];
  readonly tscHz: number;
  /** What the processor has; everything when absent. */
  readonly model?: ProcessorModel | undefined;
  /** What a guest that asks finds below it; KVM's interface when absent. */
  readonly hypervisor?: HypervisorInterface | undefined;
  /** Takes over code that runs often. */
  readonly hot?: HotCode;
  /** Blocks that were decoded before, by an engine with `hot` if this one has it; those of this run are added. */
  readonly kept?: KeptBlocks | undefined;
  /** Count what costs time to count. */
  readonly statistics?: boolean | undefined;
}

/** The time is looked at whenever so much was done outside of generated code (see X86Cpu.effort). */
const effortBetweenLooks = 256;
/** A block that was found hot at an unsuitable time is noted again after so many entries. */
const entriesBetweenNotes = 16;
const never = (): boolean => false;

/**
 * The interpreter: generated Wasm handlers over decoded records, with the rest of the processor in TypeScript. With one vCPU
 * it is that vCPU itself; several take turns on it.
 */
export class InterpreterEngine implements Vcpu<VcpuState> {
  /** The processor whose turn it is. */
  cpu: X86Cpu;
  fpu: X87;
  readonly vcpus: readonly (Vcpu<VcpuState> & { readonly cpu: X86Cpu })[];
  readonly #shared: readonly SharedVcpu[];
  #selected: SharedVcpu | undefined;
  #regionCount = 0;
  readonly #cache: CodeCache;
  readonly #translator: Translator;
  readonly #stepper: Stepper;
  readonly #events: PendingEvents;
  readonly #hot: HotCode | undefined;
  readonly #enter: (record: number, budget: number) => number;
  #instructions = 0;
  #entries = 0;
  #slowAccesses = 0;
  /** Of `#instructions`, those of translated code; undefined: nobody asked. */
  #translated: number | undefined;
  /** While set, code runs one instruction at a time. */
  #isStepping = false;
  #isOver = never;
  isResting = false;

  constructor(options: InterpreterOptions) {
    const { memory, hot, kept, statistics = false } = options;
    this.#hot = hot;
    if (statistics) this.#translated = 0;
    this.#cache = new CodeCache(memory);
    const cpus = createCpus(options, this.#cache, (cpu) => new SharedVcpu(this, cpu));
    this.cpu = cpus.first;
    this.fpu = fpuOf(this.cpu);
    this.#shared = cpus.shared;
    this.vcpus = this.#shared.length > 0 ? this.#shared : [this];
    const [bootstrap] = this.#shared;
    if (bootstrap) this.select(bootstrap);
    const { table, module } = interpreterModule();
    this.#translator = new Translator(this, this.#cache, table, memory, { hot, kept });
    this.#stepper = new Stepper(this, this.#translator, (start, budget) => this.#runFrom(start, budget));
    this.#events = new PendingEvents(this, this.#stepper, (budget) => this.#runCode(budget));
    for (const { cpu } of this.vcpus) cpu.addressesThroughStack = () => this.#translator.addressesThroughStack();
    const env = {
      memory,
      slowAccess: (low: number, high: number, size: number, kind: number) => this.#slowAccess(low, high, size, kind),
      flushBounce: () => this.cpu.flushBounce(),
      raise: (vector: number, errorCode: number) =>
        this.cpu.recordFault(vector, errorCode < 0 ? noErrorCode : errorCode),
    };
    const helper = bindHelpers(this, helperNames, () => this.#afterHelper());
    const { exports } = new WebAssembly.Instance(module, { env, helper });
    this.#enter = exports.run as (record: number, budget: number) => number;
    const helperSlots = new Map(helperNames.map((name, i) => [name, table.size + i]));
    const firstShared = table.size + helperNames.length;
    const sharedSlots = new Map(Object.keys(sharedFunctions).map((name, i) => [name, firstShared + i]));
    const firstSlot = table.firstRegion;
    const core = exports as WebAssembly.ModuleImports;
    this.#translator.needsFurther = () => void new WebAssembly.Instance(furtherModule(), { env, core });
    this.#cache.firstRegion = firstSlot;
    this.#cache.onNewPage = (ramPage) => this.protectCodePage(ramPage);
    hot?.attach({
      memory,
      table: exports.table as WebAssembly.Table,
      firstSlot,
      slots: regionSlots,
      env,
      core,
      cache: this.#cache,
      countsInstructions: statistics,
      helperSlots,
      sharedSlots,
      onPlaced: (slot) => this.#placedRegion(slot),
      codePageAt: (index, walks) => this.#translator.codePageAt(index, walks),
    });
  }

  #slowAccess(low: number, high: number, size: number, kind: number): number {
    this.#slowAccesses++;
    this.#spend(effort.slowAccess);
    return this.cpu.slowAccess(low, high, size, kind);
  }

  /** The first vCPU begins as a loader hands over; the others count their time from there too, and wait. */
  enter(entry: DirectEntry): void {
    this.cpu.enter(entry);
    for (const { cpu } of this.#shared) cpu.state.tscOffset = this.cpu.state.tscOffset;
  }

  /** Gives one of several vCPUs the turn. */
  select(next: SharedVcpu): void {
    if (next === this.#selected) return;
    this.#selected?.leave();
    next.enter();
    this.#selected = next;
    this.cpu = next.cpu;
    this.fpu = next.fpu;
  }

  get regionCount(): number {
    return this.#regionCount;
  }

  #placedRegion(slot: number): void {
    this.#regionCount = Math.max(this.#regionCount, slot + 1);
    for (const vcpu of this.#shared) vcpu.forgetRegion(slot);
  }

  /** A page of RAM has code from now on. */
  protectCodePage(ramPage: number): void {
    this.cpu.protectCodePage(ramPage);
    for (const { cpu } of this.#shared) if (cpu !== this.cpu) cpu.mmu.tlb.protect(ramPage);
  }

  /** What was translated, while a translator is there. */
  get translations(): Pick<HotCode, 'regions' | 'show'> | undefined {
    return this.#hot;
  }

  get instructions(): number {
    return this.#instructions;
  }

  run(budget: number, isOver = never): VcpuStop {
    this.#hot?.settle();
    if (isOver()) return { kind: 'kicked' }; // Settling takes time.
    this.#isOver = isOver;
    const stop = this.#run(budget);
    this.#isOver = never;
    return stop;
  }

  #run(budget: number): VcpuStop {
    for (let left = budget; left > 0; ) {
      if (this.cpu.stop) this.cpu.state.raiseAttention(attention.stop);
      const before = this.#instructions;
      const stop = this.#turn(left);
      if (stop) return stop;
      // What retires nothing uses the budget too: a guest whose handlers fault for ever gives its slice back.
      left -= Math.max(1, this.#instructions - before);
    }
    return { kind: 'budget' };
  }

  get progress(): VcpuProgress {
    return {
      instructions: this.#instructions,
      faults: this.cpu.faults,
      traps: this.cpu.traps,
      interrupts: this.#events.interrupts,
    };
  }

  /** Runs exactly as far as `goal` is, however it was reached, unless something stops it before; slower than `run`. */
  runTo(goal: VcpuProgress): VcpuStop {
    while (this.#isBefore(goal)) {
      if (this.cpu.stop) this.cpu.state.raiseAttention(attention.stop);
      const left = goal.instructions - this.#instructions;
      this.#isStepping = left <= maximumInstructions;
      const stop = this.#turn(this.#isStepping ? 1 : left - maximumInstructions);
      this.#isStepping = false;
      if (stop) return stop;
    }
    return { kind: 'budget' };
  }

  /** False too when more faults were met than on the way to the goal: that way is missed. */
  #isBefore({ instructions, faults, traps, interrupts }: VcpuProgress): boolean {
    if (this.#instructions !== instructions) return this.#instructions < instructions && this.cpu.faults <= faults;
    return this.cpu.faults < faults || this.cpu.traps < traps || this.#events.interrupts < interrupts;
  }

  /** Looks after what wants attention, or else runs code. A blocked NMI stays wanted and waits. */
  #turn(budget: number): VcpuStop | undefined {
    const { state, breakpoints } = this.cpu;
    if (breakpoints.hits !== 0) breakpoints.wantStep();
    const waiting = state.nmiBlocked ? attention.nmi : 0;
    if (state.word(layout.attention) & ~waiting) return this.#events.serve(budget);
    this.#runCode(budget);
    return undefined;
  }

  #runCode(budget: number): void {
    if (this.cpu.breakpoints.isInCodePage) {
      this.#stepper.step();
      return;
    }
    const single = this.#isStepping ? modeKey.single : 0;
    const start = this.#translator.blockAt(this.cpu.state.word(layout.modeKey) | single);
    if (start < 0) this.cpu.deliverPendingFault();
    else this.#runFrom(start, Math.min(budget, largestBudget));
  }

  kick(): void {
    this.cpu.state.raiseAttention(attention.kick);
  }

  setInterrupt(level: boolean): void {
    this.cpu.state.setWord(layout.interruptLine, level ? 1 : 0);
    if (level) this.cpu.state.raiseAttention(attention.interrupt);
    else this.cpu.state.lowerAttention(attention.interrupt);
  }

  nonMaskableInterrupt(): void {
    this.cpu.state.raiseAttention(attention.nmi);
  }

  setA20(enabled: boolean): void {
    this.cpu.setA20(enabled);
  }

  /** The host changed RAM (device DMA, loaders): code decoded from there is dropped. */
  hostWrote(ramOffset: number, length: number): void {
    this.#cache.written(ramOffset, length);
  }

  counters(): VcpuCounters {
    return {
      instructions: this.#instructions,
      engineEntries: this.#entries,
      interrupts: this.#events.interrupts,
      slowAccesses: this.#slowAccesses,
      faults: this.vcpus.reduce((sum, { cpu }) => sum + cpu.faults, 0),
      ...(this.#translated !== undefined && {
        interpreterInstructions: this.#instructions - this.#translated,
        translatedCodeInstructions: this.#translated,
      }),
      ...this.#translator.counters,
      ...this.#hot?.counters(),
    };
  }

  save(): VcpuState {
    return this.cpu.saveState();
  }

  restore(state: VcpuState): void {
    this.cpu.restoreState(state);
    this.#translator.flush();
  }

  /** Runs generated code from a record and does what it came back for; instructions retired. */
  #runFrom(start: number, budget: number): number {
    const { state } = this.cpu;
    this.#entries++;
    this.#spend(effort.entry);
    endAlarm(this.cpu.state.i32);
    this.cpu.breakpoints.mayRefuse = true;
    const code = this.#enter(start, budget);
    this.cpu.breakpoints.mayRefuse = false;
    let retired = budget - state.word(layout.budget);
    switch (code) {
      case exit.fault:
        retired += (state.u8[(state.word(layout.exitRecord) >>> 0) + record.count] ?? 1) - 1;
        this.cpu.deliverPendingFault();
        break;
      case exit.translatedFault:
        this.cpu.deliverPendingFault();
        break;
      case exit.hot:
        this.#noteHot();
        break;
      case exit.link:
        this.#link();
        break;
      case exit.crossing:
        this.#translator.checkCrossing(state.word(state.word(layout.exitRecord) + record.immediate) >>> 0);
        break;
      default:
        break;
    }
    this.#instructions += retired;
    if (this.#translated !== undefined) this.#countTranslated();
    return retired;
  }

  /** Translating takes milliseconds of the host's processor, a guest at rest less than one each time that it wakes up. */
  #noteHot(): void {
    const { state } = this.cpu;
    if (this.isResting) {
      state.setWord((state.word(layout.exitRecord) >>> 0) + record.immediate, entriesBetweenNotes);
      return;
    }
    this.#translator.noteHot();
    this.#spend(effort.translation);
  }

  #countTranslated(): void {
    const { state } = this.cpu;
    this.#translated = (this.#translated ?? 0) + (state.word(layout.translatedCount) >>> 0);
    state.setWord(layout.translatedCount, 0);
  }

  /** Decodes a branch's target and links the branch to it, unless the branch's own block is gone by then. */
  #link(): void {
    const { state, breakpoints } = this.cpu;
    if (breakpoints.isInCodePage || breakpoints.hits !== 0) return;
    const slot = state.word(layout.exitRecord) >>> 2;
    const generation = this.#translator.recordGeneration;
    const target = this.#translator.blockAt(state.word(layout.modeKey));
    if (target < 0) this.cpu.deliverPendingFault();
    else if (generation === this.#translator.recordGeneration) state.i32[slot] = target;
  }

  /** Helpers may stop the processor, or set EFLAGS.IF while INTR waits. */
  #afterHelper(): void {
    this.#spend(effort.helper);
    if (this.cpu.stop) this.cpu.state.raiseAttention(attention.stop);
    const { state, breakpoints } = this.cpu;
    if (breakpoints.hits !== 0) breakpoints.wantStep(); // A change of mode has taken that back.
    if (state.word(layout.interruptLine) && state.eflagsRest & flag.IF)
      this.cpu.state.raiseAttention(attention.interrupt);
  }

  /** Accounts for what was done outside of generated code, which a budget of instructions says little about. */
  #spend(amount: number): void {
    this.cpu.effort += amount;
    if (this.cpu.effort < effortBetweenLooks) return;
    this.cpu.effort = 0;
    if (this.#isOver()) this.cpu.state.raiseAttention(attention.kick);
  }
}
