import { UsageError } from './errors.ts';
import { type RunOptions, readRunOptions, runOptionTable } from './run-options.ts';
import type { Arguments, Option } from './verb.ts';

const { kernel, initrd, append, memory, 'debug-exit': debugExit, timeout } = runOptionTable;

export const translateOptionTable = {
  kernel,
  initrd,
  append,
  memory,
  'debug-exit': debugExit,
  timeout: { ...timeout, help: 'stop the guest after so long, and look (default 5)' },
  input: { value: 'TEXT', help: 'what is typed at the console, \\n for Enter' },
  region: { value: 'RIP', help: 'show the region that is entered at this address; without it all are listed' },
} as const satisfies Record<string, Option>;

export interface TranslateOptions {
  readonly run: RunOptions;
  readonly input: string;
  readonly region: bigint | undefined;
}

/** Throws UsageError. */
export function readTranslateOptions({ operands, options, command }: Arguments): TranslateOptions {
  const timeout = options.timeout ?? '5';
  return {
    run: readRunOptions({ operands, options: { ...options, timeout, serial: 'null' }, command }),
    input: (options.input ?? '').replaceAll('\\n', '\n'),
    region: options.region === undefined ? undefined : parseAddress(options.region),
  };
}

function parseAddress(text: string): bigint {
  if (!/^0x[0-9a-f]{1,16}$/i.test(text)) {
    throw new UsageError(`show region "${text}"`, 'an address looks like 0xffffffff81000000');
  }
  return BigInt(text);
}
