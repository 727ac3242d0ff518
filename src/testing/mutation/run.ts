/**
 * The mutation check: changes definitions of the processor to be wrong, one at a time and in a copy of the sources, and
 * runs the tests that must notice.
 *
 *     npm run mutate                   all of them
 *     npm run mutate -- --family x87   one family
 *
 * Fails when a change survives, when one does not apply, or when a test fails without any.
 */
import { parseArgs } from 'node:util';
import type { Check } from './mutation.ts';
import { mutations } from './mutations.ts';
import { Scratch } from './scratch.ts';

const { values } = parseArgs({ options: { family: { type: 'string' } } });
const chosen = mutations.filter(({ family }) => values.family === undefined || family === values.family);
if (chosen.length === 0) throw new RangeError(`Cannot check family "${values.family}": it has no mutations`);

const scratch = new Scratch();
const problems: string[] = [];
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Each check without a change: what fails anyhow would catch everything. */
async function checkSources(): Promise<void> {
  const checks = new Map<string, Check>(chosen.map(({ check }) => [JSON.stringify(check), check]));
  for (const check of checks.values()) {
    const outcome = await scratch.run(check);
    if (outcome !== 'pass') problems.push(`without a change: ${check.file} ${check.only ?? ''}: ${outcome}`);
  }
  say(`${checks.size} checks without a change: ${problems.length === 0 ? 'all pass' : problems.join('; ')}`);
}

async function checkMutations(): Promise<void> {
  for (const mutation of chosen) {
    const start = performance.now();
    const outcome = await scratch.runMutated(mutation);
    const isCaught = outcome === 'fail' || outcome === 'timeout';
    const verdict = isCaught ? 'caught' : outcome === 'pass' ? 'SURVIVED' : 'BROKEN';
    const line = `${mutation.family}: ${mutation.fault} (${mutation.file})`;
    if (!isCaught) problems.push(`${verdict}: ${line}`);
    say(`${verdict.padEnd(8)} ${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  }
}

try {
  await checkSources();
  if (problems.length === 0) await checkMutations();
} finally {
  scratch.remove();
}
say(`${chosen.length} changes, ${problems.length} not caught`);
process.exitCode = problems.length > 0 ? 1 : 0;
