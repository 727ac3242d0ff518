/** Loops of random floating-point instructions: what the JIT remembers of registers from one turn to the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';
import { Random } from '../../testing/witness/random.ts';
import { mxcsrOf, unusualFloats } from '../../testing/witness/state-seeds.ts';
import { cr4, layout, refreshMode, setMxcsr } from '../isa/x86/index.ts';
import { createJitEngine } from '../jit/index.ts';
import { describeDifference, LockstepDifference, LockstepEngine } from './index.ts';

const seed = Number(process.env.MEZZ_SEED ?? Date.now() % 1_000_000);
const programs = Number(process.env.MEZZ_ROUNDS ?? 20);
const code = 0x80000;
const table = 0x90000;
const turns = 40;
const hlt = 0xf4;
const allMasked = 0x1f80;

const prefixes = [[], [0x66], [0xf3], [0xf2]];
/** Addition, multiplication, subtraction, division, root, extremes, conversion between precisions, copies, exclusive or. */
const operations = [0x58, 0x58, 0x59, 0x59, 0x5c, 0x5c, 0x5e, 0x51, 0x5d, 0x5f, 0x5a, 0x28, 0x28, 0x57];

/** Sums of neighbours and alternating ones, dot products, rounding: 66 or F2 is precision, or part of the opcode. */
const combining = [
  [0xf2, 0x0f, 0x7c],
  [0x66, 0x0f, 0x7c],
  [0xf2, 0x0f, 0x7d],
  [0x66, 0x0f, 0x7d],
  [0xf2, 0x0f, 0xd0],
  [0x66, 0x0f, 0xd0],
  [0x66, 0x0f, 0x3a, 0x40],
  [0x66, 0x0f, 0x3a, 0x41],
  [0x66, 0x0f, 0x3a, 0x08],
  [0x66, 0x0f, 0x3a, 0x09],
  [0x66, 0x0f, 0x3a, 0x0a],
  [0x66, 0x0f, 0x3a, 0x0b],
];
/** They move elements, or parts of them: MOVSLDUP, MOVDDUP, MOVSHDUP, PSHUFB, PALIGNR, blends, INSERTPS, PINSRB, MOVSS, MOVSD, MOVLPS. */
const moving = [
  [0xf3, 0x0f, 0x12],
  [0xf2, 0x0f, 0x12],
  [0xf3, 0x0f, 0x16],
  [0x66, 0x0f, 0x38, 0x00],
  [0x66, 0x0f, 0x3a, 0x0f],
  [0x66, 0x0f, 0x38, 0x14],
  [0x66, 0x0f, 0x38, 0x15],
  [0x66, 0x0f, 0x3a, 0x0c],
  [0x66, 0x0f, 0x3a, 0x0d],
  [0x66, 0x0f, 0x3a, 0x0e],
  [0x66, 0x0f, 0x3a, 0x21],
  [0x66, 0x0f, 0x3a, 0x20],
  [0x66, 0x0f, 0x3a, 0x22],
  [0xf3, 0x0f, 0x10],
  [0xf2, 0x0f, 0x10],
  [0x0f, 0x12],
];

/** Behind an opcode: XMM0-7, and as many or the table. */
function operands(random: Random): number[] {
  const register = random.below(8) << 3;
  return random.oneIn(3) ? [0x46 | register, 16 * random.below(8)] : [0xc0 | register | random.below(8)];
}

function extension(random: Random): number[] {
  const opcode = random.pick(random.oneIn(2) ? combining : moving);
  return [...opcode, ...operands(random), ...(opcode[2] === 0x3a ? [random.below(256)] : [])];
}

/** One instruction on XMM0-7 and on the table that RSI points to; precision is `kind` mostly, so that chains arise. */
function instruction(random: Random, kind: number): number[] {
  if (random.oneIn(3)) return extension(random);
  const operation = random.pick(operations);
  const isUnordered = random.oneIn(8);
  const isWhole = operation === 0x28 || operation === 0x57;
  const format = random.oneIn(6) ? random.below(4) : kind;
  const prefix = isWhole || isUnordered ? random.pick([[], [0x66]]) : (prefixes[format] as number[]);
  return [...prefix, 0x0f, isUnordered ? 0x2e : operation, ...operands(random)];
}

/** A loop with a branch in it, and at times a fresh MXCSR on the way. */
function loop(random: Random): number[] {
  const kind = random.below(4);
  const some = (count: number): number[] => Array.from({ length: count }, () => instruction(random, kind)).flat();
  const [first, second, third] = [some(1 + random.below(5)), some(1 + random.below(3)), some(1 + random.below(4))];
  const control = random.oneIn(5) ? [0x0f, 0xae, 0x96, 0x80, 0, 0, 0] : []; // ldmxcsr [rsi+0x80]
  const around = random.pick([0x7a, 0x77, 0x73]); // jp, ja, jae
  const body = [...first, around, second.length, ...second, ...control, ...third];
  return [...body, 0xff, 0xc9, 0x0f, 0x85, ...displacement(-(body.length + 8)), hlt]; // dec ecx; jnz
}

const displacement = (value: number): number[] => [
  value & 0xff,
  (value >> 8) & 0xff,
  (value >> 16) & 0xff,
  value >>> 24,
];

test(`random loops of floating point run in lock-step (seed ${seed})`, () => {
  const machine = new BareMachine(
    (parts) =>
      new LockstepEngine(parts, {
        subject: (options) => createJitEngine(options, { threshold: 3, batch: 1, profiledJumps: 1000 }),
        sliceInstructions: 150,
      }),
  );
  const { engine } = machine;
  for (let program = 0; program < programs; program++) {
    const random = new Random(seed * 1000 + program);
    machine.reset();
    machine.load(code, ...loop(random));
    const floats = new DataView(machine.ram.buffer, machine.ram.byteOffset + table, 0x90);
    for (let at = 0; at < 0x80; at += 16) {
      unusualFloats(() => random.next32(), new DataView(floats.buffer, floats.byteOffset + at, 16));
    }
    floats.setUint32(0x80, mxcsrOf(random.next32()) | allMasked, true);
    const { state } = engine.cpu;
    state.cr4 |= cr4.OSFXSR | cr4.OSXMMEXCPT;
    refreshMode(state);
    for (let run = 0; run < 4; run++) {
      // Plain ones as well: only these are fast.
      setMxcsr(state.i32, random.oneIn(2) ? 0x1fa0 : mxcsrOf(random.next32()) | allMasked);
      for (let number = 0; number < 8; number++) {
        unusualFloats(() => random.next32(), new DataView(state.buffer, layout.xmm + 16 * number, 16));
      }
      state.setGpr(1, BigInt(turns));
      state.setGpr(6, BigInt(table));
      state.rip = BigInt(code);
      engine.cpu.stop = undefined;
      engine.synchronize();
      try {
        engine.run(20 * turns);
      } catch (error) {
        if (!(error instanceof LockstepDifference)) throw error;
        assert.fail(`seed ${seed}, program ${program}, run ${run}\n${describeDifference(error, engine)}`);
      }
    }
  }
  assert.ok((engine.counters().translatedRegions ?? 0) > programs / 2);
});
