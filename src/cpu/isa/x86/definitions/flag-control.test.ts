import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../../../testing/trap-machine.ts';
import { flag, layout, segment } from '../layout.ts';

const { code, data } = TrapMachine;
const smap = 1 << 21;
const [rax, rsp] = [0, 4];
const [invalidOpcode, generalProtection] = [6, 13];
const [cli, sti, pushf, popf] = [0xfa, 0xfb, 0x9c, 0x9d];
const [clac, stac, swapgs] = [
  [0x0f, 0x01, 0xca],
  [0x0f, 0x01, 0xcb],
  [0x0f, 0x01, 0xf8],
];
const popRax = 0x58;
const pushImmediate = (value: number): number[] => [0x68, value, value >> 8, value >> 16, value >> 24];

/** As a program of level 3 runs, but for the segments. */
function userMachine(ioPrivilegeLevel = 0): TrapMachine {
  const machine = new TrapMachine();
  const { state } = machine.bare.engine.cpu;
  machine.eflags = ioPrivilegeLevel << 12;
  state.setWord(layout.cpl, 3);
  Object.assign(state.tr, { base: data, limit: 0x67 });
  machine.bare.view.setUint32(data + 4, 0x8000, true); // RSP0
  return machine;
}

test('PUSHF shows what arithmetic and STI did', () => {
  const machine = new TrapMachine();

  machine.run([0x31, 0xc0, sti, pushf, popRax]); // xor eax, eax

  assert.equal(machine.get(rax), BigInt(flag.IF | flag.ZF | flag.PF | 2));
});

test('PUSHF and POPF of 16 bits move the stack by two and leave the upper flags', () => {
  const machine = new TrapMachine();
  machine.eflags = flag.ID;
  const before = machine.get(rsp);

  machine.run([0xf9, 0x66, pushf, 0xf8, 0x66, popf]); // stc; pushf16; clc; popf16

  assert.equal(machine.get(rsp), before);
  assert.equal(machine.eflags, flag.ID | flag.CF | 2);
});

test('POPF at level 0 takes over IOPL, IF, NT, DF and ID, and nothing that is fixed', () => {
  const machine = new TrapMachine();
  const image = flag.IOPL | flag.IF | flag.NT | flag.DF | flag.ID;

  machine.run([...pushImmediate(image | flag.RF | flag.VM | flag.VIF | flag.VIP), popf]);

  assert.equal(machine.eflags, image | 2);
});

test('POPF that sets AC does it with the bank of the TLB', () => {
  const machine = new TrapMachine();
  machine.bare.engine.cpu.state.cr4 |= smap;

  machine.run([...pushImmediate(flag.AC), popf]);

  const { state } = machine.bare.engine.cpu;
  assert.equal(machine.eflags, flag.AC | 2);
  assert.equal(state.word(layout.tlbBank), state.word(layout.tlbBankWithAc));
});

test('STAC and CLAC switch between the banks of the TLB', () => {
  const machine = new TrapMachine();
  const { cpu } = machine.bare.engine;
  cpu.state.cr4 |= smap;
  machine.run([...pushImmediate(flag.AC), popf, ...clac]);
  const withoutAc = cpu.state.word(layout.tlbBank);

  machine.run([...stac]);

  assert.equal(machine.eflags, flag.AC | 2);
  assert.notEqual(cpu.state.word(layout.tlbBank), withoutAc);
  assert.equal(cpu.state.word(layout.tlbBank), cpu.state.word(layout.tlbBankWithAc));
});

test('SWAPGS exchanges the base with its MSR', () => {
  const machine = new TrapMachine();
  const { state } = machine.bare.engine.cpu;
  state.kernelGsBase.value = 0xffff888000000000n;
  state.setSegmentBase(segment.gs, 0x1000);

  machine.run([...swapgs]);

  assert.deepEqual([state.segmentBase(segment.gs), state.kernelGsBase.value], [-0x778000000000, 0x1000n]);
});

test('at level 3 these raise exceptions, CLI and STI unless IOPL is 3', () => {
  const fault = (machine: TrapMachine, program: readonly number[]): unknown => machine.run([...program])?.vector;

  assert.equal(fault(userMachine(), [cli]), generalProtection);
  assert.equal(fault(userMachine(), [sti]), generalProtection);
  assert.equal(fault(userMachine(2), [sti]), generalProtection);
  assert.equal(fault(userMachine(3), [sti, cli, ...swapgs]), generalProtection);
  assert.equal(fault(userMachine(), stac), invalidOpcode);
  assert.equal(fault(userMachine(), clac), invalidOpcode);
});

test('POPF at level 3 leaves IF and IOPL as they are', () => {
  const machine = userMachine();

  const trap = machine.run([...pushImmediate(flag.IOPL | flag.IF | flag.CF), popf]);

  assert.equal(trap?.rip, BigInt(code + 6));
  assert.equal(Number(trap?.eflags) & ~flag.RF, flag.CF | 2);
});
