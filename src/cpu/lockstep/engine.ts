import { InterpreterEngine, type InterpreterOptions } from '../interpreter/index.ts';
import { attention, type DirectEntry, flag, layout, type VcpuState, type X86Cpu } from '../isa/x86/index.ts';
import type { Vcpu, VcpuCounters, VcpuProgress, VcpuStop } from '../vcpu.ts';
import { type BusCall, describeCall, isSameCall, recordingBus, replayingBus } from './bus-log.ts';
import { copyRam, differences, differingRam, looksEqual } from './compare.ts';
import { LockstepDifference, type LockstepSlice } from './difference.ts';

export interface LockstepOptions {
  /** Makes the engine that is examined. */
  readonly subject: (options: InterpreterOptions) => InterpreterEngine;
  /** About how many instructions run between two comparisons. */
  readonly sliceInstructions?: number;
  /** All of RAM is compared after so many instructions. */
  readonly ramInstructions?: number;
  /** An offset in RAM whose aligned 64 bytes are compared after every slice. */
  readonly watch?: number | undefined;
  /** From so many instructions on slices are as short as the subject can make them, and traced. */
  readonly closeUpFrom?: number | undefined;
  /** Told of the subject's progress after every slice. */
  readonly onProgress?: (progress: VcpuProgress) => void;
}

const watchBytes = 64;
const differencesShown = 16;

/** A call, and what the host wrote to RAM while it answered. */
interface RecordedCall extends BusCall {
  readonly writes: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  /** The A20 gate, where it has changed meanwhile. */
  readonly a20: boolean | undefined;
}

/**
 * Two engines, one machine. The subject runs with the machine behind it; the interpreter, in memory of its own, follows
 * it: to the same instruction, with the same answers from the bus and the same interrupts. Where the two are apart,
 * `run` throws LockstepDifference.
 */
export class LockstepEngine implements Vcpu<VcpuState> {
  readonly subject: InterpreterEngine;
  readonly reference: InterpreterEngine;
  readonly #options: LockstepOptions;
  readonly #memory: { readonly subject: Uint8Array; readonly reference: Uint8Array };
  #calls: RecordedCall[] = [];
  #answered = 0;
  #interrupts: { readonly at: VcpuProgress; readonly vector: number }[] = [];
  #written: { readonly offset: number; readonly length: number }[] = [];
  #traced: bigint[] = [];
  #a20: boolean | undefined;
  #isSynchronized = false;
  #isRunning = false;
  #isFollowing = false;
  #nmiWaits = false;
  /** Progress of both where they were made equal, or agreed last. */
  #base: { subject: VcpuProgress; reference: VcpuProgress };
  #startRip = 0n;
  #ramDueAt: number;

