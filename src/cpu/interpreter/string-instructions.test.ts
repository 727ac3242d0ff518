import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../testing/trap-machine.ts';
import { flag } from '../isa/x86/index.ts';

const { code, data, device } = TrapMachine;
const [rax, rcx, rsi, rdi] = [0, 1, 6, 7];
const pageFault = 14;
const rep = 0xf3;
const repne = 0xf2;
const [movsb, movsw, movsq] = [[0xa4], [0x66, 0xa5], [0x48, 0xa5]];
const [stosb, stosd, stosq] = [[0xaa], [0xab], [0x48, 0xab]];
const std = 0xfd;
const sixFlags = flag.CF | flag.PF | flag.AF | flag.ZF | flag.SF | flag.OF;

/** A machine whose data pages count 0 to 250. */
function counting(): TrapMachine {
  const machine = new TrapMachine();
  for (let i = 0; i < 0x8000; i++) machine.bare.ram[data + i] = i % 251;
  return machine;
}
const pattern = (from: number, length: number): number[] => Array.from({ length }, (_, i) => (from + i) % 251);
const bytes = (machine: TrapMachine, at: number, length: number): number[] => [
  ...machine.bare.ram.subarray(at, at + length),
];
const registers = (machine: TrapMachine): bigint[] => [machine.get(rcx), machine.get(rsi), machine.get(rdi)];

test('a copy moves its bytes and leaves the registers behind them', () => {
  const machine = counting()
    .set(rsi, data)
    .set(rdi, data + 0x4001)
    .set(rcx, 0x1003);

  machine.run([rep, ...movsb]);

  assert.deepEqual(bytes(machine, data + 0x4001, 0x1003), pattern(0, 0x1003));
  assert.deepEqual(registers(machine), [0n, BigInt(data + 0x1003), BigInt(data + 0x4001 + 0x1003)]);
});

test('a copy onto itself one element further repeats the element', () => {
  for (const [size, move] of [
    [1, movsb],
    [2, movsw],
    [8, movsq],
  ] as const) {
    const machine = counting()
      .set(rsi, data)
      .set(rdi, data + size)
      .set(rcx, 700);

    machine.run([rep, ...move]);

    const repeated = Array.from({ length: 701 * size }, (_, i) => i % size);
    assert.deepEqual(bytes(machine, data, 701 * size), repeated, `${size} bytes`);
  }
});

test('a copy onto itself some bytes further repeats them', () => {
  for (const [size, move] of [
    [1, movsb],
    [2, movsw],
    [8, movsq],
  ] as const) {
    for (const distance of [size + 1, 12, 13, 200, 1000, 2900].filter((bytes) => bytes >= size)) {
      const machine = counting()
        .set(rsi, data)
        .set(rdi, data + distance)
        .set(rcx, 3000 / size);

      machine.run([rep, ...move]);

      const repeated = Array.from({ length: distance + 3000 }, (_, i) => (i % distance) % 251);
      assert.deepEqual(bytes(machine, data, distance + 3000), repeated, `${size} bytes, ${distance} further`);
    }
  }
});

test('a copy onto itself by less than an element goes element by element', () => {
  const machine = counting()
    .set(rsi, data)
    .set(rdi, data + 3)
    .set(rcx, 3);
  const expected = pattern(0, 32);
  for (let i = 0; i < 3; i++) expected.splice(3 + 8 * i, 8, ...expected.slice(8 * i, 8 * i + 8));

  machine.run([rep, ...movsq]);

  assert.deepEqual(bytes(machine, data, 32), expected);
});

test('a copy downwards onto itself keeps what is still to be read', () => {
  const machine = counting()
    .set(rsi, data + 0x1fff)
    .set(rdi, data + 0x2004)
    .set(rcx, 0x2000);

  machine.run([std, rep, ...movsb]);

  assert.deepEqual(bytes(machine, data + 5, 0x2000), pattern(0, 0x2000));
  assert.deepEqual(registers(machine), [0n, BigInt(data - 1), BigInt(data + 4)]);
});

