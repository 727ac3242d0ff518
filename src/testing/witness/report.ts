/** A mismatch as a person reads it. */
import type { WitnessCase, WitnessOutcome } from './case.ts';
import { differences, flagNames } from './compare.ts';

const names = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];

const bytesText = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1 ');

export function reportMismatch(test: WitnessCase, native: WitnessOutcome, ours: WitnessOutcome): string {
  const start = (test.mode === 16 ? 0 : 0x1000_0000) + test.codeOffset;
  const lines = [`mode ${test.mode}${test.hasSmallSegments ? ', small segments' : ''}, image ${test.image}`];
  for (const { offset, length, name } of test.instructions) {
    const bytes = bytesText(test.code.subarray(offset, offset + length));
    lines.push(`  ${(start + offset).toString(16)}  ${name.padEnd(12)} ${bytes}`);
  }
  const registers = test.gpr.slice(0, test.mode === 64 ? 16 : 8).map((value, i) => {
    const name = i < 8 ? `${test.mode === 64 ? 'r' : 'e'}${names[i]}` : `r${i}`;
    return `${name}=${(test.mode === 64 ? value : value & 0xffffffffn).toString(16)}`;
  });
  lines.push(`  before: ${registers.join(' ')}`, `  flags before: ${flagNames(test.eflags)}`);
  for (const { at, bytes } of test.patches) lines.push(`  memory +${at.toString(16)}: ${bytesText(bytes)}`);
  for (const line of differences(test, native, ours)) lines.push(`  ${line.slice(0, 240)}`);
  return lines.join('\n');
}
