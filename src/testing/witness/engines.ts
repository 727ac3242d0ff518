import { InterpreterEngine, type InterpreterOptions } from '../../cpu/interpreter/index.ts';
import type { X86Cpu } from '../../cpu/isa/x86/index.ts';
import { createJitEngine } from '../../cpu/jit/index.ts';
import type { Vcpu } from '../../cpu/vcpu.ts';

/** An engine as the witness drives it. */
export interface WitnessEngine extends Pick<Vcpu<unknown>, 'run'> {
  readonly cpu: X86Cpu;
  hostWrote(ramOffset: number, length: number): void;
}

export type MakeEngine = (options: InterpreterOptions) => WitnessEngine;

export const interpreterEngine: MakeEngine = (options) => new InterpreterEngine(options);

/** Translates whatever it meets, each region by itself. */
export const jitEngine: MakeEngine = (options) => createJitEngine(options, { threshold: 1, batch: 1 });

export const engines: Readonly<Record<string, MakeEngine>> = { interpreter: interpreterEngine, jit: jitEngine };
