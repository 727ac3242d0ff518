import type { Expected, GuestProgram } from './suite.ts';

/** What became of a program. */
export interface Outcome {
  readonly name: string;
  /** Why it failed; undefined when it is right. */
  readonly failure: string | undefined;
  /** How many tests it counted itself; 1 for a program that was compared as a whole. */
  readonly tests: number;
  /** That its guest ran on the host's processors or waited for time to pass; see time-limit.ts. */
  readonly seconds: number;
  readonly output: string;
}

/** What a program printed, and its exit status, if it came to an end. */
export interface Ending {
  readonly output: string;
  readonly status: number | undefined;
  readonly seconds: number;
  /** How long it was let run, when it was stopped for it. */
  readonly limitSeconds: number | undefined;
}

export function outcomeOf({ name, expected }: GuestProgram, ending: Ending): Outcome {
  const { output, status, seconds, limitSeconds } = ending;
  const tests = countOf(expected, output);
  const failure =
    status === undefined
      ? limitSeconds === undefined
        ? 'its guest ended before it'
        : `it was stopped after ${limitSeconds} s`
      : status !== 0
        ? `it ended with status ${status}`
        : tests === undefined
          ? mistake(expected, output)
          : undefined;
  return { name, failure, tests: tests ?? 0, seconds, output };
}

function countOf(expected: Expected, output: string): number | undefined {
  if (expected.kind === 'output') return output === expected.text ? 1 : undefined;
  const match = expected.pattern.exec(output);
  if (!match) return undefined;
  return match.length === 1 ? 1 : match.slice(1).reduce((sum, digits) => sum + Number(digits ?? 0), 0);
}

function mistake(expected: Expected, output: string): string {
  if (expected.kind === 'verdict') return `it does not say ${expected.pattern}`;
  const lines = output.split('\n');
  const wanted = expected.text.split('\n');
  const at = wanted.findIndex((line, index) => line !== lines[index]);
  if (at < 0) return `it prints ${lines.length} lines, not ${wanted.length}`;
  return `line ${at + 1} is ${JSON.stringify(lines[at])}, not ${JSON.stringify(wanted[at])}`;
}
