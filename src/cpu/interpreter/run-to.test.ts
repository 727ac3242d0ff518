import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';

const code = 0x100000;
const hlt = 0xf4;
/** xor eax, eax; then a hundred of inc rax */
const straight = [0x31, 0xc0, ...Array.from({ length: 100 }, () => [0x48, 0xff, 0xc0]).flat(), hlt];

function machineAt(at: number): BareMachine {
  const machine = new BareMachine();
  machine.engine.cpu.state.rip = BigInt(at);
  return machine;
}

test('the interpreter stops at the very instruction that it is told', () => {
  for (const instructions of [1, 2, 47, 48, 49, 50, 100, 101]) {
    const machine = machineAt(code);
    machine.load(code, ...straight);

    const stop = machine.engine.runTo({ instructions, faults: 0, traps: 0, interrupts: 0 });

    assert.equal(stop.kind, 'budget');
    assert.equal(machine.engine.progress.instructions, instructions);
    assert.equal(machine.register(0), BigInt(instructions - 1));
  }
});

test('what stops a processor comes before the place to run to', () => {
  const machine = machineAt(code);
  machine.load(code, ...straight);

  const stop = machine.engine.runTo({ instructions: 1000, faults: 0, traps: 0, interrupts: 0 });

  assert.equal(stop.kind, 'halt');
  assert.equal(machine.engine.progress.instructions, 102);
});

test('a place is behind a fault or before it', () => {
  const machine = machineAt(code);
  const handler = 0x110000n;
  const gate = (handler & 0xffffn) | (0x8e00_0010n << 16n) | ((handler >> 16n) << 48n);
  machine.view.setBigUint64(0x20000 + 16 * 6, gate, true);
  Object.assign(machine.engine.cpu.state.idtr, { base: 0x20000, limit: 0xfff });
  machine.load(code, 0x90, 0x0f, 0x0b); // nop; ud2
  const { state } = machine.engine.cpu;

  machine.engine.runTo({ instructions: 1, faults: 0, traps: 0, interrupts: 0 });
  const before = state.rip;
  machine.engine.runTo({ instructions: 1, faults: 1, traps: 0, interrupts: 0 });

  assert.deepEqual([before, state.rip], [BigInt(code + 1), handler]);
});

test('a way with more faults than it should have is given up', () => {
  const machine = machineAt(code);
  const gate = (0x8e00_0010n << 16n) | (0x10n << 48n); // Leads to the UD2 again.
  machine.view.setBigUint64(0x20000 + 16 * 6, gate, true);
  Object.assign(machine.engine.cpu.state.idtr, { base: 0x20000, limit: 0xfff });
  machine.load(code, 0x0f, 0x0b);

  const stop = machine.engine.runTo({ instructions: 10, faults: 3, traps: 0, interrupts: 0 });

  assert.deepEqual([stop.kind, machine.engine.progress.faults], ['budget', 4]);
});

test('a place is behind a #DB trap or before it', () => {
  const machine = machineAt(code);
  const handler = 0x110000n;
  const gate = (handler & 0xffffn) | (0x8e00_0010n << 16n) | ((handler >> 16n) << 48n);
  for (const vector of [1, 6]) machine.view.setBigUint64(0x20000 + 16 * vector, gate + BigInt(vector), true);
  machine.load(code, 0x0f, 0x0b); // ud2
  const { cpu } = machine.engine;
  const saved = cpu.saveState();
  // The handler's stack is watched: writes of 8 bytes at 0x8ff0.
  cpu.restoreState({ ...saved, dr: ['0x8ff0', ...saved.dr.slice(1, 7), '0x90402'] });
  Object.assign(cpu.state.idtr, { base: 0x20000, limit: 0xfff });

  machine.engine.runTo({ instructions: 0, faults: 1, traps: 0, interrupts: 0 });
  const [before, hits] = [cpu.state.rip, cpu.breakpoints.hits];
  machine.engine.runTo({ instructions: 0, faults: 1, traps: 1, interrupts: 0 });

  assert.deepEqual([before, hits, cpu.state.rip, cpu.breakpoints.hits], [handler + 6n, 1, handler + 1n, 0]);
});
