import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';
import { InterpreterEngine } from '../interpreter/index.ts';
import { createJitEngine } from '../jit/index.ts';
import { describeDifference, LockstepDifference, LockstepEngine, type LockstepOptions } from './index.ts';

const code = 0x100000;
const handler = 0x110000;
const idt = 0x120000;
const data = 0x200000;
const hlt = 0xf4;
const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
/** mov edx, port; out dx, al */
const out = (port: number): number[] => [0xba, ...word(port), 0xee];
/** mov ecx, count; then the body and dec ecx; jnz the body */
const repeated = (count: number, ...body: number[]): number[] => [
  ...[0xb9, ...word(count)],
  ...body,
  ...[0xff, 0xc9, 0x0f, 0x85, ...word(-(body.length + 8))],
];

/** A JIT that translates everything, in lock-step. */
function setUp(options: Partial<LockstepOptions> = {}) {
  const machine = new BareMachine(
    (parts) =>
      new LockstepEngine(parts, {
        subject: (own) => createJitEngine(own, { threshold: 1, batch: 1, profiledJumps: 2 }),
        sliceInstructions: 100,
        ...options,
      }),
  );
  const gate = (vector: number): void => {
    machine.view.setBigUint64(idt + 16 * vector, (BigInt(handler) & 0xffffn) | (0x8e00_0010n << 16n), true);
    machine.view.setBigUint64(
      idt + 16 * vector,
      machine.view.getBigUint64(idt + 16 * vector, true) | (0x11n << 48n),
      true,
    );
  };
  const { engine, bus } = machine;
  Object.assign(engine.cpu.state.idtr, { base: idt, limit: 0xfff });
  const onWritePort = (callback: (port: number) => void): void => {
    bus.writePort = (port) => callback(port);
  };
  const run = (budget = 100_000) => machine.run(code, budget);
  return { machine, engine, bus, gate, onWritePort, run };
}

function differenceOf(run: () => unknown): LockstepDifference {
  try {
    run();
  } catch (error) {
    if (error instanceof LockstepDifference) return error;
    throw error;
  }
  return assert.fail('no difference was found');
}

test('what the host gives as entropy is the same for both', () => {
  const { machine, engine, bus, run } = setUp();
  let given = 0n;
  bus.readEntropy = () => (given = given * 6364136223846793005n + 1442695040888963407n);
  machine.load(code, 0x31, 0xc0, ...repeated(500, 0x48, 0x0f, 0xc7, 0xf2, 0x48, 0x01, 0xd0), hlt); // rdrand rdx; add rax, rdx

  run();

  assert.notEqual(machine.register(0), 0n);
  assert.equal(engine.reference.cpu.state.gpr(0), machine.register(0));
});

test('a loop runs in lock-step to its end', () => {
  const { machine, engine, run } = setUp();
  machine.load(code, 0x31, 0xc0, ...repeated(1000, 0x01, 0xc8), hlt); // xor eax, eax; add eax, ecx

  const stop = run();

  assert.equal(stop.kind, 'halt');
  assert.equal(machine.register(0), 500_500n);
  assert.equal(engine.reference.cpu.state.gpr(0), 500_500n);
  assert.deepEqual(engine.reference.progress, engine.subject.progress);
  assert.ok((engine.counters().translatedRegions ?? 0) > 0);
});

test('the machine is asked once, and both get its answer', () => {
  const { machine, engine, bus, run } = setUp();
  bus.readPort = (port) => bus.log.push(`read ${port}`);
  machine.load(code, ...repeated(3, 0xba, ...word(0x71), 0xec, 0x00, 0xc3), hlt); // in al, dx; add bl, al

  run();

  assert.deepEqual(bus.log, ['read 113', 'read 113', 'read 113']);
  assert.deepEqual([machine.register(3), engine.reference.cpu.state.gpr(3)], [6n, 6n]);
});

test('interrupts in the middle of a slice come to the same instruction', () => {
  const { machine, engine, bus, gate, onWritePort, run } = setUp({ sliceInstructions: 1000 });
  gate(0x20);
  onWritePort(() => engine.setInterrupt(true));
  bus.acknowledgeInterrupt = () => {
    engine.setInterrupt(false);
    return 0x20;
  };
  machine.load(handler, 0x48, 0x01, 0xcb, 0x48, 0xcf); // add rbx, rcx; iretq
  machine.load(code, 0x31, 0xdb, 0xfb, ...repeated(50, ...out(0x80), 0x90), 0xfa, hlt); // xor ebx, ebx; sti; ...; cli

  const stop = run();

  assert.equal(stop.kind, 'halt');
  assert.equal(engine.reference.progress.interrupts, 50);
  assert.equal(machine.register(3), engine.reference.cpu.state.gpr(3));
});

test('the A20 gate changes for both at the same instruction', () => {
  const { machine, engine, onWritePort } = setUp({ sliceInstructions: 1000 });
  onWritePort((port) => engine.setA20(port === 0x81));
  const odd = [0x8b, 0x04, 0x25, ...word(data + 0x100000)]; // mov eax, [odd]
  const add = [0x01, 0xc3]; // add ebx, eax
  machine.view.setUint32(data, 1, true);
  machine.view.setUint32(data + 0x100000, 0x10000, true);
  machine.load(0x7000, ...repeated(50, ...out(0x80), ...odd, ...add, ...out(0x81), ...odd, ...add), hlt);
  machine.engine.cpu.state.setGpr(3, 0n);

  const stop = machine.run(0x7000);

  assert.equal(stop.kind, 'halt');
  assert.equal(machine.register(3), 50n * 0x10001n);
  assert.equal(engine.reference.cpu.state.gpr(3), 50n * 0x10001n);
});

