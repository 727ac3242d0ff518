import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../../../testing/trap-machine.ts';
import { flag, layout } from '../layout.ts';

const { code } = TrapMachine;
const handler = code + 0x1000;
const [rcx, r11] = [1, 11];
const syscall = [0x0f, 0x05];
const sysret = [0x48, 0x0f, 0x07];
const enableSystemCalls = [0xb9, 0x80, 0, 0, 0xc0, 0x0f, 0x32, 0x83, 0xc8, 0x01, 0x0f, 0x30]; // IA32_EFER.SCE
const allFlags = flag.CF | flag.PF | flag.AF | flag.ZF | flag.SF | flag.OF | flag.DF | flag.IF | flag.AC | flag.ID;

/** SCE on, segments of Linux, and a kernel that halts. */
function machineWithCalls(mask: number): TrapMachine {
  const machine = new TrapMachine();
  machine.run(enableSystemCalls);
  const { state } = machine.bare.engine.cpu;
  state.star.value = 0x0023_0010_0000_0000n;
  state.lstar.value = BigInt(handler);
  state.sfmask.value = BigInt(mask);
  machine.bare.load(handler, 0xf4);
  machine.eflags = allFlags;
  return machine;
}

/** The state behind one instruction, by plain code or by the helper that it falls back to. */
function stateBehind(machine: TrapMachine, isFast: boolean, instruction: readonly number[]): unknown {
  machine.bare.engine.cpu.state.setWord(layout.fastSystemCalls, isFast ? 1 : 0);
  machine.bare.load(code, ...instruction);
  machine.bare.engine.cpu.stop = undefined;
  machine.bare.run(code, 1);
  const saved = machine.bare.engine.save();
  return { ...saved, tscOffset: '', tscAdjust: '' };
}

test('SYSCALL leaves the same state as the helper that does it in other modes', () => {
  for (const mask of [0, flag.IF | flag.DF | flag.AC, allFlags | flag.NT]) {
    const fast = stateBehind(machineWithCalls(mask), true, syscall);

    assert.deepEqual(fast, stateBehind(machineWithCalls(mask), false, syscall));
  }
});

test('SYSCALL keeps the return address and the flags, and goes to IA32_LSTAR', () => {
  const machine = machineWithCalls(flag.IF);
  const before = machine.eflags;

  machine.run(syscall);

  assert.deepEqual([machine.get(rcx), machine.get(r11)], [BigInt(code + 2), BigInt(before)]);
  assert.equal(machine.eflags, before & ~flag.IF);
  assert.equal(machine.bare.engine.cpu.state.rip, BigInt(handler + 1));
});

test('SYSRET leaves the same state as its helper', () => {
  const behind = (isFast: boolean): unknown => {
    const machine = machineWithCalls(0)
      .set(rcx, handler)
      .set(r11, ~flag.TF >>> 0);
    return stateBehind(machine, isFast, sysret);
  };

  assert.deepEqual(behind(true), behind(false));
});

test('SYSRET to a non-canonical address faults at level 0', () => {
  const machine = machineWithCalls(0).set(rcx, 0x8000_0000_0000n).set(r11, 2);

  assert.deepEqual([machine.run(sysret)?.vector, machine.bare.engine.cpu.state.cpl], [13, 0]);
});

test('SYSRET that enables interrupts lets a waiting one in before the first instruction', () => {
  const machine = machineWithCalls(0).set(rcx, handler).set(r11, flag.IF);
  const { bare } = machine;
  const { state } = bare.engine.cpu;
  Object.assign(state.tr, { base: TrapMachine.data, limit: 0x67 });
  bare.view.setUint32(TrapMachine.data + 4, 0x8000, true); // RSP0
  bare.bus.acknowledgeInterrupt = () => 0x40;
  machine.eflags = 0;
  bare.engine.setInterrupt(true);

  const trap = machine.run(sysret);

  assert.deepEqual([trap?.vector, trap?.rip], [0x40, BigInt(handler)]);
});
