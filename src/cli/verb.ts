import { parseArgs } from 'node:util';
import { UsageError } from './errors.ts';

/** One option of a verb. The parser and the help text both read it. */
export interface Option {
  /** What its value is called; options without one are switches. */
  readonly value?: string;
  readonly help: string;
}

export interface Verb {
  /** "run", "image pull". */
  readonly name: string;
  readonly summary: string;
  /** What may follow the verb, as the usage line shows it. */
  readonly operands: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Paragraphs below the options. */
  readonly notes?: readonly string[];
  /** True when `-- COMMAND ARG...` may follow. */
  readonly takesCommand?: boolean;
  /** Returns the exit status. */
  run(parsed: Arguments): Promise<number>;
}

export interface Arguments {
  readonly operands: readonly string[];
  readonly options: Readonly<Record<string, string | undefined>>;
  /** What follows `--`. */
  readonly command: readonly string[] | undefined;
}

/** `help` for --help. Throws UsageError. */
export function parseVerbArguments(verb: Verb, argv: readonly string[]): Arguments | 'help' {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  if (own.includes('--help') || own.includes('-h')) return 'help';
  const command = end < 0 ? undefined : argv.slice(end + 1);
  const action = `run "mezz ${verb.name}"`;
  if (command && !verb.takesCommand) throw new UsageError(action, 'it takes no command after "--"');
  if (command?.length === 0) throw new UsageError(action, 'no command follows "--"');
  try {
    const { values, positionals } = parseArgs({
      args: [...own],
      options: Object.fromEntries(Object.keys(verb.options).map((name) => [name, { type: 'string' as const }])),
      allowPositionals: true,
    });
    return { operands: positionals, options: values as Record<string, string | undefined>, command };
  } catch (cause) {
    const [reason = ''] = (cause as Error).message.split(/\. |\n/);
    throw new UsageError(action, `${lowerFirst(reason.replaceAll("'", '"'))}; see "mezz ${verb.name} --help"`);
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
