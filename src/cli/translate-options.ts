import { UsageError } from './errors.ts';
import { guestOptionTable, type RunOptions, readRunOptions } from './run-options.ts';
import type { Arguments, Option } from './verb.ts';

export const translateOptionTable = {
  ...guestOptionTable,
  timeout: { ...guestOptionTable.timeout, help: 'stop the guest after so long, and look (default 5)' },
  input: { value: 'TEXT', help: 'what is typed at the console, \\n for Enter' },
  region: { value: 'RIP', help: 'show the region that is entered at this address; without it all are listed' },
  attach: { value: 'PATH', help: 'look at the guest of a "mezz run --debug-socket PATH" instead; it goes on running' },
} as const satisfies Record<string, Option>;

export interface TranslateOptions {
  /** The guest to run, or the debug socket of a running one. */
  readonly guest: { readonly run: RunOptions; readonly input: string } | { readonly socket: string };
  readonly region: bigint | undefined;
}

/** Throws UsageError. */
export function readTranslateOptions({ operands, options, command }: Arguments): TranslateOptions {
  const region = options.region === undefined ? undefined : parseAddress(options.region);
  const { attach, ...others } = options;
  if (attach !== undefined) return { guest: { socket: readAttach(attach, operands, others) }, region };
  const timeout = options.timeout ?? '5';
  const run = readRunOptions({ operands, options: { ...others, timeout, serial: 'null' }, command });
  return { guest: { run, input: (options.input ?? '').replaceAll('\\n', '\n') }, region };
}

/** What would describe a guest to run has no meaning for one that runs. */
function readAttach(path: string, operands: readonly string[], others: Arguments['options']): string {
  if (path === '') throw new UsageError('attach to ""', 'that is no path');
  const extra = [...operands, ...Object.keys(others).filter((name) => name !== 'region' && others[name] !== undefined)];
  if (extra.length > 0) throw new UsageError(`use "${extra[0]}" with --attach`, 'the guest runs already');
  return path;
}

function parseAddress(text: string): bigint {
  if (!/^0x[0-9a-f]{1,16}$/i.test(text)) {
    throw new UsageError(`show region "${text}"`, 'an address looks like 0xffffffff81000000');
  }
  return BigInt(text);
}