test('a copy down by words with the wrong overlap repeats from above', () => {
  const machine = counting()
    .set(rsi, data + 100)
    .set(rdi, data + 98)
    .set(rcx, 40);

  machine.run([std, rep, ...movsw]);

  assert.deepEqual(
    bytes(machine, data + 20, 82),
    Array.from({ length: 82 }, (_, i) => 100 + (i % 2)),
  );
});

test('a count of zero does nothing, even with addresses that fault', () => {
  const machine = new TrapMachine()
    .set(rsi, 1n << 60n)
    .set(rdi, 1n << 60n)
    .set(rcx, 0);
  machine.eflags = sixFlags;

  for (const instruction of [movsb, stosq, [0xae], [0xa6], [0xac]]) {
    assert.equal(machine.run([rep, ...instruction]), undefined);
    assert.equal(machine.run([repne, ...instruction]), undefined);
  }

  assert.deepEqual(registers(machine), [0n, 1n << 60n, 1n << 60n]);
  assert.equal(machine.eflags & sixFlags, sixFlags);
});

test('more elements than one chunk are copied and filled whole', () => {
  const machine = counting()
    .set(rsi, data)
    .set(rdi, data + 0x10000)
    .set(rcx, 20_000);

  machine.run([rep, ...movsb]);
  const copied = Buffer.compare(
    machine.bare.ram.subarray(data, data + 20_000),
    machine.bare.ram.subarray(data + 0x10000, data + 0x10000 + 20_000),
  );
  machine
    .set(rdi, data + 0x20001)
    .set(rcx, 10_001)
    .set(rax, 0x11223344);
  machine.run([rep, ...stosd]);

  assert.equal(copied, 0);
  assert.equal(machine.bare.view.getUint32(data + 0x20001 + 4 * 10_000, true), 0x11223344);
  assert.equal(machine.bare.view.getUint32(data + 0x20001 + 4 * 10_001, true), 0);
  assert.equal(machine.get(rdi), BigInt(data + 0x20001 + 4 * 10_001));
});

test('an unrepeated string instruction does one element whatever rCX holds', () => {
  const machine = counting()
    .set(rsi, data + 5)
    .set(rdi, data + 0x4000)
    .set(rcx, 77);

  machine.run(movsb);

  assert.deepEqual(registers(machine), [77n, BigInt(data + 6), BigInt(data + 0x4001)]);
});

test('a page fault in the middle of a copy leaves it at the element that faulted', () => {
  const machine = counting()
    .set(rsi, data + 0x0ff0)
    .set(rdi, data + 0x4000)
    .set(rcx, 0x100);
  machine.bare.unmap(data + 0x1000);

  const trap = machine.run([0x90, rep, ...movsb]);

  assert.deepEqual([trap?.vector, trap?.errorCode, trap?.rip], [pageFault, 0n, BigInt(code + 1)]);
  assert.equal(machine.bare.engine.cpu.state.cr2.value, BigInt(data + 0x1000));
  assert.deepEqual(registers(machine), [0xf0n, BigInt(data + 0x1000), BigInt(data + 0x4010)]);
  assert.deepEqual(bytes(machine, data + 0x4000, 0x11), [...pattern(0xff0, 0x10), 0x4010 % 251]);
});

test('a copy that faulted goes on where it was once the page is there', () => {
  const machine = counting()
    .set(rsi, data + 0x0ff0)
    .set(rdi, data + 0x4000)
    .set(rcx, 0x2000);
  machine.bare.unmap(data + 0x1000);
  machine.run([rep, ...movsb]);
  machine.bare.map(data + 0x1000, data + 0x1000);

  const trap = machine.go(code);

  assert.equal(trap, undefined);
  assert.deepEqual(bytes(machine, data + 0x4000, 0x2000), pattern(0xff0, 0x2000));
});

test('a fault of the destination comes after the source is read, and nothing is moved', () => {
  const machine = counting()
    .set(rsi, data + 0x100)
    .set(rdi, data + 0x5ffc)
    .set(rcx, 3);
  machine.bare.unmap(data + 0x6000);

  const trap = machine.run([rep, ...movsq]);

  assert.deepEqual([trap?.vector, trap?.errorCode], [pageFault, 2n]);
  assert.deepEqual(registers(machine), [3n, BigInt(data + 0x100), BigInt(data + 0x5ffc)]);
  assert.deepEqual(bytes(machine, data + 0x5ffc, 4), pattern(0x5ffc, 4));
});

