/** The x87 unit beside the host's: oracle.c runs the cases of the x87 witness as a program. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeX87 } from '../../cpu/isa/x86/x87/index.ts';
import { caseBytes, caseOffset, describe, makeCase, Subject } from '../../cpu/isa/x86/x87/witness/cases.ts';
import { differs } from '../../cpu/isa/x86/x87/witness/tolerance.ts';

const sourceFolder = join(import.meta.dirname, '../../cpu/isa/x86/x87/witness');

/** Every (opcode, ModRM) pair that the oracle can run: environments are beyond it. */
function instructionPairs(): [number, number][] {
  const pairs: [number, number][] = [];
  for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
    for (let modrm = 7; modrm < 256; modrm += modrm < 0xbf ? 8 : 1) {
      if (modrm > 0x3f && modrm < 0xc0) continue;
      if (!decodeX87(opcode, modrm)?.memory?.access.startsWith('linear')) pairs.push([opcode, modrm]);
    }
  }
  return pairs;
}

/** Random cases of every instruction. */
export function makeCases(random: () => number, casesPerInstruction: number): Uint8Array {
  const pairs = instructionPairs();
  const cases = new Uint8Array(pairs.length * casesPerInstruction * caseBytes);
  const view = new DataView(cases.buffer);
  for (let at = 0, i = 0; at < cases.length; at += caseBytes, i++) {
    const [opcode, modrm] = pairs[Math.floor(i / casesPerInstruction)]!;
    makeCase(random, view, at, opcode, modrm);
  }
  return cases;
}

/** Compiles the oracle and gives a function that asks it. */
export function withOracle(use: (ask: (cases: Uint8Array) => Uint8Array) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-x87-'));
  try {
    const program = join(folder, 'oracle');
    const source = join(sourceFolder, 'oracle.c');
    const compiled = spawnSync('gcc', ['-O1', '-mno-red-zone', '-o', program, source], { encoding: 'utf8' });
    if (compiled.status !== 0) throw new Error(`Cannot compile the x87 oracle: ${compiled.stderr}`);
    use((cases) => {
      const run = spawnSync(program, { input: cases, maxBuffer: 2 ** 31 });
      if (run.status !== 0) throw new Error(`Cannot run the x87 oracle: signal ${run.signal}`);
      return new Uint8Array(run.stdout);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Address of the last instruction, its opcode, and where its operand lies: AMD's processors note them always, Intel's, and
 * ours, of instructions that raise an unmasked exception (SDM 1, 8.1.8 and 8.1.9).
 */
const lastOperand = { from: 12, to: 28 } as const;

/** Runs the cases on our FPU; the first few that differ. */
export function x87Differences(cases: Uint8Array, expected: Uint8Array, seesLastOperand = true): string[] {
  const subject = new Subject();
  const actual = new Uint8Array(cases.length);
  const differences: string[] = [];
  for (let at = 0; at < cases.length && differences.length < 5; at += caseBytes) {
    subject.run(cases, actual, at);
    if (!seesLastOperand)
      expected.set(actual.subarray(at + lastOperand.from, at + lastOperand.to), at + lastOperand.from);
    const difference = differs(cases, expected, actual, at);
    if (difference === undefined) continue;
    const name = decodeX87(cases[at + caseOffset.opcode]!, cases[at + caseOffset.modrm]!)?.helper ?? '#UD';
    const states = [cases, expected, actual].map((records) => describe(records, at));
    differences.push(`${name}: ${difference}\n  case ${states[0]}\n  host ${states[1]}\n  ours ${states[2]}`);
  }
  return differences;
}

/** Whether this host notes the last operand as ours does. */
export const notesAsOurs = (): boolean => readFileSync('/proc/cpuinfo', 'utf8').includes('GenuineIntel');
