import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';
import { debugContract } from '../../testing/debug-contract.ts';
import { engineContract } from '../../testing/engine-contract.ts';
import { layout } from '../isa/x86/index.ts';
import { createJitEngine } from './index.ts';

const eager = { threshold: 1, batch: 1, followsWarmOnly: false, profiledJumps: 2 };

engineContract({ name: 'jit', create: (options) => createJitEngine(options, eager), rounds: 10 });
debugContract('jit', (options) => createJitEngine(options, eager));

test('a loop that gets hot goes on in translated code with the same result', () => {
  const machine = new BareMachine((options) => createJitEngine(options, { threshold: 100, batch: 1 }));
  machine.load(
    0x100000,
    ...[0xb9, 0x40, 0x42, 0x0f, 0], // mov ecx, 1000000
    ...[0x01, 0xc8], // add eax, ecx
    ...[0x80, 0xf4, 0x5a], // xor ah, 5ah
    ...[0xff, 0xc9], // dec ecx
    ...[0x75, 0xf7], // jnz -9
    0xf4, // hlt
  );
  let expected = 0;
  for (let i = 1_000_000; i > 0; i--) expected = ((expected + i) ^ 0x5a00) >>> 0;

  const stop = machine.run(0x100000, 10_000_000);

  assert.equal(stop.kind, 'halt');
  assert.equal(machine.register(0), BigInt(expected));
  assert.equal(machine.engine.counters().instructions, 4_000_002);
  assert.ok((machine.engine.counters().translatedRegions ?? 0) > 0);
});

test('code that gets hot in a guest at rest is translated once the guest is busy', () => {
  const machine = new BareMachine((options) => createJitEngine(options, { threshold: 100, batch: 1 }));
  machine.load(0x100000, 0xff, 0xc0, 0xeb, 0xfc); // inc eax; jmp -4
  const { engine } = machine;
  const regions = (): number => engine.counters().translatedRegions ?? 0;

  engine.isResting = true;
  machine.run(0x100000, 10_000);
  const atRest = regions();
  engine.isResting = false;
  engine.run(1000);

  assert.deepEqual([atRest, regions()], [0, 1]);
  assert.equal(machine.register(0), BigInt(Number(engine.counters().instructions) / 2));
});

test('indirect jumps that lead to the same places stay in one region, with the same result', () => {
  const machine = new BareMachine((options) =>
    createJitEngine(options, { threshold: 20, batch: 1, profiledJumps: 50 }),
  );
  const [code, table] = [0x100000, 0x110000];
  machine.load(
    code,
    ...[0x89, 0xc8], // mov eax, ecx
    ...[0x83, 0xe0, 3], // and eax, 3
    ...[0xff, 0x24, 0xc5, 0, 0, 0x11, 0], // jmp [table+rax*8]
    ...[0x83, 0xc3, 1, 0xeb, 13], // 0: add ebx, 1; jmp next
    ...[0x83, 0xc3, 2, 0xeb, 8], // 1: add ebx, 2; jmp next
    ...[0x83, 0xc3, 4, 0xeb, 3], // 2: add ebx, 4; jmp next
    ...[0x83, 0xc3, 8], // 3: add ebx, 8
    ...[0xff, 0xc9], // next: dec ecx
    ...[0x75, 0xdc], // jnz code
    0xf4, // hlt
  );
  for (let i = 0; i < 4; i++) machine.view.setBigUint64(table + 8 * i, BigInt(code + 12 + 5 * i), true);
  machine.engine.cpu.state.setGpr(1, 4000n);

  let stop = machine.run(code, 100);
  for (let slices = 0; stop.kind === 'budget' && slices < 10_000; slices++) stop = machine.engine.run(100);

  assert.equal(stop.kind, 'halt');
  assert.equal(machine.register(3), 15_000n);
  assert.ok((machine.engine.counters().dispatchingRegions ?? 0) > 0);
});

const profiled = { threshold: 20, batch: 1, profiledJumps: 50 };

/** A loop of ECX rounds that adds EAX up in EBX; it calls the code at `callee` for EAX. */
function callingLoop(machine: BareMachine<ReturnType<typeof createJitEngine>>, code: number, callee: number): void {
  const distance = callee - (code + 5);
  machine.load(
    code,
    ...[0xe8, distance & 0xff, (distance >> 8) & 0xff, (distance >> 16) & 0xff, (distance >> 24) & 0xff], // call callee
    ...[0x01, 0xc3], // add ebx, eax
    ...[0xff, 0xc9], // dec ecx
    ...[0x75, 0xf5], // jnz code
    0xf4, // hlt
  );
}

function runRounds(machine: BareMachine<ReturnType<typeof createJitEngine>>, code: number, rounds: number): bigint {
  const { state } = machine.engine.cpu;
  state.setGpr(1, BigInt(rounds));
  state.setGpr(3, 0n);
  machine.engine.cpu.stop = undefined;
  let stop = machine.run(code, 100);
  for (let slices = 0; stop.kind === 'budget' && slices < 10_000; slices++) stop = machine.engine.run(100);
  assert.equal(stop.kind, 'halt');
  return machine.register(3);
}

