import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';
import { promptThreadWriter } from '../../testing/fake-thread.ts';
import { RandomCode } from '../../testing/random-code.ts';
import {
  enableVectors,
  enterRandomMode,
  type LegacyMode,
  liftCodeLimit,
  watchRandomly,
} from '../../testing/random-mode.ts';
import { Random } from '../../testing/witness/random.ts';
import { layout, x86OpcodeMaps } from '../isa/x86/index.ts';
import { createJitEngine } from '../jit/index.ts';
import { describeDifference, LockstepDifference, LockstepEngine } from './index.ts';

const seed = Number(process.env.MEZZ_SEED ?? Date.now() % 1_000_000);
const machines = Number(process.env.MEZZ_ROUNDS ?? 2);
const entriesEach = 60;
const budget = 300;
const code = 0x80000;
const codeBytes = 0x1000;

const createMachine = () =>
  new BareMachine(
    (parts) =>
      new LockstepEngine(parts, {
        subject: (options) =>
          createJitEngine(options, { threshold: 1, batch: 1, profiledJumps: 2 }, promptThreadWriter()),
        sliceInstructions: 40,
      }),
  );
type Machine = ReturnType<typeof createMachine>;

function writeCode(machine: Machine, random: Random, is64: boolean): void {
  const instructions = new RandomCode(random, x86OpcodeMaps, is64);
  for (let at = code; at < code + codeBytes; at += 1 + random.below(8)) machine.ram.set(instructions.next(), at);
  machine.engine.hostWrote(layout.ram + code, codeBytes + 16);
}

function enterLongMode(machine: Machine, random: Random): void {
  machine.reset();
  const { state } = machine.engine.cpu;
  for (let number = 0; number < 16; number++) state.setGpr(number, random.value());
  state.setGpr(4, BigInt(0x9000 + random.below(64)));
  state.rip = BigInt(code + random.below(codeBytes / 2));
}

const modes = ['real', 'virtual-8086', 'protected', 'compatibility', '64-bit'] satisfies (LegacyMode | '64-bit')[];

for (const mode of modes) {
  test(`random code in ${mode} mode runs in lock-step (seed ${seed})`, () => {
    for (let round = 0; round < machines; round++) {
      const random = new Random(seed * 1000 + round);
      const machine = createMachine();
      // HLT wherever no code is, so that nothing slides on for long.
      machine.ram.fill(0xf4, 0x10000);
      const { engine } = machine;
      for (let entry = 0; entry < entriesEach; entry++) {
        writeCode(machine, random, mode === '64-bit');
        if (mode === '64-bit') enterLongMode(machine, random);
        else enterRandomMode(machine, mode, random, code + random.below(codeBytes / 2));
        watchRandomly(machine, random, code);
        liftCodeLimit(machine);
        if (random.oneIn(2)) enableVectors(machine, random);
        engine.setInterrupt(random.oneIn(4));
        engine.synchronize();
        try {
          engine.run(budget);
          engine.compareAll();
        } catch (error) {
          if (!(error instanceof LockstepDifference)) throw error;
          assert.fail(`seed ${seed}, machine ${round}, entry ${entry}\n${describeDifference(error, engine)}`);
        }
      }
    }
  });
}