  constructor(parts: InterpreterOptions, options: LockstepOptions) {
    if (parts.otherBuses?.length) throw new RangeError('Cannot run in lock-step: there is more than one processor');
    this.#options = options;
    const bus = recordingBus(parts.bus, (call) => this.#record(call));
    const pages = parts.memory.buffer.byteLength / 0x10000;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.subject = options.subject({ ...parts, bus });
    this.reference = new InterpreterEngine({ ...parts, memory, bus: replayingBus((asked) => this.#answer(asked)) });
    this.#memory = { subject: new Uint8Array(parts.memory.buffer), reference: new Uint8Array(memory.buffer) };
    this.#base = { subject: this.subject.progress, reference: this.reference.progress };
    this.#ramDueAt = this.#ramInstructions;
  }

  /** One vCPU only: which of several runs when is nothing that could be repeated. */
  get vcpus(): readonly [LockstepEngine] {
    return [this];
  }

  enter(entry: DirectEntry): void {
    this.subject.enter(entry);
  }

  /** The subject's processor. What is done to it after the first `run` needs `synchronize`. */
  get cpu(): X86Cpu {
    return this.subject.cpu;
  }

  get #ramInstructions(): number {
    return this.#options.ramInstructions ?? 50_000_000;
  }

  get #isCloseUp(): boolean {
    return this.#base.subject.instructions >= (this.#options.closeUpFrom ?? Number.POSITIVE_INFINITY);
  }

  get #sliceBudget(): number {
    return this.#isCloseUp ? 1 : (this.#options.sliceInstructions ?? 5000);
  }

  /** Makes the reference equal to the subject. */
  synchronize(): void {
    const { subject, reference } = this.#memory;
    copyRam(subject.buffer, reference.buffer, (at, bytes) => this.reference.hostWrote(at, bytes));
    this.#written = [];
    this.reference.restore(this.subject.save());
    this.#agreed();
    this.#isSynchronized = true;
  }

  get isResting(): boolean {
    return this.subject.isResting;
  }

  set isResting(value: boolean) {
    this.subject.isResting = value;
  }

  get instructions(): number {
    return this.subject.instructions;
  }

  run(budget: number, isOver?: () => boolean): VcpuStop {
    if (!this.#isSynchronized) this.synchronize();
    for (let left = budget; left > 0; ) {
      const before = this.subject.progress.instructions;
      const stop = this.#slice(left, isOver);
      if (stop.kind !== 'budget') return stop;
      // A slice of nothing but faults has used its budget all the same.
      left -= this.subject.progress.instructions - before || this.#sliceBudget;
    }
    return { kind: 'budget' };
  }

  kick(): void {
    this.subject.kick();
  }

  setInterrupt(level: boolean): void {
    this.subject.setInterrupt(level);
  }

  /** Both take it at the beginning of the next slice. */
  nonMaskableInterrupt(): void {
    this.#nmiWaits = true;
    if (!this.#isRunning) this.#deliverNmi();
  }

  /** The reference has it with the answer to the same call. */
  setA20(enabled: boolean): void {
    this.subject.setA20(enabled);
    if (this.#isRunning) this.#a20 = enabled;
    else this.reference.setA20(enabled);
  }

  hostWrote(ramOffset: number, length: number): void {
    this.#written.push({ offset: ramOffset, length });
    this.subject.hostWrote(ramOffset, length);
  }

  counters(): VcpuCounters {
    return this.subject.counters();
  }

  save(): VcpuState {
    return this.subject.save();
  }

  restore(state: VcpuState): void {
    this.subject.restore(state);
    this.#isSynchronized = false;
  }

  /** Throws LockstepDifference when RAM or anything of the processors' states differs. */
  compareAll(): void {
    if (!this.#isSynchronized) return;
    this.#takeHostWrites();
    this.#compareStates();
    this.#compareRam();
  }

  #slice(budget: number, isOver?: () => boolean): VcpuStop {
    this.#takeHostWrites();
    if (this.#nmiWaits) this.#deliverNmi();
    const isTraced = this.#isCloseUp;
    this.#isRunning = true;
    const stop = this.subject.run(Math.min(budget, this.#sliceBudget), isOver);
    this.#isRunning = false;
    this.#isFollowing = true;
    this.#follow(isTraced);
    this.#isFollowing = false;
    this.#compare();
    this.#agreed();
    this.#options.onProgress?.(this.#base.subject);
    return stop;
  }

  // The subject's surroundings, and what the reference is told of them.

  #record(call: BusCall): void {
    if (!this.#isRunning) return;
    const writes = this.#written.map(({ offset, length }) => ({
      offset,
      bytes: this.#memory.subject.slice(offset, offset + length),
    }));
    this.#written = [];
    this.#calls.push({ ...call, writes, a20: this.#a20 });
    this.#a20 = undefined;
    if (call.name === 'acknowledgeInterrupt') {
      this.#interrupts.push({ at: this.subject.progress, vector: Number(call.result) });
    }
  }

  #answer(asked: Omit<BusCall, 'result'>): BusCall['result'] {
    if (!this.#isFollowing) return 0; // A processor that is made or restored reads its clock.
    const call = this.#calls[this.#answered];
    if (!call || !isSameCall(call, asked)) {
      const instead = call ? `the subject did ${describeCall(call)}` : 'the subject did nothing more';
      const rip = this.reference.cpu.state.rip.toString(16);
      throw this.#difference(`the reference asks ${describeCall(asked)} near RIP 0x${rip}, ${instead}`);
    }
    this.#answered++;
    for (const { offset, bytes } of call.writes) this.#writeReference(offset, bytes);
    if (call.a20 !== undefined) this.reference.setA20(call.a20);
    if (call.name === 'acknowledgeInterrupt') this.reference.setInterrupt(false);
    return call.result;
  }

  /** The host wrote RAM between slices. */
  #takeHostWrites(): void {
    for (const { offset, length } of this.#written) {
      this.#writeReference(offset, this.#memory.subject.subarray(offset, offset + length));
    }
    this.#written = [];
  }

  #writeReference(offset: number, bytes: Uint8Array): void {
    this.#memory.reference.set(bytes, offset);
    this.reference.hostWrote(offset, bytes.length);
  }

  #deliverNmi(): void {
    this.#nmiWaits = false;
    this.subject.nonMaskableInterrupt();
    this.reference.nonMaskableInterrupt();
  }

  // The reference follows.

  #follow(isTraced: boolean): void {
    for (const { at, vector } of this.#interrupts) {
      this.#lead({ ...at, interrupts: at.interrupts - 1 }, isTraced);
      const { state } = this.reference.cpu;
      const isShadowed = (state.word(layout.attention) & attention.shadow) !== 0;
      if (!(state.eflagsRest & flag.IF) || isShadowed) {
        const why = isShadowed ? 'in the shadow of an instruction' : 'with EFLAGS.IF clear';
        throw this.#difference(`the subject took interrupt 0x${vector.toString(16)} ${why}`);
      }
      state.leaveShadow(); // The subject has been through it, or is behind it.
      this.reference.setInterrupt(true);
      // Single-stepped, the interrupt's first instruction comes with it: whether it was taken is seen further on.
      this.reference.runTo(this.#referenceAt(at));
    }
    this.#lead(this.subject.progress, isTraced);
  }

  /** To where the subject's progress was `progress`. */
  #lead(progress: VcpuProgress, isTraced: boolean): void {
    const goal = this.#referenceAt(progress);
    if (isTraced) this.#trace(goal);
    this.reference.runTo(goal);
    const missed = (['instructions', 'faults', 'traps', 'interrupts'] as const).filter(
      (name) => this.reference.progress[name] !== goal[name],
    );
    if (missed.length === 0) return;
    const how = missed.map((name) => `${this.reference.progress[name] - goal[name]} ${name}`).join(', ');
    throw this.#difference(`the reference cannot get to where the subject is, it is off by ${how}`);
  }

