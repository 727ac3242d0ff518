import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../testing/trap-machine.ts';
import { flag } from '../isa/x86/index.ts';

const { code, data } = TrapMachine;
const [rax, rcx, rsi, rdi] = [0, 1, 6, 7];
const [debug, nmi, invalidOpcode, external] = [1, 2, 6, 0x40];
const incEax = [0xff, 0xc0];
const [sti, cli, hlt, iretq, ud2] = [0xfb, 0xfa, 0xf4, [0x48, 0xcf], [0x0f, 0x0b]];
const trapFlag = [0x48, 0x81, 0x0c, 0x24, 0, 1, 0, 0]; // or qword [rsp], 0x100
const setTrap = [0x9c, ...trapFlag, 0x9d]; // pushf; set TF; popf

/** A machine whose interrupt controller gives vector 0x40. */
function machineWithInterrupt(): TrapMachine {
  const machine = new TrapMachine();
  machine.bare.bus.acknowledgeInterrupt = () => external;
  machine.bare.engine.setInterrupt(true);
  return machine;
}

/** The addresses where a handler of this vector was entered from, if it just returns; a UD2 ends the program. */
function entriesOf(machine: TrapMachine, vector: number, program: readonly number[]): number[] {
  const log = data + 0x100;
  const handler = 0x40000;
  machine.bare.load(
    handler,
    ...[0x50, 0x51], // push rax; push rcx
    ...[0x48, 0x8b, 0x44, 0x24, 0x10], // mov rax, [rsp+16]: the return address
    ...[0x8b, 0x0c, 0x25, ...four(data)], // mov ecx, [data]
    ...[0x48, 0x89, 0x04, 0xcd, ...four(log)], // mov [log+rcx*8], rax
    ...[0xff, 0x04, 0x25, ...four(data)], // inc dword [data]
    ...[0x59, 0x58, ...iretq],
  );
  machine.bare.load(0x30000 + vector, 0xe9, ...four(handler - (0x30000 + vector + 5))); // The stub jumps there.
  machine.bare.ram.fill(0, data, data + 4);
  machine.run([...program, ...ud2]);
  const count = machine.bare.view.getUint32(data, true);
  return Array.from({ length: count }, (_, i) => machine.bare.view.getUint32(log + 8 * i, true) - code);
}
const four = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];

test('an interrupt that waits is taken before the first instruction when IF is set', () => {
  const machine = machineWithInterrupt();
  machine.eflags = flag.IF;

  const trap = machine.run(incEax);

  assert.deepEqual([trap?.vector, trap?.rip, machine.get(rax)], [external, BigInt(code), 0n]);
});

test('an interrupt that waits while IF is clear is not taken', () => {
  const machine = machineWithInterrupt();

  assert.equal(machine.run([...incEax, ...incEax]), undefined);
  assert.equal(machine.get(rax), 2n);
});

test('STI holds an interrupt off for one instruction', () => {
  const machine = machineWithInterrupt();

  const trap = machine.run([sti, ...incEax, ...incEax]);

  assert.deepEqual([trap?.vector, trap?.rip, machine.get(rax)], [external, BigInt(code + 3), 1n]);
});

test('STI followed by CLI lets no interrupt in', () => {
  const machine = machineWithInterrupt();

  assert.equal(machine.run([sti, cli, ...incEax]), undefined);
});

test('STI while IF is set already holds nothing off', () => {
  const machine = new TrapMachine();
  machine.eflags = flag.IF;
  machine.bare.load(code, sti, ...incEax, hlt);
  machine.bare.bus.acknowledgeInterrupt = () => external;
  machine.bare.bus.readPort = () => 0;

  assert.equal(machine.go(code), undefined);
  assert.equal(machine.get(rax), 1n);
});

test('STI before HLT wakes up by the interrupt behind the HLT', () => {
  const machine = machineWithInterrupt();

  const trap = machine.run([sti, hlt, ...incEax]);

  assert.deepEqual([trap?.vector, trap?.rip], [external, BigInt(code + 2)]);
});

