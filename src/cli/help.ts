import { readFileSync } from 'node:fs';
import type { Verb } from './verb.ts';

const width = 100;

export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return `mezz ${(JSON.parse(text) as { version: string }).version}`;
}

export function generalHelp(verbs: readonly Verb[]): string {
  const rows = verbs.map(({ name, operands, summary }) => [`mezz ${name} ${operands}`.trimEnd(), summary] as const);
  return [
    'Mezz runs virtual machines.',
    '',
    'Usage:',
    ...table(rows.map(([usage, summary]) => [usage.length > 34 ? `${usage.slice(0, 30)}...` : usage, summary])),
    '',
    'Try "mezz run": it starts a small Linux guest on this terminal.',
    '"mezz VERB --help" tells more about a verb; "mezz --version" tells the version.',
  ].join('\n');
}

export function verbHelp(verb: Verb): string {
  const options = Object.entries(verb.options).map(
    ([name, { value, help }]) => [`--${name}${value ? ` ${value}` : ''}`, help] as const,
  );
  const usage = [
    `Usage: mezz ${verb.name}`,
    verb.operands,
    options.length ? '[OPTION...]' : '',
    verb.takesCommand ? '[-- COMMAND ARG...]' : '',
  ];
  const notes = (verb.notes ?? []).flatMap((note) => ['', note]);
  const optionLines = options.length > 0 ? ['', 'Options:', ...table(options)] : [];
  return [usage.filter(Boolean).join(' '), '', verb.summary, ...optionLines, ...notes].join('\n');
}

/** Two columns; the right one is wrapped. */
export function table(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...rows.map(([text]) => text.length)) + 4;
  return rows.flatMap(([text, explanation]) =>
    wrap(explanation, width - left).map((line, i) => `${(i === 0 ? `  ${text}` : '').padEnd(left)}${line}`),
  );
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