test('a fill that faults downwards leaves it at the element that faulted', () => {
  const machine = counting()
    .set(rdi, data + 0x1008)
    .set(rcx, 10)
    .set(rax, -1n);
  machine.bare.unmap(data);

  const trap = machine.run([std, rep, ...stosd]);

  assert.equal(trap?.vector, pageFault);
  assert.equal(machine.bare.engine.cpu.state.cr2.value, BigInt(data + 0xffc));
  assert.deepEqual([machine.get(rcx), machine.get(rdi)], [7n, BigInt(data + 0xffc)]);
});

test('a scan stops behind the byte that it looks for and has the flags of its last comparison', () => {
  const machine = counting().set(rdi, data).set(rcx, 0x1000).set(rax, 200);

  machine.run([repne, 0xae]);

  assert.deepEqual([machine.get(rdi), machine.get(rcx)], [BigInt(data + 201), 0x1000n - 201n]);
  assert.ok(machine.eflags & flag.ZF);
});

test('a scan for what is not there ends with the count', () => {
  const machine = counting().set(rdi, data).set(rcx, 10_000).set(rax, 0xff);

  machine.run([repne, 0xae]);

  assert.deepEqual([machine.get(rdi), machine.get(rcx)], [BigInt(data + 10_000), 0n]);
  // 0xff - 209 = 0x2e: four one bits, no borrow.
  assert.equal(machine.eflags & sixFlags, flag.PF);
});

test('REPE goes on while elements are equal', () => {
  const machine = counting()
    .set(rdi, data + 0x1000)
    .set(rcx, 100)
    .set(rax, -1n);
  machine.bare.ram.fill(0xff, data + 0x1000, data + 0x1000 + 24);

  machine.run([rep, 0x48, 0xaf]); // repe scasq

  assert.deepEqual([machine.get(rdi), machine.get(rcx)], [BigInt(data + 0x1000 + 32), 96n]);
  assert.ok(!(machine.eflags & flag.ZF));
});

test('a comparison stops at the first difference with the flags of source minus destination', () => {
  const machine = counting()
    .set(rsi, data)
    .set(rdi, data + 251 * 4)
    .set(rcx, 0x800);
  machine.bare.ram[data + 251 * 4 + 300] = 0xf0; // Source: 49.

  machine.run([rep, 0xa6]);

  assert.deepEqual(registers(machine), [0x800n - 301n, BigInt(data + 301), BigInt(data + 251 * 4 + 301)]);
  // 0x31 - 0xf0 = 0x41: borrow, two one bits.
  assert.equal(machine.eflags & sixFlags, flag.CF | flag.PF);
});

test('a comparison that faults has the flags from before it', () => {
  const machine = counting()
    .set(rsi, data + 0xffe)
    .set(rdi, data + 0x4ffe)
    .set(rcx, 5);
  machine.bare.unmap(data + 0x1000);
  machine.eflags = flag.CF | flag.OF;
  machine.bare.ram.copyWithin(data + 0x4ffe, data + 0xffe, data + 0x1003);

  const trap = machine.run([rep, 0xa6]);

  assert.equal(trap?.vector, pageFault);
  assert.equal(Number(trap?.eflags) & sixFlags, flag.CF | flag.OF);
  assert.deepEqual(registers(machine), [3n, BigInt(data + 0x1000), BigInt(data + 0x5000)]);
});

test('LODS loads the last element and clears the upper half of RAX with 32 bits', () => {
  const machine = counting().set(rsi, data).set(rcx, 5000).set(rax, -1n);

  machine.run([rep, 0xad]);

  assert.equal(machine.get(rax), BigInt(machine.bare.view.getUint32(data + 4 * 4999, true)));
  assert.deepEqual([machine.get(rcx), machine.get(rsi)], [0n, BigInt(data + 20_000)]);
});

test('LODSB keeps the rest of RAX', () => {
  const machine = counting()
    .set(rsi, data + 9)
    .set(rax, -1n);

  machine.run([0xac]);

  assert.equal(machine.get(rax), 0xffffffffffffff09n);
});

