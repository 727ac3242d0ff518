import { parseArgs } from 'node:util';
import type { Bits } from '../debian/package-tree.ts';
import { type Configuration, configurations, interpreterSlowness, plainConfiguration } from './configurations.ts';
import { suites } from './table.ts';

const configurationNames = configurations.map(({ name }) => name);
const suiteNames = suites.map(({ name }) => name);

const defaultSeconds = 1200;

export const usage = `Usage: npm run programs -- [OPTION]...
Runs software whose answers are known in Debian guests, and says which of it is right.
  --matrix                 in every configuration: hours
  --configurations NAMES   in some of them: ${configurationNames.join(', ')}
  --suites NAMES           of ${suiteNames.join(', ')}
  --programs NAMES         only these programs of suites
  --quick                  what the tests of Mezz run
  --show                   prints what wrong programs said
  --timeout SECONDS        for each program, not counting what others take of the processor (default ${defaultSeconds},
                           ${interpreterSlowness} times that on the interpreter)
Other configurations:
  --bits 64,32             of the guest
  --cpu MODEL              as for mezz run
  --cpus N                 how many processors the guest has
  --engine NAME            auto, jit or interpreter
  --option=OPTION          one more option of mezz run, as often as wanted
  --machine qemu           QEMU in software mode, for a second opinion

Lists have commas between their items.`;

export interface ProgramFlags {
  readonly configurations: readonly Configuration[];
  readonly suites: readonly string[] | undefined;
  readonly programs: readonly string[] | undefined;
  readonly quick: boolean;
  readonly isShown: boolean;
  /** For each program, times the slowness of its configuration. */
  readonly limitSeconds: number;
  readonly machine: string;
  readonly options: readonly string[];
}

const flagTable = {
  matrix: { type: 'boolean', default: false },
  configurations: { type: 'string' },
  suites: { type: 'string' },
  programs: { type: 'string' },
  quick: { type: 'boolean', default: false },
  show: { type: 'boolean', default: false },
  timeout: { type: 'string', default: String(defaultSeconds) },
  bits: { type: 'string', default: '64,32' },
  cpu: { type: 'string' },
  cpus: { type: 'string', default: '1' },
  engine: { type: 'string', default: 'auto' },
  option: { type: 'string', multiple: true },
  machine: { type: 'string', default: 'mezz' },
  help: { type: 'boolean' },
} as const;

/** Undefined when help is wanted. Throws RangeError when a flag is wrong. */
export function readFlags(): ProgramFlags | undefined {
  const { values: flags } = parseArgs({ options: flagTable });
  if (flags.help) return undefined;
  return {
    configurations: wantedConfigurations(flags),
    suites: names('suites', flags.suites, suiteNames),
    programs: flags.programs?.split(','),
    quick: flags.quick,
    isShown: flags.show,
    limitSeconds: seconds(flags.timeout),
    machine: flags.machine,
    options: flags.option ?? [],
  };
}

function wantedConfigurations(flags: {
  matrix: boolean;
  configurations?: string | undefined;
  bits: string;
  cpu?: string | undefined;
  cpus: string;
  engine: string;
}): readonly Configuration[] {
  if (flags.matrix) return configurations;
  const wanted = names('configurations', flags.configurations, configurationNames);
  if (wanted) return configurations.filter(({ name }) => wanted.includes(name));
  const bits = names('bits', flags.bits, ['64', '32']) ?? [];
  const level = /^v([12])\b/.exec(flags.cpu ?? '')?.[1];
  return bits.map((width) => ({
    ...plainConfiguration,
    name: `${width} bits`,
    bits: Number(width) as Bits,
    cpu: flags.cpu,
    level: Number(level ?? plainConfiguration.level),
    processors: Number(flags.cpus),
    engine: flags.engine,
    slowness: flags.engine === 'interpreter' ? interpreterSlowness : 1,
  }));
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new RangeError(`Cannot use --timeout ${JSON.stringify(text)}: it is no number of seconds`);
}

function names(flag: string, text: string | undefined, known: readonly string[]): string[] | undefined {
  const wanted = text?.split(',');
  const wrong = wanted?.find((name) => !known.includes(name));
  if (wrong === undefined) return wanted;
  throw new RangeError(`Cannot use --${flag} ${JSON.stringify(wrong)}: there are ${known.join(', ')}`);
}