test('faults are delivered in lock-step', () => {
  const { machine, engine, gate, run } = setUp({ sliceInstructions: 7 });
  gate(6);
  machine.load(handler, 0x48, 0x83, 0x04, 0x24, 2, 0x48, 0xcf); // add qword [rsp], 2; iretq
  machine.load(code, ...repeated(200, 0x0f, 0x0b, 0xff, 0xc0), hlt); // ud2; inc eax

  const stop = run();

  assert.equal(stop.kind, 'halt');
  assert.equal(engine.reference.progress.faults, 200);
});

test('a halted guest is woken in lock-step', () => {
  const { machine, engine, bus, gate, run } = setUp();
  gate(0x20);
  bus.acknowledgeInterrupt = () => {
    engine.setInterrupt(false);
    return 0x20;
  };
  machine.load(handler, 0x48, 0xcf);
  machine.load(code, 0xfb, hlt, 0xff, 0xc0, 0xfa, hlt); // sti; hlt; inc eax; cli; hlt
  machine.engine.cpu.state.setGpr(0, 0n);

  const first = run();
  engine.setInterrupt(true);
  const second = engine.run(100);

  assert.deepEqual([first.kind, second.kind], ['halt', 'halt']);
  assert.equal(engine.reference.cpu.state.gpr(0), 1n);
});

test('what the host writes reaches both, between slices and while it answers', () => {
  const { machine, engine, onWritePort, run } = setUp();
  machine.load(code, ...out(0x80), 0xb8, ...word(1), hlt); // mov eax, 1
  onWritePort(() => machine.load(code + 7, ...word(2)));
  run();
  const whileAnswering = engine.reference.cpu.state.gpr(0);
  engine.cpu.stop = undefined;
  engine.cpu.state.rip = BigInt(code + 6);
  engine.synchronize();
  machine.load(code + 7, ...word(3));

  engine.run(100);

  assert.deepEqual([whileAnswering, engine.reference.cpu.state.gpr(0)], [2n, 3n]);
});

test('a register that one engine spoils is told with the slice in which it happened', () => {
  const { machine, engine, onWritePort, run } = setUp();
  machine.load(code, ...repeated(1000, 0x90), ...out(0x80), ...repeated(1000, 0x90), hlt);
  onWritePort(() => engine.subject.cpu.state.setGpr(3, 0x1234n));

  const difference = differenceOf(run);

  assert.deepEqual(
    difference.fields.map(({ field, subject }) => [field, subject]),
    [['gpr.3', '0x1234']],
  );
  const { from, to } = difference.slice;
  assert.ok(from.instructions <= 3002 && to.instructions > 3002, `${from.instructions} to ${to.instructions}`);
});

test('in a close-up the instructions of the slice are told', () => {
  const { machine, engine, onWritePort, run } = setUp({ closeUpFrom: 0 });
  machine.load(code, ...repeated(10, 0x90), ...out(0x80), 0x90, hlt);
  onWritePort(() => engine.subject.cpu.state.setGpr(3, 0x1234n));

  const difference = differenceOf(run);
  const report = describeDifference(difference, engine);

  assert.ok(difference.slice.trace.includes(BigInt(code + 19)), String(difference.slice.trace));
  assert.match(report, /gpr\.3: subject 0x1234, reference 0x0/);
  assert.match(report, /100013 {2}ee .* out/);
});

test('RAM that one engine spoils is found by looking at all of it, or at the place', () => {
  const spoil = (options: Partial<LockstepOptions>): LockstepDifference => {
    const { machine, onWritePort, engine, run } = setUp(options);
    machine.load(code, ...out(0x80), ...repeated(1000, 0x90), hlt);
    onWritePort(() => {
      machine.ram[data] = 1;
    });
    return differenceOf(() => {
      run();
      engine.compareAll();
    });
  };

  const late = spoil({});
  const soon = spoil({ watch: data + 8 });

  assert.deepEqual([late.reason, late.ramOffsets.length], ['their RAM differs', 1]);
  assert.deepEqual([soon.reason, soon.ramOffsets], ['their watched RAM differs', late.ramOffsets]);
  assert.ok(soon.slice.to.instructions < 200);
});

test('another access to the machine is a difference', () => {
  const { machine, engine, onWritePort, run } = setUp();
  machine.load(code, ...out(0x80), 0xee, hlt); // out dx, al
  onWritePort(() => engine.subject.cpu.state.setGpr(2, 0x81n));

  const { reason } = differenceOf(run);

  assert.match(reason, /asks writePort\(0x80, .*the subject did writePort\(0x81/);
});

test('an engine that miscounts is found out', () => {
  const { machine, engine, run } = setUp();
  machine.load(code, ...repeated(1000, 0x90), hlt);
  run(100);
  const { subject } = engine;
  const progress = Object.getOwnPropertyDescriptor(InterpreterEngine.prototype, 'progress')?.get;
  Object.defineProperty(subject, 'progress', {
    get: () => ({ ...progress?.call(subject), instructions: progress?.call(subject).instructions + 1 }),
  });

  const { fields } = differenceOf(() => engine.run(100));

  assert.ok(fields.some(({ field }) => field === 'rip'));
});
