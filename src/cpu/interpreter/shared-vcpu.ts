import { attention, layout, type VcpuState, vcpuStateBytes, type X86Cpu, type X87 } from '../isa/x86/index.ts';
import type { Vcpu, VcpuCounters, VcpuPeer, VcpuProgress, VcpuStop } from '../vcpu.ts';
import { fpuOf } from './helpers.ts';
import { ParkedKeys } from './parked-keys.ts';

/** The engine that several vCPUs take turns on. */
export interface SharedEngine extends Omit<Vcpu<VcpuState>, 'setInterrupt' | 'nonMaskableInterrupt' | 'setA20'> {
  readonly progress: VcpuProgress;
  /** Translated regions have places below. */
  readonly regionCount: number;
  /** Gives the turn to a vCPU; what it was before is parked. */
  select(next: SharedVcpu): void;
}

/**
 * One of several vCPUs on an engine. They share its linear memory, so all but one have their part of it, the first
 * `vcpuStateBytes`, in a place of their own; code, decoded or translated, is everybody's.
 */
export class SharedVcpu implements Vcpu<VcpuState>, VcpuPeer {
  readonly cpu: X86Cpu;
  readonly fpu: X87;
  readonly #engine: SharedEngine;
  readonly #live: Int32Array;
  readonly #parked = new Int32Array(vcpuStateBytes / 4);
  readonly #keys: ParkedKeys;
  #isLive = false;
  #instructions = 0;
  #interrupts = 0;
  #hasInit = false;
  #startUpPage: number | undefined;
  /** The A20 gate has changed since its last turn. */
  #a20: boolean | undefined;
  patience = 0;

  /** Parks what the constructor of `cpu` has left in linear memory. */
  constructor(engine: SharedEngine, cpu: X86Cpu) {
    this.#engine = engine;
    this.cpu = cpu;
    this.fpu = fpuOf(cpu);
    this.#live = cpu.state.i32.subarray(0, vcpuStateBytes / 4);
    this.#keys = new ParkedKeys(cpu.state.i32);
    this.#parked.set(this.#live);
  }

  get peer(): VcpuPeer {
    return this;
  }

  get instructions(): number {
    return this.#instructions;
  }

  get isResting(): boolean {
    return this.#engine.isResting;
  }

  set isResting(isResting: boolean) {
    this.#engine.isResting = isResting;
  }

  /** Another vCPU's turn comes. */
  leave(): void {
    this.#parked.set(this.#live);
    this.#keys.leave(this.#engine.regionCount);
    this.#isLive = false;
  }

  enter(): void {
    this.#live.set(this.#parked);
    this.#isLive = true;
    if (!this.cpu.resume()) this.#keys.forgetAll();
    this.#keys.enter(this.#engine.regionCount);
  }

  /** A place for translated regions has a new one. */
  forgetRegion(slot: number): void {
    this.#keys.forget(slot);
  }

  get #words(): Int32Array {
    return this.#isLive ? this.#live : this.#parked;
  }

  run(budget: number, isOver?: () => boolean): VcpuStop {
    const engine = this.#engine;
    engine.select(this);
    this.#takeMessages();
    const { instructions, interrupts } = engine.progress;
    this.cpu.state.setWord(layout.pauses, this.patience);
    const stop = engine.run(budget, isOver);
    const isSpinning = stop.kind === 'kicked' && this.patience !== 0 && this.cpu.state.word(layout.pauses) === 0;
    const { progress } = engine;
    this.#instructions += progress.instructions - instructions;
    this.#interrupts += progress.interrupts - interrupts;
    return isSpinning ? { kind: 'spin' } : stop;
  }

  /** INIT and start-up messages act between instructions, in that order. */
  #takeMessages(): void {
    if (this.#a20 !== undefined) this.cpu.setA20(this.#a20);
    this.#a20 = undefined;
    if (this.#hasInit) this.cpu.init();
    this.#hasInit = false;
    if (this.#startUpPage !== undefined) this.cpu.startUp(this.#startUpPage);
    this.#startUpPage = undefined;
  }

  /** From the next PAUSE on. */
  makeRoom(patience: number): void {
    this.patience = patience;
    if (this.#isLive) this.#live[layout.pauses >>> 2] = patience;
  }

  init(): void {
    this.#hasInit = true;
    this.#startUpPage = undefined;
    this.kick();
  }

  startUp(page: number): void {
    const isWaiting = this.#hasInit || this.cpu.stop?.kind === 'wait-for-sipi';
    if (isWaiting) this.#startUpPage ??= page;
  }

  get isInterrupted(): boolean {
    return this.#words[layout.interruptLine >>> 2] === 1;
  }

  kick(): void {
    if (this.#isLive) this.#engine.kick();
  }

  setInterrupt(level: boolean): void {
    this.#words[layout.interruptLine >>> 2] = level ? 1 : 0;
    if (level) this.#raise(attention.interrupt);
    else this.#lower(attention.interrupt);
  }

  nonMaskableInterrupt(): void {
    this.#raise(attention.nmi);
  }

  setA20(enabled: boolean): void {
    if (this.#isLive) this.cpu.setA20(enabled);
    else this.#a20 = enabled;
  }

  #raise(bits: number): void {
    const words = this.#words;
    words[layout.attention >>> 2] = (words[layout.attention >>> 2] ?? 0) | bits;
  }

  #lower(bits: number): void {
    const words = this.#words;
    words[layout.attention >>> 2] = (words[layout.attention >>> 2] ?? 0) & ~bits;
  }

  /** Its own only: the engine counts the rest for all of them. */
  counters(): VcpuCounters {
    return { instructions: this.#instructions, interrupts: this.#interrupts };
  }

  save(): VcpuState {
    this.#engine.select(this);
    this.#takeMessages();
    return this.cpu.saveState();
  }

  restore(state: VcpuState): void {
    this.#engine.select(this);
    this.#engine.restore(state);
  }
}
