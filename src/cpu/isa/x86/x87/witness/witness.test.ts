/**
 * Our x87 against a real one. Recorded outcomes of an Intel processor are in fixtures; with gcc and an x86-64 host:
 *
 *   X87_WITNESS=live X87_SEED=7 X87_ROUNDS=10 node --test witness.test.ts    compares on new random cases
 *   X87_WITNESS=record X87_SEED=7 node --test witness.test.ts                rewrites the fixture
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { decodeX87 } from '../index.ts';
import { caseBytes, caseOffset, describe, makeCase, randomFrom, Subject, thinCase } from './cases.ts';
import { approximate, differs } from './tolerance.ts';

const fixture = join(import.meta.dirname, '../fixtures/witness/ok-intel-rocket-lake.br');
const mode = process.env.X87_WITNESS;
const seed = Number(process.env.X87_SEED ?? 1);
const rounds = Number(process.env.X87_ROUNDS ?? 1);
const liveCasesPerInstruction = 40;
const recordedCasesPerInstruction = 24;

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

function makeCases(random: () => number, casesPerInstruction: number): Uint8Array {
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
function withOracle(use: (ask: (cases: Uint8Array) => Uint8Array) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-x87-'));
  try {
    const program = join(folder, 'oracle');
    const source = join(import.meta.dirname, 'oracle.c');
    const compiled = spawnSync('gcc', ['-O1', '-mno-red-zone', '-o', program, source], { encoding: 'utf8' });
    assert.equal(compiled.status, 0, compiled.stderr);
    use((cases) => {
      const run = spawnSync(program, { input: cases, maxBuffer: 2 ** 31 });
      assert.equal(run.status, 0, `Cannot run the oracle: signal ${run.signal}`);
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

/** Runs the cases on our FPU and fails with the first few that differ. */
function assertAgrees(cases: Uint8Array, expected: Uint8Array, seesLastOperand = true): void {
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
  assert.deepEqual(differences, []);
}

/** Outcomes are stored as what differs from the case, which compresses well. */
function exclusiveOr(x: Uint8Array, y: Uint8Array): Uint8Array {
  return x.map((byte, i) => byte ^ y[i]!);
}

function record(): void {
  const cases = makeCases(randomFrom(seed), recordedCasesPerInstruction);
  for (let at = 0; at < cases.length; at += caseBytes) thinCase(cases, at);
  withOracle((ask) => {
    const data = Buffer.concat([cases, exclusiveOr(ask(cases), cases)]);
    writeFileSync(fixture, brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } }));
  });
}

test('every x87 instruction does what the recorded processor did', () => {
  if (mode === 'record') record();
  const data = new Uint8Array(brotliDecompressSync(readFileSync(fixture)));
  const cases = data.subarray(0, data.length / 2);
  assertAgrees(cases, exclusiveOr(data.subarray(data.length / 2), cases));
});

const whyNotLive = 'needs gcc and an x86-64 host: set X87_WITNESS=live';

test('every x87 instruction does what this host does', { skip: mode === 'live' ? false : whyNotLive }, (context) => {
  context.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  const isIntel = readFileSync('/proc/cpuinfo', 'utf8').includes('GenuineIntel');
  withOracle((ask) => {
    for (let round = 0; round < rounds; round++) {
      const cases = makeCases(random, liveCasesPerInstruction);
      assertAgrees(cases, ask(cases), isIntel);
    }
  });
  context.diagnostic(`transcendentals by distance in ulp: ${JSON.stringify(Object.fromEntries(approximate))}`);
});
