/** What the witnesses have run of what the definitions have. */
import { explanationOf } from './explanations.ts';
import { type Form, forms } from './forms.ts';
import { FormRecorder } from './recorder.ts';
import { type Witness, type WitnessKind, witnesses } from './witnesses.ts';

/** Of all forms, in percent: with fewer witnessed the command fails. */
export const leastPercent = 99;

export interface Coverage {
  /** Names of the witnesses that executed a form. */
  readonly witnessesOf: ReadonlyMap<Form, readonly string[]>;
  readonly kindsOf: ReadonlyMap<Form, ReadonlySet<WitnessKind>>;
}

/** Runs what the witnesses ran. Throws when our processor does something else than one of them. */
export async function measure(chosen: readonly Witness[] = witnesses): Promise<Coverage> {
  const witnessesOf = new Map<Form, string[]>();
  const kindsOf = new Map<Form, Set<WitnessKind>>();
  for (const witness of chosen) {
    const recorder = new FormRecorder();
    await witness.run(recorder);
    for (const form of recorder.executed.keys()) {
      witnessesOf.set(form, [...(witnessesOf.get(form) ?? []), `${witness.kind}:${witness.name}`]);
      kindsOf.set(form, (kindsOf.get(form) ?? new Set()).add(witness.kind));
    }
  }
  return { witnessesOf, kindsOf };
}

const percent = (part: number, whole: number): number => (100 * part) / whole;
/** Cut, not rounded: 99 % stands for at least that. */
const shown = (part: number, whole: number): string => `${(Math.floor(percent(part, whole) * 100) / 100).toFixed(2)} %`;

export interface Verdict {
  readonly witnessed: number;
  readonly total: number;
  readonly explained: ReadonlyMap<string, readonly Form[]>;
  /** Neither witnessed nor explained. */
  readonly open: readonly Form[];
  readonly isEnough: boolean;
}

export function judge({ witnessesOf }: Coverage): Verdict {
  const explained = new Map<string, Form[]>();
  const open: Form[] = [];
  for (const form of forms) {
    if (witnessesOf.has(form)) continue;
    const reason = explanationOf(form);
    if (reason === undefined) open.push(form);
    else explained.set(reason, [...(explained.get(reason) ?? []), form]);
  }
  const witnessed = forms.filter((form) => witnessesOf.has(form)).length;
  const isEnough = open.length === 0 && percent(witnessed, forms.length) >= leastPercent;
  return { witnessed, total: forms.length, explained, open, isEnough };
}

const kinds: readonly WitnessKind[] = ['native', 'x87', 'qemu'];

/** A line for each family, and one for all: forms, those witnessed, and by which kind of witness. */
function table({ kindsOf }: Coverage): string[] {
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(18) : String(cell).padStart(i === 3 ? 9 : 7))).join(' ');
  const line = (name: string, some: readonly Form[]): string => {
    const seen = some.filter((form) => kindsOf.has(form));
    const byKind = kinds.map((kind) => some.filter((form) => kindsOf.get(form)?.has(kind)).length);
    return row([name, some.length, seen.length, shown(seen.length, some.length), ...byKind]);
  };
  const families = Map.groupBy(forms, ({ family }) => family);
  return [
    row(['family', 'forms', 'seen', '', ...kinds]),
    ...[...families].map(([name, some]) => line(name, some)),
    line('all', forms),
  ];
}

export function reportLines(coverage: Coverage): string[] {
  const { witnessed, total, explained, open } = judge(coverage);
  const lines = table(coverage);
  for (const [reason, some] of explained) {
    lines.push('', `Without a witness: ${reason}`, ...some.map(({ id }) => `  ${id}`));
  }
  if (open.length > 0) lines.push('', 'Without a witness, and without a reason:', ...open.map(({ id }) => `  ${id}`));
  lines.push('', `${witnessed} of ${total} forms are witnessed: ${shown(witnessed, total)}`);
  return lines;
}

/** Every form with its witnesses. */
export const listLines = ({ witnessesOf }: Coverage): string[] =>
  forms.map((form) => `${form.family} | ${form.id} | ${(witnessesOf.get(form) ?? ['none']).join(' ')}`);
