import { InterpreterEngine, type InterpreterOptions } from '../../cpu/interpreter/index.ts';
import { createJitEngine } from '../../cpu/jit/index.ts';

export type MakeEngine = (options: InterpreterOptions) => InterpreterEngine;

export const interpreterEngine: MakeEngine = (options) => new InterpreterEngine(options);

/** Translates whatever it meets, each region by itself. */
export const jitEngine: MakeEngine = (options) =>
  createJitEngine(options, { threshold: 1, batch: 1, profiledJumps: 2 });

export const engines: Readonly<Record<string, MakeEngine>> = { interpreter: interpreterEngine, jit: jitEngine };
