import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';
import { RandomCode } from '../../testing/random-code.ts';
import { enterRandomMode, type LegacyMode } from '../../testing/random-mode.ts';
import { Random } from '../../testing/witness/random.ts';
import { layout, vcpuSchema, x86OpcodeMaps } from '../isa/x86/index.ts';

const seed = Number(process.env.MEZZ_SEED ?? Date.now() % 1_000_000);
const machines = Number(process.env.MEZZ_ROUNDS ?? 6);
const entriesEach = 60;
const budget = 300;
const code = 0x80000;
const codeBytes = 0x1000;

/** Instructions from the tables, often overwritten by the next, so that much of what is fetched runs. */
function writeCode(machine: BareMachine, random: Random): void {
  const instructions = new RandomCode(random, x86OpcodeMaps, false);
  for (let at = code; at < code + codeBytes; at += 1 + random.below(8)) machine.ram.set(instructions.next(), at);
  machine.engine.hostWrote(layout.ram + code, codeBytes + 16);
}

for (const mode of ['real', 'virtual-8086', 'protected', 'compatibility'] satisfies LegacyMode[]) {
  test(`random code with random segments in ${mode} mode never ends in an internal error (seed ${seed})`, () => {
    let instructions = 0;
    for (let round = 0; round < machines; round++) {
      const random = new Random(seed * 1000 + round);
      const machine = new BareMachine();
      for (let entry = 0; entry < entriesEach; entry++) {
        const what = `seed ${seed}, machine ${round}, entry ${entry}`;
        writeCode(machine, random);
        enterRandomMode(machine, mode, random, code + random.below(codeBytes / 2));
        machine.engine.setInterrupt(random.oneIn(4));

        assert.doesNotThrow(() => machine.engine.run(budget), what);

        const { state, isCode64 } = machine.engine.cpu;
        assert.ok(isCode64 || state.rip <= 0xffffffffn, `${what}: RIP is ${state.rip.toString(16)}`);
        assert.doesNotThrow(() => vcpuSchema.decode(vcpuSchema.version, machine.engine.save()), what);
      }
      instructions += machine.engine.counters().instructions;
    }
    assert.ok(instructions > machines * entriesEach, `only ${instructions} instructions ran`);
  });
}
