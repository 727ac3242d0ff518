/** The outside witnesses that were recorded, run once more by our processor to see which forms they execute. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { caseBytes } from '../../cpu/isa/x86/x87/witness/cases.ts';
import { differs } from '../../cpu/isa/x86/x87/witness/tolerance.ts';
import { programNames, readProgram, unwitnessed } from '../qemu/programs.ts';
import { runOnMezz } from '../qemu/run-mezz.ts';
import { differences } from '../witness/compare.ts';
import { interpreterEngine } from '../witness/engines.ts';
import { WitnessMachine } from '../witness/machine.ts';
import { unpackRecording } from '../witness/recording.ts';
import { recordings } from '../witness/recordings.ts';
import { X87Machine } from '../witness/x87-machine.ts';
import type { FormRecorder } from './recorder.ts';

const root = join(import.meta.dirname, '../../..');

export type WitnessKind = 'native' | 'x87' | 'qemu';

/** Something that we did not write, and what it said. */
export interface Witness {
  readonly kind: WitnessKind;
  readonly name: string;
  /** Tells a recorder what our processor executes of it. Throws when our processor does something else than it says. */
  run(recorder: FormRecorder): Promise<void> | void;
}

/** Random sequences that ran on a processor. */
function runRecording(name: string, recorder: FormRecorder): void {
  const machine = new WitnessMachine(recorder.wrap(interpreterEngine));
  for (const { test, native } of unpackRecording(readFileSync(join(root, 'fixtures/witness', `${name}.zst`)))) {
    const [difference] = differences(test, native, machine.run(test));
    if (difference) throw new Error(`Cannot count ${name} as a witness: it differs in ${difference}`);
  }
}

/** Cases of x87 instructions that ran on a processor. */
function runX87(recorder: FormRecorder): void {
  const file = join(root, 'src/cpu/isa/x86/x87/fixtures/witness/ok-intel-rocket-lake.br');
  const data = new Uint8Array(brotliDecompressSync(readFileSync(file)));
  const cases = data.subarray(0, data.length / 2);
  const expected = data.subarray(data.length / 2).map((byte, i) => byte ^ (cases[i] ?? 0));
  const machine = new X87Machine(recorder.wrap(interpreterEngine));
  const actual = new Uint8Array(cases.length);
  for (let at = 0; at < cases.length; at += caseBytes) {
    machine.run(cases, actual, at);
    const difference = differs(cases, expected, actual, at);
    if (difference !== undefined) throw new Error(`Cannot count x87 cases as a witness: ${difference}`);
  }
}

/** Small kernels whose log QEMU recorded; that ours is the same is what tests/privileged is for. */
async function runProgram(name: string, recorder: FormRecorder): Promise<void> {
  await runOnMezz(name, readProgram(name), recorder.wrap(interpreterEngine));
}

export const witnesses: readonly Witness[] = [
  ...recordings.map(({ name }): Witness => ({ kind: 'native', name, run: (recorder) => runRecording(name, recorder) })),
  { kind: 'x87', name: 'ok-intel-rocket-lake', run: runX87 },
  ...programNames
    .filter((name) => !unwitnessed.has(name))
    .map((name): Witness => ({ kind: 'qemu', name, run: (recorder) => runProgram(name, recorder) })),
];
