import { parseArgs } from 'node:util';
import { programNames } from './jobs/bench-programs.ts';
import type { Bits } from './jobs/compile.ts';
import { type MachineName, machineNames } from './jobs/job-machine.ts';
import { type EngineOfBench, enginesOfBench } from './machines.ts';

export const partNames = ['boot', 'integer', 'rest', 'programs'] as const;
const defaultSeconds = 0.8;

export const usage = `Usage: npm run bench -- [OPTION]...
  --quick              one repetition of everything, not three
  --repetitions N      as many as you like
  --only PARTS         of ${partNames.join(', ')}
  --engine NAME        Mezz's engine: ${enginesOfBench.join(' or ')} (default jit)
  --programs NAMES     only these programs
  --machines NAMES     of ${machineNames.join(', ')}
  --bits WIDTHS        of 64, 32
  --cpus N             how many processors the guest at rest has (default 1)
  --seconds S          how long one measurement of a program is to take (default ${defaultSeconds})
  --no-kept            programs on a Mezz that has kept no translated code of theirs
  --no-build           take the built program as it is

Lists have commas between their items.`;

export interface BenchFlags {
  readonly repetitions: number;
  readonly parts: readonly string[];
  readonly engine: EngineOfBench;
  readonly programs: readonly string[];
  readonly machines: readonly MachineName[];
  readonly bits: readonly Bits[];
  readonly seconds: number;
  /** Of the guest at rest. */
  readonly cpus: number;
  readonly isBuilt: boolean;
  readonly isKept: boolean;
}

const flagTable = {
  quick: { type: 'boolean', default: false },
  repetitions: { type: 'string' },
  only: { type: 'string' },
  engine: { type: 'string', default: 'jit' },
  programs: { type: 'string' },
  machines: { type: 'string' },
  bits: { type: 'string' },
  seconds: { type: 'string', default: String(defaultSeconds) },
  cpus: { type: 'string', default: '1' },
  build: { type: 'boolean', default: true },
  kept: { type: 'boolean', default: true },
  help: { type: 'boolean' },
} as const;

const bitsByName = { 64: 64, 32: 32 } as const satisfies Readonly<Record<string, Bits>>;

/** Undefined when help is wanted. Throws Error when a flag is wrong. */
export function readFlags(): BenchFlags | undefined {
  const { values: flags } = parseArgs({ options: flagTable, allowNegative: true });
  if (flags.help) return undefined;
  const repetitions = number('repetitions', flags.repetitions ?? (flags.quick ? '1' : '3'));
  return {
    repetitions: Math.max(1, Math.floor(repetitions)),
    parts: list('only', flags.only, partNames),
    engine: list('engine', flags.engine, enginesOfBench)[0] ?? 'jit',
    programs: list('programs', flags.programs, programNames),
    machines: list('machines', flags.machines, machineNames),
    bits: list('bits', flags.bits, ['64', '32'] as const).map((name) => bitsByName[name]),
    seconds: number('seconds', flags.seconds),
    cpus: Math.floor(number('cpus', flags.cpus)),
    isBuilt: flags.build,
    isKept: flags.kept,
  };
}

function list<Name extends string>(flag: string, text: string | undefined, known: readonly Name[]): Name[] {
  const wanted = text?.split(',');
  const wrong = wanted?.find((name) => !known.some((other) => other === name));
  if (wrong !== undefined) {
    throw new RangeError(`Cannot use --${flag} ${JSON.stringify(wrong)}: there are ${known.join(', ')}`);
  }
  return known.filter((name) => wanted?.includes(name) ?? true);
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new RangeError(`Cannot use --${flag} ${JSON.stringify(text)}: it is a number above 0`);
}
