import { UsageError } from './errors.ts';
import { guestOptionTable, type RunOptions, readRunOptions } from './run-options.ts';
import type { Arguments, Option } from './verb.ts';

export const lockstepOptionTable = {
  ...guestOptionTable,
  instructions: { value: 'N', help: 'stop the guest after so many; 100M and the like are understood' },
  input: { value: 'TEXT', help: 'what is typed at the console, \\n for Enter (default "poweroff\\n")' },
  threshold: { value: 'N', help: 'how often code runs before the JIT translates it (default 50)' },
  batch: { value: 'N', help: 'how many regions the JIT compiles together (default 16)' },
  slice: { value: 'N', help: 'about how many instructions run between two comparisons (default 5000)' },
  'ram-every': { value: 'N', help: 'all of RAM is compared after so many instructions (default 50M)' },
  watch: { value: 'OFFSET', help: 'compare the 64 bytes of RAM around this one after every slice' },
  from: { value: 'N', help: 'from this instruction on: the shortest slices, and the instructions of each are told' },
  translations: { value: 'FILE', help: 'code that "mezz run" has kept there is taken from it' },
  console: { value: 'WHERE', help: 'what the guest writes to its console: stdio (the default) or null' },
} as const satisfies Record<string, Option>;

export interface LockstepRunOptions {
  readonly run: RunOptions;
  readonly instructions: number | undefined;
  readonly input: string;
  readonly jit: { readonly threshold: number; readonly batch: number };
  readonly lockstep: {
    readonly sliceInstructions: number;
    readonly ramInstructions: number;
    readonly watch: number | undefined;
    readonly closeUpFrom: number | undefined;
  };
  readonly isConsoleShown: boolean;
}

type OptionName = keyof typeof lockstepOptionTable;

/** Throws UsageError. */
export function readLockstepOptions({ operands, options, command }: Arguments): LockstepRunOptions {
  const optional = (name: OptionName): number | undefined => {
    const text = options[name];
    return text === undefined ? undefined : parseCount(name, text);
  };
  const where = options.console ?? 'stdio';
  if (where !== 'stdio' && where !== 'null') {
    throw new UsageError(`write the console to "${where}"`, 'there are stdio and null');
  }
  return {
    run: readRunOptions({ operands, options: { ...options, serial: 'null' }, command }),
    instructions: optional('instructions'),
    input: (options.input ?? 'poweroff\\n').replaceAll('\\n', '\n'),
    jit: { threshold: optional('threshold') ?? 50, batch: optional('batch') ?? 16 },
    lockstep: {
      sliceInstructions: optional('slice') ?? 5000,
      ramInstructions: optional('ram-every') ?? 50e6,
      watch: optional('watch'),
      closeUpFrom: optional('from'),
    },
    isConsoleShown: where === 'stdio',
  };
}

const factors: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

function parseCount(name: string, text: string): number {
  const [, digits, unit = ''] = /^(0x[0-9a-f]+|\d+(?:\.\d+)?)([KMG])?$/i.exec(text) ?? [];
  const count = Math.round(Number(digits) * (factors[unit.toUpperCase()] ?? Number.NaN));
  if (Number.isSafeInteger(count) && (count > 0 || name === 'watch' || name === 'from')) return count;
  throw new UsageError(`use --${name} ${text}`, 'it is a number like 5000, 100M or 0x1000');
}
