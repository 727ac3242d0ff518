/** Notes which forms a program executes. The program runs one instruction at a time; nothing else pays for it. */
import {
  cachedDecoder,
  currentBank,
  type Instruction,
  isCanonicalHigh,
  layout,
  modeKey,
  segment,
  type X86Cpu,
} from '../../cpu/isa/x86/index.ts';
import type { VcpuStop } from '../../cpu/vcpu.ts';
import type { MakeEngine } from '../witness/engines.ts';
import { type Form, formOf } from './forms.ts';
import { modeOf } from './modes.ts';

/** Their meaning is an exception or an interrupt, which is not a failure of theirs. */
const meansEvent = new Set('ud0 ud1 ud2 int int1 int3 into'.split(' '));
const longestInstruction = 15;
const pageBytes = 4096;
const stepsBetweenLooks = 64;

export class FormRecorder {
  /** What retired, with the number of times. */
  readonly executed = new Map<Form, number>();
  readonly #straddle = new Uint8Array(2 * longestInstruction);

  /** An engine whose `run` tells this recorder of each instruction. */
  wrap(make: MakeEngine): MakeEngine {
    return (options) => {
      const engine = make(options);
      const bytes = new Uint8Array(options.memory.buffer);
      engine.run = (budget, isOver = () => false): VcpuStop => {
        for (let left = budget; left > 0; left--) {
          if (left % stepsBetweenLooks === 0 && isOver()) return { kind: 'kicked' };
          const stop = this.#step(engine, bytes);
          if (stop) return stop;
        }
        return { kind: 'budget' };
      };
      return engine;
    };
  }

  #step(engine: ReturnType<MakeEngine>, bytes: Uint8Array): VcpuStop | undefined {
    const { progress: before } = engine;
    const { instructions, faults, interrupts } = before;
    const form = this.#formAtRip(engine.cpu, bytes);
    const stop = engine.runTo({ ...before, instructions: instructions + 1 });
    const now = engine.progress;
    const isEvent = now.faults !== faults;
    // An interrupt came first: what ran is its handler's first instruction.
    if (!form || now.interrupts !== interrupts) return stop.kind === 'budget' ? undefined : stop;
    const isDone = now.instructions > instructions && !isEvent;
    if (isDone || (isEvent && meansEvent.has(form.row.name))) this.note(form);
    return stop.kind === 'budget' ? undefined : stop;
  }

  note(form: Form): void {
    this.executed.set(form, (this.executed.get(form) ?? 0) + 1);
  }

  #formAtRip(cpu: X86Cpu, bytes: Uint8Array): Form | undefined {
    const { state } = cpu;
    const mode = state.word(layout.modeKey);
    const is64 = (mode & modeKey.codeMask) === modeKey.code64;
    const base = is64 ? 0 : state.word(layout.segmentBase + 8 * segment.cs);
    if (!is64 && state.word(layout.rip) >>> 0 > state.word(layout.codeLimit) >>> 0) return undefined;
    const low = (state.word(layout.rip) + base) | 0;
    const high = is64 ? state.word(layout.rip + 4) : 0;
    const instruction = this.#decode(cpu, bytes, low, high, mode);
    return instruction?.variant && formOf(instruction.variant, modeOf(cpu));
  }

  #decode(cpu: X86Cpu, bytes: Uint8Array, low: number, high: number, mode: number): Instruction | undefined {
    const at = this.#fetch(cpu, low, high);
    if (at === undefined) return undefined;
    const inPage = pageBytes - (at & (pageBytes - 1));
    const whole = cachedDecoder.decode(bytes, at, at + inPage, mode);
    if (whole) return whole;
    const second = this.#fetch(cpu, (low + inPage) | 0, high);
    if (second === undefined) return undefined;
    this.#straddle.fill(0);
    this.#straddle.set(bytes.subarray(at, at + inPage));
    this.#straddle.set(bytes.subarray(second, second + longestInstruction), inPage);
    return cachedDecoder.decode(this.#straddle, 0, this.#straddle.length, mode);
  }

  /** Linear-memory offset of code that the engine is about to fetch; undefined: that faults. */
  #fetch({ mmu, state }: X86Cpu, low: number, high: number): number | undefined {
    const isFetched = isCanonicalHigh(high) && mmu.translateFetch(low, high, currentBank(state));
    return isFetched ? mmu.ramAddress : undefined;
  }
}
