import { parseArgs } from 'node:util';
import { type EngineOfBench, enginesOfBench } from '../machines.ts';

const defaultMinutes = 10;

export const usage = `Usage: npm run long -- [OPTION]...
  --minutes N    how long it runs (default ${defaultMinutes})
  --mixed        all programs of the bench, not only those that write code
  --engine NAME  ${enginesOfBench.join(' or ')} (default jit)
  --no-build     take the built program as it is`;

export interface LongFlags {
  readonly minutes: number;
  readonly isMixed: boolean;
  readonly engine: EngineOfBench;
  readonly isBuilt: boolean;
}

/** Undefined when help is wanted. Throws Error when a flag is wrong. */
export function readLongFlags(): LongFlags | undefined {
  const { values: flags } = parseArgs({
    options: {
      minutes: { type: 'string', default: String(defaultMinutes) },
      mixed: { type: 'boolean', default: false },
      engine: { type: 'string', default: 'jit' },
      build: { type: 'boolean', default: true },
      help: { type: 'boolean' },
    },
    allowNegative: true,
  });
  if (flags.help) return undefined;
  const minutes = Number(flags.minutes);
  if (!(minutes > 0)) throw new RangeError(`Cannot run for "${flags.minutes}" minutes: it is a number above 0`);
  const engine = enginesOfBench.find((name) => name === flags.engine);
  if (!engine) throw new RangeError(`Cannot use engine "${flags.engine}": there are ${enginesOfBench.join(', ')}`);
  return { minutes, isMixed: flags.mixed, engine, isBuilt: flags.build };
}
