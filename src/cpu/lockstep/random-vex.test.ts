/** Loops of random instructions with a VEX prefix, and of SSE between them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';
import { enableAvx } from '../../testing/random-mode.ts';
import { randomVex } from '../../testing/random-vex.ts';
import { Random } from '../../testing/witness/random.ts';
import { mxcsrOf, unusualFloats } from '../../testing/witness/state-seeds.ts';
import { layout, setMxcsr } from '../isa/x86/index.ts';
import { createJitEngine } from '../jit/index.ts';
import { describeDifference, LockstepDifference, LockstepEngine } from './index.ts';

const seed = Number(process.env.MEZZ_SEED ?? Date.now() % 1_000_000);
const programs = Number(process.env.MEZZ_ROUNDS ?? 12);
const code = 0x80000;
const table = 0x90000;
const tableBytes = 0x80;
const turns = 12;
const hlt = 0xf4;
const allMasked = 0x1f80;
const endLoop = [0x49, 0xff, 0xcb, 0x0f, 0x85]; // dec r11; jnz
const aroundBranches = [0x7a, 0x77, 0x73, 0x74]; // jp, ja, jae, je
const sseOpcodes = [0x58, 0x59, 0x14, 0x28, 0x57, 0xef, 0xfe]; // addps, mulps, unpcklps, movaps, xorps, pxor, paddd

/** Legacy forms keep upper halves. */
function sse(random: Random): number[] {
  const opcode = random.pick(sseOpcodes);
  const prefix = opcode >= 0x80 || random.oneIn(2) ? [0x66] : [];
  return [...prefix, 0x0f, opcode, 0xc0 | random.below(64)];
}

function loop(random: Random): number[] {
  const one = (): number[] => (random.oneIn(6) ? sse(random) : randomVex(random));
  const some = (count: number): number[] => Array.from({ length: count }, one).flat();
  const [first, second, third] = [some(2 + random.below(6)), some(1 + random.below(3)), some(1 + random.below(5))];
  const body = [...first, random.pick(aroundBranches), second.length, ...second, ...third];
  const back = new Uint8Array(Int32Array.of(-(body.length + endLoop.length + 4)).buffer);
  return [...body, ...endLoop, ...back, hlt];
}

function fill(random: Random, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 16) {
    unusualFloats(() => random.next32(), new DataView(bytes.buffer, bytes.byteOffset + at, 16));
  }
}

test(`random loops of AVX run in lock-step (seed ${seed})`, () => {
  const machine = new BareMachine(
    (parts) =>
      new LockstepEngine(parts, {
        subject: (options) => createJitEngine(options, { threshold: 3, batch: 1, profiledJumps: 1000 }),
        sliceInstructions: 100,
      }),
  );
  const { engine } = machine;
  const { state } = engine.cpu;
  for (let program = 0; program < programs; program++) {
    const random = new Random(seed * 1000 + program);
    machine.reset();
    machine.load(code, ...loop(random));
    enableAvx(engine.cpu);
    for (let run = 0; run < 3; run++) {
      fill(random, machine.ram.subarray(table, table + tableBytes));
      for (const registers of [layout.xmm, layout.ymmHigh]) fill(random, state.u8.subarray(registers, registers + 256));
      setMxcsr(state.i32, random.oneIn(2) ? 0x1fa0 : mxcsrOf(random.next32()) | allMasked);
      for (let number = 0; number < 16; number++) state.setGpr(number, random.value());
      state.setGpr(11, BigInt(turns));
      for (const pointer of [6, 7]) state.setGpr(pointer, BigInt(table));
      state.rip = BigInt(code);
      engine.cpu.stop = undefined;
      engine.synchronize();
      try {
        assert.equal(engine.run(60 * turns).kind, 'halt');
        engine.compareAll();
      } catch (error) {
        if (!(error instanceof LockstepDifference)) throw error;
        assert.fail(`seed ${seed}, program ${program}, run ${run}\n${describeDifference(error, engine)}`);
      }
    }
  }
  assert.ok((engine.counters().translatedRegions ?? 0) > programs / 2);
});
