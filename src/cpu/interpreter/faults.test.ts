import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../testing/trap-machine.ts';
import { flag } from '../isa/x86/index.ts';

const code = TrapMachine.code;
const data = TrapMachine.data;
const [rax, rcx, rdx, rbx, rsp, , rsi, rdi] = [0, 1, 2, 3, 4, 5, 6, 7];
const divideError = 0;
const invalidOpcode = 6;
const generalProtection = 13;
const pageFault = 14;
const incEax = [0xff, 0xc0];
const byte4 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];

test('a division by zero in the middle of a block is delivered at the division', () => {
  const machine = new TrapMachine().set(rcx, 0);

  const trap = machine.run([...incEax, ...incEax, 0xf7, 0xf1, ...incEax]); // div ecx

  assert.deepEqual([trap?.vector, trap?.errorCode, trap?.rip], [divideError, undefined, BigInt(code + 4)]);
  assert.equal(machine.get(rax), 2n);
  assert.equal(trap?.rsp, 0x9000n);
});

test('instructions before a fault in a block count, the faulting one does not', () => {
  const machine = new TrapMachine().set(rcx, 0);

  machine.run([...incEax, ...incEax, 0xf7, 0xf1, ...incEax]);

  assert.equal(machine.instructions, 2 + 1); // And the handler's HLT.
});

test('a fault as the very first instruction of a block counts nothing', () => {
  const machine = new TrapMachine();

  const trap = machine.run([0x0f, 0x0b]);

  assert.equal(trap?.vector, invalidOpcode);
  assert.equal(machine.instructions, 1);
});

test('a fault takes no budget beyond what ran: the slice goes on after it', () => {
  for (let budget = 1; budget <= 6; budget++) {
    const machine = new TrapMachine();
    machine.bare.load(code, ...incEax, ...incEax, 0x0f, 0x0b);
    machine.bare.load(0x30006, 0x83, 0x04, 0x24, 2, 0x48, 0xcf); // The handler: add dword [rsp], 2; iretq.
    machine.bare.load(code + 6, ...incEax, 0xeb, 0xfe); // jmp to itself

    const stop = machine.bare.run(code, 1000 + budget);

    assert.equal(stop.kind, 'budget');
    assert.equal(machine.get(rax), 3n);
    assert.ok(Math.abs(machine.instructions - (1000 + budget)) <= 2, `${machine.instructions} of ${1000 + budget}`);
  }
});

test('#GP has its error code and the address of the instruction', () => {
  const machine = new TrapMachine().set(rax, 0x1000);

  const trap = machine.run([0x90, 0x8e, 0xd8]); // mov ds, eax: past the table

  assert.deepEqual([trap?.vector, trap?.errorCode, trap?.rip], [generalProtection, 0x1000n, BigInt(code + 1)]);
});

test('an access to a non-canonical address raises #GP, through the stack pointer #SS', () => {
  const machine = new TrapMachine().set(rdx, 1n << 47n);

  const plain = machine.run([...incEax, 0x8b, 0x02]); // mov eax, [rdx]
  const stack = machine.set(rsp, 1n << 63n);

  assert.deepEqual([plain?.vector, plain?.errorCode, plain?.rip], [generalProtection, 0n, BigInt(code + 2)]);
  assert.throws(() => stack.run([0x50]), /triple-fault/); // The handler has no stack to be entered on.
});

test('a page fault names its address and leaves registers and memory as they were', () => {
  const machine = new TrapMachine().set(rbx, data).set(rcx, 7);
  machine.bare.unmap(data + 0x1000);
  machine.eflags = flag.CF | flag.ZF;

  const trap = machine.run([0x48, 0x89, 0x0b, 0x48, 0x01, 0x8b, ...byte4(0x1008)]); // mov [rbx], rcx; add [rbx+0x1008], rcx

  assert.deepEqual([trap?.vector, trap?.errorCode, trap?.rip], [pageFault, 2n, BigInt(code + 3)]);
  assert.equal(machine.bare.engine.cpu.state.cr2.value, BigInt(data + 0x1008));
  assert.equal(machine.bare.view.getBigUint64(data, true), 7n);
  assert.equal(Number(trap?.eflags) & 0x8d5, flag.CF | flag.ZF);
});

test('a store across pages whose second page is missing writes nothing and names the second page', () => {
  const machine = new TrapMachine().set(rbx, data + 0xffd).set(rcx, -1n);
  machine.bare.unmap(data + 0x1000);

  const trap = machine.run([0x48, 0x89, 0x0b]);

  assert.deepEqual([trap?.vector, trap?.errorCode], [pageFault, 2n]);
  assert.equal(machine.bare.engine.cpu.state.cr2.value, BigInt(data + 0x1000));
  assert.deepEqual([...machine.bare.ram.subarray(data + 0xff8, data + 0x1008)], new Array(16).fill(0));
});

test('a push that faults leaves the stack pointer alone', () => {
  const machine = new TrapMachine().set(rsp, data + 4);
  machine.bare.unmap(data - 0x1000);
  machine.bare.load(code, 0x50, 0xf4); // push rax: four bytes lie in the missing page

  assert.throws(() => machine.go(code), /triple-fault/); // Its handler's frame goes there too.
  assert.equal(machine.get(rsp), BigInt(data + 4));
});

test('a pop into memory that faults leaves the stack pointer alone', () => {
  const machine = new TrapMachine().set(rbx, data);
  machine.bare.unmap(data);

  const trap = machine.run([0x8f, 0x03]); // pop [rbx]

  assert.deepEqual([trap?.vector, trap?.rip, trap?.rsp], [pageFault, BigInt(code), 0x9000n]);
});