  #trace(goal: VcpuProgress): void {
    const { reference } = this;
    while (reference.progress.instructions < goal.instructions && reference.progress.faults <= goal.faults) {
      this.#traced.push(reference.cpu.state.rip);
      const { progress } = reference;
      const stop = reference.runTo({ ...progress, instructions: progress.instructions + 1 });
      if (stop.kind !== 'budget') return;
    }
  }

  #referenceAt(progress: VcpuProgress): VcpuProgress {
    const { subject, reference } = this.#base;
    return {
      instructions: progress.instructions - subject.instructions + reference.instructions,
      faults: progress.faults - subject.faults + reference.faults,
      traps: progress.traps - subject.traps + reference.traps,
      interrupts: progress.interrupts - subject.interrupts + reference.interrupts,
    };
  }

  // Comparing.

  #compare(): void {
    const left = this.#calls.length - this.#answered;
    if (left > 0) throw this.#difference(`the subject asked its bus ${left} times more than the reference`);
    if (!looksEqual(this.subject.cpu, this.reference.cpu)) this.#compareStates();
    if (this.#options.watch !== undefined) this.#compareWatched(this.#options.watch);
    if (this.subject.progress.instructions < this.#ramDueAt) return;
    this.#ramDueAt = this.subject.progress.instructions + this.#ramInstructions;
    this.compareAll();
  }

  #compareStates(): void {
    // Only who had an interrupt waiting knows that the shadow of an STI is over, when RIP is the same again behind it.
    if (!this.subject.cpu.state.isAtShadowRip) this.reference.cpu.state.leaveShadow();
    const fields = differences(this.subject.save(), this.reference.save());
    if (fields.length > 0) throw this.#difference('their registers differ', { fields });
  }

  #compareWatched(ramOffset: number): void {
    const from = layout.ram + ramOffset - (ramOffset % watchBytes);
    const { subject, reference } = this.#memory;
    const ramOffsets: number[] = [];
    for (let at = from; at < from + watchBytes; at++) if (subject[at] !== reference[at]) ramOffsets.push(at);
    if (ramOffsets.length > 0) throw this.#difference('their watched RAM differs', { ramOffsets });
  }

  #compareRam(): void {
    const { subject, reference } = this.#memory;
    const ramOffsets = differingRam(subject.buffer, reference.buffer, differencesShown);
    if (ramOffsets.length > 0) throw this.#difference('their RAM differs', { ramOffsets });
  }

  #difference(reason: string, found: Partial<Pick<LockstepDifference, 'fields' | 'ramOffsets'>> = {}): Error {
    const slice: LockstepSlice = {
      from: this.#base.subject,
      to: this.subject.progress,
      startRip: this.#startRip,
      calls: this.#calls,
      interrupts: this.#interrupts,
      trace: this.#traced,
    };
    return new LockstepDifference(reason, slice, found.fields ?? [], found.ramOffsets ?? []);
  }

  #agreed(): void {
    this.#base = { subject: this.subject.progress, reference: this.reference.progress };
    this.#startRip = this.subject.cpu.state.rip;
    this.#calls = [];
    this.#answered = 0;
    this.#interrupts = [];
    this.#traced = [];
  }
}
