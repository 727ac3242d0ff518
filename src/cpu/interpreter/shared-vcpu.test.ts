import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RecordingBus } from '../../testing/x86-system.ts';
import { layout, vcpuTlbBytes } from '../isa/x86/index.ts';
import { createJitEngine } from '../jit/index.ts';
import { InterpreterEngine, type InterpreterOptions } from './engine.ts';
import { SharedVcpu } from './shared-vcpu.ts';

const ramBytes = 4 << 20;
const codePage = 8;
const code = codePage << 12;
const counter = 0x500;

class InterruptingBus extends RecordingBus {
  override acknowledgeInterrupt(): number {
    return 0x40;
  }
}

/** Processors in real mode, each of which begins at page 8. */
function setUp(create: (options: InterpreterOptions) => InterpreterEngine, count = 2) {
  const pages = (layout.ram + ramBytes + (count - 1) * vcpuTlbBytes) / 0x10000;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const ram = { ramOffset: (at: number) => (at < ramBytes ? layout.ram + at : -1) };
  const [bus, ...otherBuses] = [
    new InterruptingBus(),
    ...Array.from({ length: count - 1 }, () => new InterruptingBus()),
  ];
  const engine = create({ memory, ram, bus, otherBuses, tscHz: 1e9 });
  const bytes = new Uint8Array(memory.buffer, layout.ram, ramBytes);
  const load = (at: number, ...values: number[]): void => {
    bytes.set(values, at);
    engine.hostWrote(layout.ram + at, values.length);
  };
  const vcpus = engine.vcpus.filter((vcpu) => vcpu instanceof SharedVcpu);
  const start = (index: number): void => {
    vcpus[index]?.peer.init();
    vcpus[index]?.peer.startUp(codePage);
  };
  const word = (at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  return { engine, vcpus, load, start, word };
}

/** inc word [0x500]; jmp to itself. */
const countForEver = [0xff, 0x06, 0x00, 0x05, 0xeb, 0xfa];

const engines = {
  interpreter: (options: InterpreterOptions) => new InterpreterEngine(options),
  jit: (options: InterpreterOptions) => createJitEngine(options, { threshold: 3, batch: 1 }),
};

for (const [name, create] of Object.entries(engines)) {
  describe(`several vCPUs on the ${name}`, () => {
    test('an application processor waits for its start-up message and begins at its page', () => {
      const { vcpus, load, start, word } = setUp(create);
      load(code, 0xff, 0x06, 0x00, 0x05, 0x8c, 0xc8, 0xa3, 0x02, 0x05, 0xf4);
      vcpus[1]?.peer.startUp(codePage);
      vcpus[1]?.nonMaskableInterrupt();
      start(1);
      assert.deepEqual(vcpus[1]?.run(100), { kind: 'halt' });
      assert.deepEqual([word(counter), word(counter + 2)], [1, codePage << 8]);
      vcpus[1]?.peer.startUp(codePage);
      assert.deepEqual(vcpus[1]?.run(100), { kind: 'halt' });
      assert.equal(word(counter), 1);
    });

    test('a processor that waits takes neither interrupts nor NMIs, and INIT makes it wait', () => {
      const { vcpus, load, start, word } = setUp(create);
      load(code, ...countForEver);
      start(1);
      vcpus[1]?.run(1000);
      const counted = word(counter);
      vcpus[1]?.peer.init();
      vcpus[1]?.setInterrupt(true);
      vcpus[1]?.nonMaskableInterrupt();
      assert.deepEqual(vcpus[1]?.run(1000), { kind: 'halt' });
      assert.ok(counted > 100);
      assert.equal(word(counter), counted);
    });

    test('the A20 gate is every one’s: now, or when its turn comes', () => {
      const { vcpus, load, start, word } = setUp(create);
      const loop = 0x10_0000 + code;
      // mov ax, 0xffff; mov ds, ax; mov ax, [loop - 0xffff0]; mov es:[0x500], ax; jmp to the load
      load(
        code,
        0xb8,
        0xff,
        0xff,
        0x8e,
        0xd8,
        0xa1,
        0x10,
        0x80,
        0x31,
        0xdb,
        0x8e,
        0xc3,
        0x26,
        0xa3,
        0x00,
        0x05,
        0xeb,
        0xf3,
      );
      load(loop, 0x34, 0x12);
      const seen: number[] = [];
      for (const enabled of [true, false, true]) {
        for (const [index, vcpu] of vcpus.entries()) {
          if (enabled && seen.length < 2) start(index);
          vcpu.run(100);
          seen.push(word(counter));
        }
        for (const vcpu of vcpus) vcpu.setA20(!enabled);
      }
      assert.deepEqual(seen, [0x1234, 0x1234, 0xffb8, 0xffb8, 0x1234, 0x1234]);
    });

    test('registers are each one’s own, and so is what was counted', () => {
      const { vcpus, load, start } = setUp(create, 3);
      load(code, 0x40, 0xeb, 0xfd);
      for (const index of [0, 1, 2]) start(index);
      for (let round = 0; round < 10; round++) vcpus.forEach((vcpu, i) => void vcpu.run(100 * (i + 1)));
      for (const vcpu of vcpus) {
        const rax = Number(BigInt(vcpu.save().gpr[0] ?? 0));
        assert.ok(Math.abs(vcpu.instructions - 2 * rax) <= 1, `${vcpu.instructions} instructions, EAX ${rax}`);
      }
      assert.ok((vcpus[2]?.instructions ?? 0) > 2 * (vcpus[0]?.instructions ?? 0));
    });

    test('code that one writes is what another runs next', () => {
      const { vcpus, load, start, word } = setUp(create);
      // The first writes the operand of the second's `mov word [0x500], imm16`, which is in the page of its own data.
      load(code, 0xa1, 0x00, 0x06, 0x40, 0xa3, 0x00, 0x06, 0xa3, 0x04, 0x90, 0xeb, 0xf4);
      const other = 0x9000;
      load(other, 0xc7, 0x06, 0x00, 0x05, 0x00, 0x00, 0xeb, 0xf8);
      start(0);
      vcpus[1]?.peer.init();
      vcpus[1]?.peer.startUp(other >>> 12);
      for (let round = 0; round < 50; round++) {
        vcpus[0]?.run(100);
        vcpus[1]?.run(100);
        assert.equal(word(counter), word(other + 4));
      }
      assert.ok(word(counter) > 100);
    });

    test('an interrupt comes to a vCPU whose turn it is not', () => {
      const { vcpus, load, start, word } = setUp(create);
      load(4 * 0x40, 0x00, 0x90, 0x00, 0x00);
      load(0x9000, 0xff, 0x06, 0x00, 0x05, 0xf4);
      load(code, 0xfb, 0xf4);
      start(0);
      start(1);
      assert.deepEqual(vcpus[1]?.run(100), { kind: 'halt' });
      vcpus[0]?.run(100);
      vcpus[1]?.setInterrupt(true);
      assert.equal(vcpus[1]?.peer.isInterrupted, true);
      vcpus[0]?.run(100);
      assert.equal(word(counter), 0);
      vcpus[1]?.run(100);
      assert.equal(word(counter), 1);
    });

    test('a loop with PAUSE ends its slice where room is to be made', () => {
      const { vcpus, load, start } = setUp(create);
      load(code, 0xf3, 0x90, 0xeb, 0xfc);
      start(0);
      start(1);
      assert.deepEqual(vcpus[0]?.run(10_000), { kind: 'budget' });
      vcpus[0]?.peer.makeRoom(20);
      const before = vcpus[0]?.instructions ?? 0;
      assert.deepEqual(vcpus[0]?.run(10_000), { kind: 'spin' });
      assert.ok((vcpus[0]?.instructions ?? 0) - before <= 150);
      assert.deepEqual(vcpus[1]?.run(10_000), { kind: 'budget' });
    });

    test('the state of each moves to another machine', () => {
      const { vcpus, load, start } = setUp(create);
      load(code, 0x40, 0xeb, 0xfd);
      start(0);
      vcpus[0]?.run(100);
      const saved = vcpus.map((vcpu) => vcpu.save());
      const other = setUp(create);
      saved.forEach((state, i) => void other.vcpus[i]?.restore(state));
      assert.deepEqual(
        other.vcpus.map((vcpu) => vcpu.save()),
        saved,
      );
      assert.deepEqual(
        saved.map(({ activity }) => activity),
        ['active', 'wait-for-sipi'],
      );
    });
  });
}