for (const [where, callee] of [
  ['in its page', 0x100100],
  ['in a far one', 0x105100],
] as const) {
  test(`a region that has a copy of a callee ${where} follows it when it is rewritten or mapped elsewhere`, () => {
    const machine = new BareMachine((options) => createJitEngine(options, profiled));
    const code = 0x100000;
    callingLoop(machine, code, callee);
    machine.load(callee, 0xb8, 1, 0, 0, 0, 0xc3); // mov eax, 1; ret

    const results = [runRounds(machine, code, 4000)];
    assert.ok((machine.engine.counters().copiedInstructions ?? 0) > 0);
    machine.ram[callee + 1] = 2;
    machine.engine.hostWrote(layout.ram + callee + 1, 1);
    results.push(runRounds(machine, code, 4000));
    if (callee === 0x105100) {
      machine.load(0x107100, 0xb8, 3, 0, 0, 0, 0xc3); // mov eax, 3; ret
      machine.map(0x105000, 0x107000);
      results.push(runRounds(machine, code, 4000));
    }

    assert.deepEqual(results, [4000n, 8000n, 12_000n].slice(0, results.length));
  });
}

test('a copied callee that returns elsewhere goes there', () => {
  const machine = new BareMachine((options) => createJitEngine(options, profiled));
  const [code, callee] = [0x100000, 0x100100];
  callingLoop(machine, code, callee);
  machine.load(
    callee,
    ...[0x8d, 0x41, 0xff], // lea eax, [rcx-1]
    ...[0xa8, 0xff], // test al, 255
    ...[0x75, 5], // jnz ret
    ...[0x48, 0x83, 0x04, 0x24, 2], // add qword [rsp], 2: over the addition
    0xc3, // ret
  );
  let expected = 0;
  for (let ecx = 4000; ecx > 0; ecx--) if ((ecx - 1) & 0xff) expected += ecx - 1;

  const sum = runRounds(machine, code, 4000);

  assert.ok((machine.engine.counters().copiedInstructions ?? 0) > 0);
  assert.equal(sum, BigInt(expected));
});

test('statistics tell the instructions of translated code, every one, from those of the interpreter', () => {
  const eagerly = { threshold: 100, batch: 1, followsWarmOnly: false };
  const machine = new BareMachine((options) => createJitEngine({ ...options, statistics: true }, eagerly));
  machine.load(
    0x100000,
    ...[0xb9, 0xe8, 0x03, 0, 0], // mov ecx, 1000
    ...[0x01, 0xc8], // add eax, ecx
    ...[0x74, 0], // jz to the next
    ...[0xff, 0xc9], // dec ecx
    ...[0x75, 0xf8], // jnz to add
    0xf4, // hlt
  );

  machine.run(0x100000, 10_000);

  const { instructions, interpreterInstructions, translatedCodeInstructions } = machine.engine.counters();
  assert.equal(instructions, 4002);
  // In its hundredth round the block of DEC is hot: MOV, 99 rounds and two instructions came before that.
  assert.deepEqual([interpreterInstructions, translatedCodeInstructions], [1 + 99 * 4 + 2, 3603]);
});

test('code that is translated again, because it was rewritten, is told in statistics', () => {
  const eagerly = { threshold: 1, batch: 1, followsWarmOnly: false };
  const machine = new BareMachine((options) => createJitEngine({ ...options, statistics: true }, eagerly));
  const program = (value: number) => [0xb8, value, 0, 0, 0, 0xeb, 0xf9]; // mov eax, value; jmp -7
  machine.load(0x100000, ...program(1));
  machine.run(0x100000, 100);
  const before = machine.engine.counters();

  machine.load(0x100000, ...program(2));
  machine.run(0x100000, 100);

  assert.deepEqual([before.retranslatedRegions, machine.engine.counters().retranslatedRegions], [0, 1]);
});

test('a region is shown with each guest instruction and what was made of it', () => {
  const machine = new BareMachine((options) => createJitEngine(options, eager));
  machine.load(0x100000, ...[0x01, 0xc8], ...[0xff, 0xc9], ...[0x75, 0xfa], 0xf4); // add eax, ecx; dec ecx; jnz -6; hlt
  machine.engine.cpu.state.setGpr(1, 100n);
  machine.run(0x100000, 1000);

  const text = machine.engine.translations?.show(0x100000n) ?? '';

  assert.match(text, /0x100000 {2}01 c8 +add eax, ecx\n[^x]+i32\.add\n/);
  assert.match(text, /0x100004 {2}75 fa +jne 0x100000\n/);
  assert.ok(machine.engine.translations?.regions().some(({ rip }) => rip === 0x100000n));
  assert.equal(machine.engine.translations?.show(0x200000n), undefined);
});