test('the address-size prefix makes registers of 32 bits of them, zero-extended', () => {
  const high = 5n << 32n;
  const machine = counting();
  machine
    .set(rsi, high | BigInt(data))
    .set(rdi, high | BigInt(data + 0x4000))
    .set(rcx, high | 3n);

  machine.run([0x67, rep, ...movsb]);

  assert.deepEqual(registers(machine), [0n, BigInt(data + 3), BigInt(data + 0x4003)]);
  assert.deepEqual(bytes(machine, data + 0x4000, 4), [...pattern(0, 3), 0x4003 % 251]);
});

test('elements across two pages are moved whole', () => {
  const machine = counting()
    .set(rsi, data + 0xffd)
    .set(rdi, data + 0x4ffb)
    .set(rcx, 3);

  machine.run([rep, ...movsq]);

  assert.deepEqual(bytes(machine, data + 0x4ffb, 24), pattern(0xffd, 24));
});

test('a copy to a device gives it every element once, in order', () => {
  const machine = counting()
    .set(rsi, data)
    .set(rdi, device + 8)
    .set(rcx, 3);

  machine.run([rep, ...movsw]);

  assert.deepEqual(machine.bare.bus.log, [
    'write mmio fe000008/2=100',
    'write mmio fe00000a/2=302',
    'write mmio fe00000c/2=504',
  ]);
});

test('a copy from a device reads every element once', () => {
  const machine = counting().set(rsi, device).set(rdi, data).set(rcx, 2);

  machine.run([rep, 0xa5]);

  assert.deepEqual(machine.bare.bus.log, ['read mmio fe000000/4', 'read mmio fe000004/4']);
  assert.deepEqual(bytes(machine, data, 9), [255, 255, 255, 255, 255, 255, 255, 255, 8]);
});

test('a copy from a device whose destination faults has read one element', () => {
  const machine = counting().set(rsi, device).set(rdi, data).set(rcx, 2);
  machine.bare.unmap(data);

  const trap = machine.run([rep, 0xa5]);

  assert.equal(trap?.vector, pageFault);
  assert.equal(machine.bare.bus.log.length, 1);
});

test('a fill over its own code goes on with what was written', () => {
  const machine = new TrapMachine()
    .set(rdi, code + 2)
    .set(rcx, 1)
    .set(rax, 0xf4f4c0ff);

  machine.run([rep, 0xab, 0x0f, 0x0b, 0x0f, 0x0b]); // rep stosd over ud2: inc eax; hlt

  assert.equal(machine.get(rax), 0xf4f4c100n);
});

test('each element of a repeated instruction is part of one instruction for the counters', () => {
  const machine = counting()
    .set(rsi, data)
    .set(rdi, data + 0x4000)
    .set(rcx, 100);

  machine.run([rep, ...movsb]);

  assert.equal(machine.instructions, 2);
});

test('XLAT adds AL to the base without changing it and reads one byte', () => {
  const machine = counting()
    .set(3, data + 0xffe)
    .set(rax, 0x1105);

  machine.run([0xd7]);

  assert.equal(machine.get(rax), 0x1100n + BigInt(0x1003 % 251));
  assert.equal(machine.get(3), BigInt(data + 0xffe));
});

test('single-byte fills use AL only', () => {
  const machine = new TrapMachine().set(rdi, data).set(rcx, 5).set(rax, 0x1234);

  machine.run([rep, ...stosb]);

  assert.deepEqual(bytes(machine, data, 6), [0x34, 0x34, 0x34, 0x34, 0x34, 0]);
});

test('a slice is soon over whatever a repeated instruction does to a device', () => {
  const machine = new TrapMachine().set(rdi, device).set(rcx, 1n << 40n);
  machine.bare.load(code, 0xfd, rep, 0xaa); // std; rep stosb: downwards from the device, then through RAM
  machine.bare.run(code, 4);

  assert.ok(1024 > elementsDone(machine), `${elementsDone(machine)} elements`);
});

/** Elements that are done of the 2 to the 40. */
const elementsDone = (machine: TrapMachine): number => Number((1n << 40n) - machine.get(rcx));
