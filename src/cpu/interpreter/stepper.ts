import { attention, flag, layout, modeKey, type X86Cpu } from '../isa/x86/index.ts';
import type { RunningCpu, Translator } from './translator.ts';

/**
 * Runs instructions one at a time: for EFLAGS.TF, for breakpoints of the debug registers, and where an interrupt must not
 * come before the next one. `#DB` traps and faults are delivered here (SDM 3B, 18.3.1).
 */
export class Stepper {
  readonly #running: Pick<RunningCpu, 'cpu'>;
  readonly #translator: Translator;
  readonly #runFrom: (start: number, budget: number) => number;

  /** `runFrom` runs code from a record; instructions retired. */
  constructor(
    running: Pick<RunningCpu, 'cpu'>,
    translator: Translator,
    runFrom: (start: number, budget: number) => number,
  ) {
    this.#running = running;
    this.#translator = translator;
    this.#runFrom = runFrom;
  }

  get #cpu(): X86Cpu {
    return this.#running.cpu;
  }

  /** Runs one instruction without looking at interrupts, or takes the #DB before or behind it. */
  step(): void {
    if (this.#cpu.hasDebugTrap) this.#cpu.deliverDebugTrap(this.#cpu.stepTrap === 'now');
    else if (!this.#cpu.deliverInstructionBreakpoint()) this.stepOver();
    this.#endStep();
  }

  /** The same, with no #DB before it: MOV SS holds it off. */
  stepOver(): void {
    const { state, breakpoints } = this.#cpu;
    this.#cpu.stepTrap = undefined;
    const mode = state.word(layout.modeKey);
    const isTrapped = (mode & modeKey.single) !== 0;
    const start = this.#translator.blockAt(mode | modeKey.single);
    if (start < 0) {
      this.#cpu.deliverPendingFault();
      return;
    }
    const next = isTrapped && breakpoints.stepsBranches ? this.#sequentialRip() : undefined;
    if (this.#runStep(start) === 0) return;
    const stepTrap = this.#stepTrapUnless(next);
    if (stepTrap === 'repeated') state.setWord(layout.eflagsRest, state.eflagsRest | breakpoints.resumeFlag(flag.RF));
    const isHeld = stepTrap === 'none' || (stepTrap !== 'now' && !isTrapped);
    const isShadow = (state.word(layout.attention) & attention.shadow) !== 0;
    if (!isHeld || (breakpoints.hits !== 0 && !isShadow)) this.#cpu.deliverDebugTrap(!isHeld);
  }

  /** What the instruction said, but none where it has gone on to `next` or within itself. */
  #stepTrapUnless(next: bigint | undefined): X86Cpu['stepTrap'] {
    const cpu = this.#cpu;
    const isNoBranch = next !== undefined && (cpu.state.rip === next || cpu.stepTrap === 'repeated');
    if (isNoBranch) cpu.stepTrap = 'none';
    return cpu.stepTrap;
  }

  /** Where the instruction at RIP leads unless it branches. A branch to there is taken for none. */
  #sequentialRip(): bigint {
    const { state, isCode64 } = this.#cpu;
    return BigInt.asUintN(isCode64 ? 64 : 32, state.rip + BigInt(this.#translator.instructionLength()));
  }

  /** Runs the only instruction of a block, with RF gone behind it unless it sets RF; instructions retired. */
  #runStep(start: number): number {
    const { state, breakpoints, faults } = this.#cpu;
    const resume = state.eflagsRest & flag.RF;
    state.setWord(layout.eflagsRest, state.eflagsRest & ~flag.RF);
    breakpoints.wantStep(); // String instructions look at that.
    breakpoints.isStepping = true;
    const retired = this.#runFrom(start, 1);
    breakpoints.isStepping = false;
    const isDone = retired > 0 || this.#cpu.faults !== faults;
    if (!isDone) state.setWord(layout.eflagsRest, state.eflagsRest | resume);
    return retired;
  }

  #endStep(): void {
    const { state, breakpoints, stepTrap } = this.#cpu;
    const isWanted = state.word(layout.modeKey) & modeKey.single || state.eflagsRest & flag.RF || breakpoints.hits;
    if (isWanted || stepTrap === 'now') breakpoints.wantStep();
    else state.lowerAttention(attention.singleStep);
  }
}
