import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterpreterEngine, InterpreterOptions } from '../cpu/index.ts';
import { BareMachine } from './bare-machine.ts';

const code = 0x100000;
const hlt = 0xf4;
const movEax = 0xb8;
const word = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];

export interface EngineContract {
  readonly name: string;
  readonly create: (options: InterpreterOptions) => InterpreterEngine;
  /** How many random programs are run. */
  readonly rounds: number;
  /** What says that the room for decoded code was used up; none where it cannot be in a short test. */
  readonly flushCounter?: string;
  /** Another engine of this kind is held to all of it: what takes seconds is left out. */
  readonly isShort?: boolean;
}

/** What every engine that runs guest code must do, whatever it does with that code. */
export function engineContract({ name, create, rounds, flushCounter, isShort = false }: EngineContract): void {
  test(`${name}: a loop runs to its end and every instruction is counted`, () => {
    const machine = new BareMachine(create);
    machine.load(
      code,
      ...[0xb9, ...word(1000)], // mov ecx, 1000
      ...[0x31, 0xc0], // xor eax, eax
      ...[0x01, 0xc8], // add eax, ecx
      ...[0xff, 0xc9], // dec ecx
      ...[0x75, 0xfa], // jnz -6
      hlt,
    );

    const stop = machine.run(code);

    assert.equal(stop.kind, 'halt');
    assert.equal(machine.register(0), 500_500n);
    assert.equal(machine.engine.counters().instructions, 2 + 3000 + 1);
  });

  test(`${name}: a slice ends soon after its budget and goes on where it was`, () => {
    const machine = new BareMachine(create);
    machine.load(code, 0x48, 0xff, 0xc0, 0xeb, 0xfb); // inc rax; jmp -5

    const first = machine.run(code, 1000);
    const counted = machine.register(0);
    const second = machine.engine.run(1000);

    assert.deepEqual([first.kind, second.kind], ['budget', 'budget']);
    assert.equal(counted, 500n);
    assert.equal(machine.register(0), 1000n);
  });

  test(`${name}: a store into the very next instruction is executed as written`, () => {
    const machine = new BareMachine(create);
    machine.load(
      code,
      ...[0xc6, 0x05, 0x01, 0, 0, 0, 0x2a], // mov byte [rip+1], 42: the immediate below
      ...[movEax, ...word(7)],
      hlt,
    );

    machine.run(code);

    assert.equal(machine.register(0), 42n);
  });

  test(`${name}: code that was rewritten after it ran is executed as written`, () => {
    const machine = new BareMachine(create);
    const callee = 0x101000;
    machine.load(callee, movEax, ...word(1), 0xc3);
    machine.load(
      code,
      ...[0xe8, ...word(callee - code - 5)], // call
      ...[0x89, 0xc3], // mov ebx, eax
      ...[0xc6, 0x04, 0x25, ...word(callee + 1), 2], // mov byte [callee+1], 2
      ...[0xe8, ...word(callee - code - 20)], // call
      hlt,
    );

    machine.run(code);

    assert.deepEqual([machine.register(3), machine.register(0)], [1n, 2n]);
  });

  test(`${name}: code rewritten through another linear address of its page is executed as written`, () => {
    const machine = new BareMachine(create);
    const callee = 0x101000;
    const alias = 0x180000;
    machine.map(alias, callee);
    machine.load(callee, movEax, ...word(1), 0xc3);
    machine.load(
      code,
      ...[0xe8, ...word(callee - code - 5)],
      ...[0xc6, 0x04, 0x25, ...word(alias + 1), 2], // mov byte [alias+1], 2
      ...[0xe8, ...word(callee - code - 18)],
      hlt,
    );

    machine.run(code);

    assert.equal(machine.register(0), 2n);
  });

  test(`${name}: code changed from outside is executed as written`, () => {
    const machine = new BareMachine(create);
    machine.load(code, movEax, ...word(1), hlt);
    machine.run(code);
    machine.load(code, movEax, ...word(2), hlt);
    machine.engine.cpu.stop = undefined;

    machine.run(code);

    assert.equal(machine.register(0), 2n);
  });

  test(`${name}: an instruction across two pages follows the second page wherever it is mapped`, () => {
    const machine = new BareMachine(create);
    const [second, other] = [0x101000, 0x105000];
    machine.load(second - 2, movEax, 0x11, 0x22, 0x33, 0x44, hlt);
    machine.load(other, 0x55, 0x66, 0x77, hlt);

    machine.run(second - 2);
    const before = machine.register(0);
    machine.map(second, other);
    machine.engine.cpu.stop = undefined;
    machine.run(second - 2);

    assert.deepEqual([before, machine.register(0)], [0x44332211n, 0x77665511n]);
  });

  test(`${name}: an instruction across two pages is decoded once, though the TLB forgets the second page`, () => {
    const machine = new BareMachine(create);
    const second = 0x101000;
    machine.load(second - 2, movEax, 0x11, 0x22, 0x33, 0x44, hlt);
    machine.run(second - 2);
    const before = machine.engine.counters().decodedInstructions;

    machine.map(second, second);
    machine.engine.cpu.stop = undefined;
    machine.run(second - 2);

    assert.deepEqual([machine.engine.counters().decodedInstructions, machine.register(0)], [before, 0x44332211n]);
  });

  test(`${name}: data beside code on a page can be written while the code runs`, () => {
    const machine = new BareMachine(create);
    machine.load(
      code,
      ...[0xb9, ...word(5000)], // mov ecx, 5000
      ...[0xff, 0x05, ...word(0x80)], // inc dword [rip+0x80]
      ...[0xff, 0xc9], // dec ecx
      ...[0x75, 0xf6], // jnz -10
      hlt,
    );

    machine.run(code);

    assert.equal(machine.view.getUint32(code + 11 + 0x80, true), 5000);
  });

  test(`${name}: a store beside the stack pointer into two pages reaches both`, () => {
    const machine = new BareMachine(create);
    const [first, second, elsewhere] = [0x300000, 0x301000, 0x340000];
    machine.map(first, elsewhere);
    machine.engine.cpu.state.setGpr(5, BigInt(first + 0xffc));
    machine.engine.cpu.state.setGpr(4, BigInt(second + 0x100));
    machine.engine.cpu.state.setGpr(0, 0x1122334455667788n);
    machine.load(
      code,
      0x50, // push rax: the second page is where the stack is
      ...[0x48, 0x89, 0x45, 0], // mov [rbp], rax
      ...[0x48, 0x8b, 0x5d, 0], // mov rbx, [rbp]
      hlt,
    );

    machine.run(code);

    assert.equal(machine.register(3), 0x1122334455667788n);
    assert.deepEqual(
      [machine.view.getUint32(elsewhere + 0xffc, true), machine.view.getUint32(second, true)],
      [0x55667788, 0x11223344],
    );
  });

  test(`${name}: a call whose target is illegal has pushed into two pages`, () => {
    const machine = new BareMachine(create);
    const [first, second, elsewhere] = [0x300000, 0x301000, 0x340000];
    machine.map(first, elsewhere);
    machine.engine.cpu.state.setGpr(4, BigInt(second + 4));
    machine.engine.cpu.state.setGpr(0, 1n << 63n);
    machine.load(code, 0xff, 0xd0); // call rax

    const stop = machine.run(code);

    assert.equal(stop.kind, 'triple-fault');
    assert.equal(machine.register(4), BigInt(second + 4));
    assert.deepEqual(
      [machine.view.getUint32(elsewhere + 0xffc, true), machine.view.getUint32(second, true)],
      [code + 2, 0],
    );
  });

  test(`${name}: SMSW of 16 bits leaves the rest of its register alone`, () => {
    const machine = new BareMachine(create);
    machine.engine.cpu.state.setGpr(6, 0x1234_5678_0000_ffffn);
    machine.load(code, ...[0x66, 0x0f, 0x01, 0xe6], hlt); // smsw si

    machine.run(code);

    assert.equal(machine.register(6), 0x1234_5678_0000_0000n | BigInt(machine.engine.cpu.state.cr0 & 0xffff));
  });

  test(`${name}: a stack in a user's page is out of reach again after CLAC`, () => {
    const machine = new BareMachine(create);
    const userPage = 0x300000;
    machine.giveToUser(userPage);
    machine.engine.cpu.state.cr4 |= 1 << 21; // SMAP
    machine.load(
      code,
      ...[0x68, ...word(1 << 18), 0x9d], // push 1 << 18; popfq: AC
      ...[0x48, 0xbc, ...word(userPage + 0x100), 0, 0, 0, 0], // mov rsp, userPage + 0x100
      0x50, // push rax: allowed
      ...[0x0f, 0x01, 0xca], // clac
      0x50, // push rax: not allowed
      hlt,
    );

    const stop = machine.run(code);

    assert.equal(stop.kind, 'triple-fault');
    assert.equal(machine.register(4), BigInt(userPage + 0xf8));
  });

  if (!isShort)
    test(`${name}: more code than the record area holds still runs`, () => {
      const machine = new BareMachine(create);
      const bytes = 4 << 20;
      machine.ram.fill(0x90, code, code + bytes); // nop
      machine.load(code + bytes, hlt);

      const stop = machine.run(code, 8 << 20);

      assert.equal(stop.kind, 'halt');
      assert.equal(machine.engine.counters().instructions, bytes + 1);
      if (flushCounter) assert.ok((machine.engine.counters()[flushCounter] ?? 0) > 0);
    });

  test(`${name}: an interrupt waits for the instruction after STI`, () => {
    const machine = new BareMachine(create);
    machine.load(code, 0xfb, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, hlt); // sti; inc eax three times
    machine.engine.setInterrupt(true);

    const stop = machine.run(code); // No interrupt table: delivery ends as a triple fault.

    assert.equal(stop.kind, 'triple-fault');
    assert.equal(machine.register(0), 1n);
  });

  test(`${name}: however slices are cut, an interrupt waits for the instruction after STI`, () => {
    for (let slices = 1; slices <= 6; slices++) {
      const machine = new BareMachine(create);
      machine.load(code, 0xfb, 0xff, 0xc0, 0xff, 0xc0, hlt); // sti; inc eax twice
      machine.engine.cpu.state.rip = BigInt(code);
      for (let i = 0; i < slices; i++) machine.engine.run(1);
      const { instructions } = machine.engine.counters();
      machine.engine.setInterrupt(true);

      machine.engine.run(10); // No interrupt table: delivery ends as a triple fault.

      assert.ok(instructions !== 1 || machine.register(0) === 1n, `after ${slices} slices`);
    }
  });

  test(`${name}: a byte from a port changes AL alone, whatever the device answers`, () => {
    const machine = new BareMachine(create);
    machine.bus.ports.set(0x60, 0xffffff12);
    machine.load(code, movEax, ...word(0x7654_3210), 0xe4, 0x60, hlt); // in al, 60h

    machine.run(code);

    assert.equal(machine.register(0), 0x7654_3212n);
  });

  test(`${name}: random bytes end in a stop, never in an internal error`, () => {
    const seed = Number(process.env.MEZZ_SEED ?? Date.now() % 1_000_000);
    let state = seed;
    const random = (): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 16;
    };
    for (let round = 0; round < rounds; round++) {
      const machine = new BareMachine(create);
      for (let i = 0; i < 256; i++) machine.ram[code + i] = random() & 255;

      assert.doesNotThrow(() => machine.run(code, 2000), `seed ${seed}, round ${round}`);
    }
  });
}
