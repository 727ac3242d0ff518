import { attention, describeRegisters, flag, layout, type X86Cpu } from '../isa/x86/index.ts';
import type { VcpuStop } from '../vcpu.ts';
import type { Stepper } from './stepper.ts';

/** The engine whose processor is looked after. */
export interface InterruptedEngine {
  /** The processor whose turn it is. */
  readonly cpu: X86Cpu;
  readonly instructions: number;
}

/** What wants attention between two instructions of the guest, in its order of priority (SDM 3A, table 6-2). */
export class PendingEvents {
  readonly #engine: InterruptedEngine;
  readonly #stepper: Stepper;
  readonly #runCode: (budget: number) => void;
  /** External interrupts taken so far. */
  interrupts = 0;

  constructor(engine: InterruptedEngine, stepper: Stepper, runCode: (budget: number) => void) {
    this.#engine = engine;
    this.#stepper = stepper;
    this.#runCode = runCode;
  }

  get #progress(): number {
    return this.#engine.instructions + this.#engine.cpu.faults;
  }

  serve(budget: number): VcpuStop | undefined {
    const { cpu } = this.#engine;
    const { state } = cpu;
    const wanted = state.word(layout.attention);
    if (wanted & attention.stop) {
      const stop = stopOf(cpu);
      if (stop) return stop;
    }
    state.lowerAttention(attention.stale); // No frame is left out here.
    if (wanted & attention.kick) {
      state.lowerAttention(attention.kick);
      return { kind: 'kicked' };
    }
    if (wanted & attention.shadow) {
      this.#runShadowed(wanted, budget);
      return undefined;
    }
    if (cpu.hasDebugTrap) {
      this.#stepper.step(); // Before NMI and INTR.
      return undefined;
    }
    if (wanted & attention.nmi && !state.nmiBlocked) {
      state.lowerAttention(attention.nmi);
      cpu.deliverNmi();
    } else if (wanted & attention.interrupt) this.#interrupt();
    if (state.word(layout.attention) & attention.singleStep) this.#stepper.step();
    return undefined;
  }

  /** The shadowed instruction runs now: whatever is raised before the next slice must not come before it. */
  #runShadowed(wanted: number, budget: number): void {
    const { state, breakpoints } = this.#engine.cpu;
    state.lowerAttention(attention.shadow);
    const before = this.#progress;
    const isStepped = (wanted & (attention.interrupt | attention.nmi | attention.singleStep)) !== 0;
    if (isStepped || breakpoints.isInCodePage) this.#stepper.stepOver();
    else this.#runCode(budget);
    // A block that was only found hot, or stale, has the shadowed instruction before it still.
    if (this.#progress === before) state.raiseAttention(attention.shadow);
  }

  #interrupt(): void {
    const { cpu } = this.#engine;
    const { state } = cpu;
    if (!(state.eflagsRest & flag.IF)) {
      state.lowerAttention(attention.interrupt); // What sets IF puts it back.
      return;
    }
    if (state.isAtShadowRip) {
      state.leaveShadow();
      const before = this.#progress;
      this.#stepper.step();
      if (this.#progress === before) state.enterShadow();
      return;
    }
    this.interrupts++;
    cpu.deliverInterrupt(cpu.bus.acknowledgeInterrupt());
  }
}

/** Why the processor executes nothing; undefined: it goes on, or an event wakes it up. */
function stopOf(cpu: X86Cpu): VcpuStop | undefined {
  const { stop, state } = cpu;
  if (!stop) {
    state.lowerAttention(attention.stop);
    return undefined;
  }
  if (stop.kind === 'triple-fault') return { kind: 'triple-fault', registers: describeRegisters(cpu) };
  if (stop.kind === 'unsupported') return stop;
  if (stop.kind === 'wait-for-sipi') return { kind: 'halt' };
  const canWake = state.word(layout.interruptLine) && state.eflagsRest & flag.IF;
  const hasNmi = (state.word(layout.attention) & attention.nmi) !== 0 && !state.nmiBlocked;
  if (!canWake && !hasNmi) return { kind: 'halt' };
  cpu.stop = undefined;
  state.lowerAttention(attention.stop);
  if (canWake) state.raiseAttention(attention.interrupt);
  return undefined;
}
