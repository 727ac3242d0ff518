/** Cases run natively and on our machine, and what differs. */
import type { WitnessCase, WitnessOutcome } from './case.ts';
import { differences } from './compare.ts';
import type { WitnessMachine } from './machine.ts';
import type { NativeHost } from './native-host.ts';

export interface Mismatch {
  readonly test: WitnessCase;
  readonly native: WitnessOutcome;
  readonly ours: WitnessOutcome;
}

/** Runs both sides; the native one works while ours does. */
export async function runBoth(
  cases: readonly WitnessCase[],
  host: NativeHost,
  machine: WitnessMachine,
): Promise<{ natives: readonly WitnessOutcome[]; mismatches: Mismatch[] }> {
  const pending = host.run(cases);
  const ours = cases.map((test) => machine.run(test));
  const natives = await pending;
  const mismatches: Mismatch[] = [];
  cases.forEach((test, i) => {
    const [a, b] = [natives[i], ours[i]];
    if (a && b && differences(test, a, b).length > 0) mismatches.push({ test, native: a, ours: b });
  });
  return { natives, mismatches };
}

/** A shorter sequence that still differs, made by leaving out instructions. */
export async function shrink(mismatch: Mismatch, host: NativeHost, machine: WitnessMachine): Promise<Mismatch> {
  let best = mismatch;
  for (let index = best.test.instructions.length - 1; index >= 0; index--) {
    if (best.test.instructions.length === 1) break;
    const shorter = without(best.test, index);
    if (!shorter) continue;
    const { mismatches } = await runBoth([shorter], host, machine);
    if (mismatches[0]) best = mismatches[0];
  }
  return best;
}

/**
 * Replaces an instruction by one-byte NOPs, so that addresses and branches stay as they are; undefined when another then
 * reads undefined flags.
 */
function without(test: WitnessCase, index: number): WitnessCase | undefined {
  const gone = test.instructions[index];
  if (!gone) return undefined;
  const code = test.code.slice();
  code.fill(0x90, gone.offset, gone.offset + gone.length);
  const instructions = test.instructions.filter((_, i) => i !== index);
  let undefinedFlags = 0;
  let ever = 0;
  for (const { flags } of instructions) {
    if (flags.reads & ever) return undefined;
    const kept = flags.unless ? undefinedFlags : undefinedFlags & ~flags.writes;
    undefinedFlags = kept | flags.undefined;
    ever |= undefinedFlags;
  }
  const hasBranches = instructions.some(({ name }) => /^(j|call|ret|loop)/.test(name));
  return { ...test, code, instructions, undefinedAtEnd: hasBranches ? ever : undefinedFlags, undefinedAtFault: ever };
}
