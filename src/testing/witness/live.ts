/** Cases run natively and on our machine, and what differs. */
import type { WitnessCase, WitnessOutcome } from './case.ts';
import { differences } from './compare.ts';
import { leftAddressSpace, metControl } from './host-case.ts';
import type { WitnessMachine } from './machine.ts';
import { hostCaseOf, type NativeHost } from './native-host.ts';

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
  const pairs = cases.map((test) => hostCaseOf(test) ?? { native: test, ours: test });
  const pending = host.run(pairs.map(({ native }) => native));
  const outcomes = pairs.map(({ ours }) => machine.run(ours));
  const natives = await pending;
  const suspects = pairs.flatMap(({ native: asked, ours: test }, i) => {
    const [native, ours] = [natives[i], outcomes[i]];
    if (!native || !ours || metControl(ours) || (asked !== test && leftAddressSpace(native))) return [];
    return differences(test, native, ours).length > 0 ? [{ asked, test, ours }] : [];
  });
  return { natives, mismatches: await confirmed(suspects, host) };
}

interface Suspect {
  /** What the host ran. */
  readonly asked: WitnessCase;
  readonly test: WitnessCase;
  readonly ours: WitnessOutcome;
}

/** A kernel that knows nothing of FSGSBASE loses segment bases when it switches tasks: what really differs does so again. */
async function confirmed(suspects: readonly Suspect[], host: NativeHost): Promise<Mismatch[]> {
  if (suspects.length === 0) return [];
  const natives = await host.run(suspects.map(({ asked }) => asked));
  return suspects.flatMap(({ test, ours }, i) => {
    const native = natives[i];
    return native && differences(test, native, ours).length > 0 ? [{ test, native, ours }] : [];
  });
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