test('an exchange of register and memory that faults changes neither', () => {
  const machine = new TrapMachine().set(rbx, data + 0xffe).set(rcx, 0x1234);
  machine.bare.unmap(data + 0x1000);

  const trap = machine.run([0x87, 0x0b]); // xchg [rbx], ecx

  assert.equal(trap?.vector, pageFault);
  assert.equal(machine.get(rcx), 0x1234n);
  assert.equal(machine.bare.view.getUint16(data + 0xffe, true), 0);
});

test('a fetch from a missing page faults there, also in the middle of an instruction', () => {
  const machine = new TrapMachine();
  machine.bare.unmap(code + 0x1000);
  machine.bare.load(code + 0xffd, ...incEax, 0xb8); // mov eax, imm32 goes on in the missing page

  const trap = machine.go(code + 0xffd);

  assert.deepEqual([trap?.vector, trap?.errorCode, trap?.rip], [pageFault, 0n, BigInt(code + 0xfff)]);
  assert.equal(machine.bare.engine.cpu.state.cr2.value, BigInt(code + 0x1000));
  assert.equal(machine.get(rax), 1n);
});

test('a jump to a missing page faults at its target', () => {
  const machine = new TrapMachine().set(rdi, data + 0x10);
  machine.bare.unmap(data);

  const trap = machine.run([...incEax, 0xff, 0xe7]); // jmp rdi

  assert.deepEqual([trap?.vector, trap?.errorCode, trap?.rip], [pageFault, 0n, BigInt(data + 0x10)]);
  assert.equal(machine.instructions, 2 + 1);
});

test('a divide whose quotient does not fit raises #DE at every width', () => {
  const cases: [number[], Record<number, bigint>][] = [
    [[0xf6, 0xf1], { [rax]: 0x200n, [rcx]: 2n }], // div cl
    [[0xf6, 0xf9], { [rax]: 0x100n, [rcx]: 2n }], // idiv cl: 128
    [[0x66, 0xf7, 0xf1], { [rdx]: 2n, [rax]: 0n, [rcx]: 2n }],
    [[0xf7, 0xf9], { [rdx]: 0xffffffffn, [rax]: 0x80000000n, [rcx]: 0xffffffffn }], // -2^31 / -1
    [[0xf7, 0xf9], { [rdx]: 0x80000000n, [rax]: 0n, [rcx]: 0xffffffffn }], // -2^63 / -1
    [[0x48, 0xf7, 0xf1], { [rdx]: 3n, [rax]: 0n, [rcx]: 3n }],
    [[0x48, 0xf7, 0xf9], { [rdx]: -1n, [rax]: -(1n << 63n), [rcx]: -1n }],
    [[0x48, 0xf7, 0xf9], { [rdx]: 1n, [rax]: 0n, [rcx]: 2n }], // 2^63
  ];
  for (const [bytes, registers] of cases) {
    const machine = new TrapMachine();
    for (const [number, value] of Object.entries(registers)) machine.set(Number(number), value);

    const trap = machine.run(bytes);

    assert.deepEqual([trap?.vector, trap?.rip], [divideError, BigInt(code)], `${bytes}`);
    assert.equal(machine.get(rax), BigInt.asUintN(64, registers[rax] ?? 0n));
  }
});

test('an instruction of sixteen bytes raises #GP even when its end is missing', () => {
  const machine = new TrapMachine();
  machine.bare.unmap(code + 0x1000);
  machine.bare.load(code + 0xff1, ...new Array<number>(15).fill(0x2e));

  const trap = machine.go(code + 0xff1);

  assert.deepEqual([trap?.vector, trap?.errorCode, trap?.rip], [generalProtection, 0n, BigInt(code + 0xff1)]);
});

test('a fault after a mode-independent helper call in the same block is precise too', () => {
  const machine = new TrapMachine().set(rsi, data);
  machine.bare.unmap(data);

  const trap = machine.run([0x0f, 0xa2, ...incEax, 0x8b, 0x06]); // cpuid; inc eax; mov eax, [rsi]

  assert.deepEqual([trap?.vector, trap?.rip], [pageFault, BigInt(code + 4)]);
});

test('a handler that begins with the fault that it handles does not run forever', () => {
  const machine = new TrapMachine();
  const stack = 0x21000;
  machine.bare.load(code, 0x0f, 0x0b);
  machine.bare.load(0x30006, 0x0f, 0x0b); // The handler of #UD, entered on a stack of its own each time (IST 1).
  machine.bare.ram[0x20000 + 6 * 16 + 4] = 1;
  machine.bare.view.setBigUint64(stack + 0x24, 0x8000n, true);
  Object.assign(machine.bare.engine.cpu.state.tr, { base: stack, limit: 0x67 });

  const stop = machine.bare.run(code, 1000);

  assert.deepEqual([stop.kind, machine.instructions], ['budget', 0]);
});

test('a single-stepped store into its own code traps behind itself', () => {
  const machine = new TrapMachine();
  const enter = [0x68, ...byte4(flag.TF), 0x9d]; // push TF; popfq
  const store = [0xc6, 0x05, ...byte4(0x10), 0x90]; // mov byte [rip+10h], 90h

  const trap = machine.run([...enter, ...store, ...incEax, ...incEax]);

  assert.deepEqual([trap?.vector, trap?.rip], [1, BigInt(code + enter.length + store.length)]);
  assert.equal(machine.instructions, 3 + 1); // And the handler's HLT.
});