test('an interrupt that comes between two slices does not come between STI and the next instruction', () => {
  const machine = new TrapMachine();
  const { bus, engine } = machine.bare;
  bus.acknowledgeInterrupt = () => external;
  machine.bare.load(code, sti, cli, ...incEax, hlt);
  machine.bare.run(code, 1);
  engine.run(1);
  engine.setInterrupt(true);

  assert.equal(engine.run(100).kind, 'halt');
  assert.equal(machine.get(rax), 1n);
});

test('a slice that ends between STI and the next page does not let an interrupt in there', () => {
  const machine = new TrapMachine();
  const { bus, engine } = machine.bare;
  bus.acknowledgeInterrupt = () => external;
  machine.bare.load(code + 0xfff, sti, cli, ...incEax, hlt);
  machine.bare.run(code + 0xfff, 1);
  engine.setInterrupt(true);

  const [rip, saved] = [engine.cpu.state.rip, engine.save()];

  assert.deepEqual([rip, saved.interruptShadow], [BigInt(code + 0x1000), true]);
  assert.equal(engine.run(100).kind, 'halt');
  assert.equal(machine.get(rax), 1n);
});

test('POPF that sets IF lets a waiting interrupt in before the next instruction', () => {
  const machine = machineWithInterrupt();

  const trap = machine.run([0x68, ...four(flag.IF | 2), 0x9d, ...incEax]); // push imm32; popf

  assert.deepEqual([trap?.vector, trap?.rip, machine.get(rax)], [external, BigInt(code + 6), 0n]);
});

test('a load of SS holds an interrupt off for one instruction', () => {
  const machine = machineWithInterrupt().set(rcx, 0x18);
  machine.bare.engine.setInterrupt(false);
  machine.eflags = flag.IF;
  machine.bare.load(code, 0x8e, 0xd1, ...incEax, ...incEax, hlt); // mov ss, ecx
  machine.bare.engine.cpu.state.rip = BigInt(code);
  machine.bare.engine.run(1);
  machine.bare.engine.setInterrupt(true);

  machine.bare.engine.run(100);

  assert.equal(machine.get(rax), 1n);
  assert.equal(machine.bare.view.getBigUint64(Number(machine.get(4)), true), BigInt(code + 4));
});

test('an interrupt that comes while code loops is taken at the next budget or branch', () => {
  const machine = new TrapMachine();
  machine.eflags = flag.IF;
  machine.bare.bus.acknowledgeInterrupt = () => external;
  let reads = 0;
  machine.bare.bus.readPort = () => {
    if (++reads === 10) machine.bare.engine.setInterrupt(true);
    return 0;
  };

  const trap = machine.run([0xe4, 0x40, ...incEax, 0xeb, 0xfa]); // in al, 0x40; inc eax; jmp

  assert.equal(trap?.vector, external);
  assert.equal(reads, 10);
});

test('an NMI is taken whatever IF says, and the next one waits for IRET', () => {
  const machine = new TrapMachine();
  machine.bare.engine.nonMaskableInterrupt();
  const first = machine.run(incEax);
  machine.bare.engine.nonMaskableInterrupt();

  const second = machine.go(code); // NMIs are blocked: the program runs to its end.
  machine.bare.load(code + 0x100, ...iretq);
  const frame = [code, 0x10, 2, 0x9000, 0x18];
  frame.forEach((word, i) => void machine.bare.view.setBigUint64(0x8000 + 8 * i, BigInt(word), true));
  const third = machine.set(4, 0x8000).go(code + 0x100);

  assert.deepEqual([first?.vector, first?.rip, second], [nmi, BigInt(code), undefined]);
  assert.deepEqual([third?.vector, third?.rip], [nmi, BigInt(code)]);
});

test('a blocked NMI does not wake a halted processor', () => {
  const machine = new TrapMachine();
  machine.bare.engine.nonMaskableInterrupt();
  machine.run(incEax); // The handler is entered: NMIs are blocked.
  machine.bare.engine.nonMaskableInterrupt();

  const stop = machine.bare.engine.run(1000);

  assert.equal(stop.kind, 'halt');
  assert.equal(machine.bare.engine.cpu.state.rip, 0x30003n);
});

