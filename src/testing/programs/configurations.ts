import type { Bits } from '../debian/package-tree.ts';
import type { GuestProgram, ProgramSuite } from './suite.ts';

/** A machine that programs run on. */
export interface Configuration {
  readonly name: string;
  readonly bits: Bits;
  /** Undefined: Mezz's choice. */
  readonly cpu: string | undefined;
  /** The level of x86-64 that the processor model has: x86-64-v3 is 3. */
  readonly level: number;
  readonly processors: number;
  readonly engine: string;
  /** How many times as long as on the JIT programs may take. */
  readonly slowness: number;
  /** Programs ("suite: program") that take too long on it, and why they may be left out. */
  readonly leftOut: readonly { readonly programs: RegExp; readonly reason: string }[];
}

export const plainConfiguration: Configuration = {
  name: 'max',
  bits: 64,
  cpu: undefined,
  level: 3,
  processors: 1,
  engine: 'auto',
  slowness: 1,
  leftOut: [],
};

const isLong = {
  programs:
    /: (test_(statistics|random|lzma|bz2|ctypes|array)|generated keys|evp_test evppkey|structures|random numbers)$/,
  reason: 'takes minutes, and asks nothing new of it: runs on max and in 32 bits',
};

/** The interpreter takes up to ten times as long as the JIT over what runs for long, and twice as long over a short test. */
export const interpreterSlowness = 10;

const isLongInterpreted = {
  programs: new RegExp(
    [
      '^python: test_(?!(math|cmath|float|complex|struct|fractions|strtod|format|int|binascii)$)',
      '^openssl-tests: (curves|public keys|evp_test evp(ciph|kdf|pbe)|bntest|without|integer)',
      '^gcc: checks -O[23]',
    ].join('|'),
  ),
  reason: 'takes too long there: runs on the JIT',
};

/** gcc makes it for any processor, but it is to run on its own. */
const isForV2 = { programs: /: checks -O3 -march=x86-64-v2$/, reason: 'runs on v2' };

/** The whole matrix. `max` is the default model, and all but the last run on the JIT. */
export const configurations: readonly Configuration[] = [
  { ...plainConfiguration, cpu: 'max', leftOut: [isForV2] },
  { ...plainConfiguration, name: '32 bits', bits: 32 },
  { ...plainConfiguration, name: 'v1', cpu: 'v1', level: 1, leftOut: [isLong] },
  { ...plainConfiguration, name: 'v2', cpu: 'v2', level: 2, leftOut: [isLong] },
  { ...plainConfiguration, name: 'v3', cpu: 'v3', leftOut: [isLong, isForV2] },
  { ...plainConfiguration, name: '4 vCPUs', processors: 4, leftOut: [isLong, isForV2] },
  {
    ...plainConfiguration,
    name: 'interpreter',
    engine: 'interpreter',
    slowness: interpreterSlowness,
    leftOut: [isLong, isForV2, isLongInterpreted],
  },
];

/** Options of `mezz run`. */
export const machineOptions = ({ cpu, processors, engine }: Configuration): string[] => [
  ...['--engine', engine, '--cpus', String(processors)],
  ...(cpu === undefined ? [] : ['--cpu', cpu]),
];

/** Why a configuration does not run a program, or undefined when it does. */
export function reasonToLeaveOut(
  { bits, level, processors, leftOut }: Configuration,
  suite: ProgramSuite,
  program: GuestProgram,
): string | undefined {
  if (!suite.bits.includes(bits)) return `is not run in ${bits} bits`;
  if ((program.level ?? 1) > level) return `needs x86-64-v${program.level}`;
  if ((suite.processors ?? 1) > processors) return `needs ${suite.processors} processors`;
  return leftOut.find(({ programs }) => programs.test(`${suite.name}: ${program.name}`))?.reason;
}