test('an NMI goes before an interrupt, which its handler then sees first', () => {
  const machine = machineWithInterrupt();
  machine.eflags = flag.IF;
  machine.bare.engine.nonMaskableInterrupt();

  const trap = machine.run(incEax);

  assert.deepEqual([trap?.vector, trap?.rip], [nmi, BigInt(code)]);
});

test('with TF set every instruction is followed by a trap at the next one', () => {
  const machine = new TrapMachine();

  const entries = entriesOf(machine, debug, [...setTrap, ...incEax, 0x90, ...incEax, 0xeb, 0x00, 0x90]);

  const start = setTrap.length;
  // The POPF that sets TF is not trapped.
  assert.deepEqual(
    entries,
    [2, 3, 5, 7, 8].map((at) => start + at),
  );
  assert.equal(machine.get(rax), 2n);
});

test('the trap reports a single step and clears TF for its handler', () => {
  const machine = new TrapMachine();

  const trap = machine.run([...setTrap, ...incEax]);

  assert.equal(trap?.vector, debug);
  assert.ok(Number(trap?.eflags) & flag.TF);
  assert.equal(machine.eflags & flag.TF, 0);
  assert.equal(Number(machine.bare.engine.cpu.state.dr[6]?.value) & 0x4000, 0x4000);
});

test('a trap comes after each repetition of a string instruction, at the instruction', () => {
  const machine = new TrapMachine()
    .set(rcx, 3)
    .set(rsi, data + 0x800)
    .set(rdi, data + 0xc00);

  const entries = entriesOf(machine, debug, [...setTrap, 0xf3, 0xa4, 0x90]);

  const at = setTrap.length;
  assert.deepEqual(entries, [at, at, at + 2, at + 3]);
});

test('an instruction that faults is not followed by a single-step trap', () => {
  const machine = new TrapMachine();

  const trap = machine.run([...setTrap, 0x0f, 0x0b]);

  assert.deepEqual([trap?.vector, trap?.rip], [invalidOpcode, BigInt(code + setTrap.length)]);
  assert.ok(Number(trap?.eflags) & flag.TF);
});

test('a load of SS holds the single-step trap off for one instruction', () => {
  const machine = new TrapMachine().set(rcx, 0x18);

  const entries = entriesOf(machine, debug, [...setTrap, 0x8e, 0xd1, ...incEax, 0x90]);

  const at = setTrap.length;
  assert.deepEqual(entries, [at + 4, at + 5]);
});

test('an interrupt taken between instructions keeps TF for the interrupted code', () => {
  const machine = machineWithInterrupt();
  machine.bare.engine.setInterrupt(false);
  machine.bare.bus.readPort = () => {
    machine.bare.engine.setInterrupt(true);
    return 0;
  };
  machine.eflags = flag.IF;

  const trap = machine.run([...setTrap, 0xe4, 0x40, ...incEax]); // in al, 0x40 raises the interrupt

  // The trap of the IN comes first; the interrupt is held off by its handler's interrupt gate.
  assert.deepEqual([trap?.vector, trap?.rip], [debug, BigInt(code + setTrap.length + 2)]);
});

test('a kick stops the run once and loses nothing', () => {
  const machine = new TrapMachine();
  machine.bare.load(code, ...incEax, hlt);
  machine.bare.engine.kick();

  const first = machine.bare.run(code, 1000);
  const second = machine.bare.engine.run(1000);

  assert.deepEqual([first.kind, second.kind, machine.get(rax)], ['kicked', 'halt', 1n]);
});

test('a halted processor without interrupts stays halted, however often it is run', () => {
  const machine = new TrapMachine();
  machine.run([hlt, ...incEax]);

  assert.deepEqual([machine.bare.engine.run(10).kind, machine.bare.engine.run(10).kind], ['halt', 'halt']);
  assert.equal(machine.get(rax), 0n);
});
