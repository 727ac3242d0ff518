import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../testing/trap-machine.ts';
import { flag } from '../isa/x86/index.ts';

const { code, data, device } = TrapMachine;
const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi] = [0, 1, 2, 3, 4, 5, 6, 7];
const generalProtection = 13;
const pageFault = 14;
const edge = data + 0x1000;
const high = -0x7f00000000000000n;

const log = (machine: TrapMachine): string[] => machine.bare.bus.log;
const read64 = (machine: TrapMachine, at: number): bigint => machine.bare.view.getBigUint64(at, true);
const write64 = (machine: TrapMachine, at: number, value: bigint): void =>
  machine.bare.view.setBigUint64(at, BigInt.asUintN(64, value), true);

test('a device sees loads of every size as the program makes them', () => {
  const machine = new TrapMachine().set(rbx, device + 0x10);
  for (let i = 0; i < 8; i++) machine.bare.bus.mmio.set(0xfe000010 + i, 0x81 + i);
  const results: bigint[] = [];

  for (const load of [
    [0x8a, 0x03],
    [0x66, 0x8b, 0x03],
    [0x8b, 0x03],
    [0x48, 0x8b, 0x03],
  ]) {
    machine.set(rax, 0).run(load);
    results.push(machine.get(rax));
  }

  assert.deepEqual(results, [0x81n, 0x8281n, 0x84838281n, 0x8887868584838281n]);
  assert.deepEqual(log(machine), [
    'read mmio fe000010/1',
    'read mmio fe000010/2',
    'read mmio fe000010/4',
    'read mmio fe000010/4',
    'read mmio fe000014/4',
  ]);
});

test('a device sees CMPXCHG write what it read when that is not what it was compared with', () => {
  const machine = new TrapMachine()
    .set(rbx, device + 0x10)
    .set(rax, 1)
    .set(rcx, 2);
  for (let i = 0; i < 4; i++) machine.bare.bus.mmio.set(0xfe000010 + i, 0x81 + i);

  machine.run([0x0f, 0xb1, 0x0b]); // cmpxchg [rbx], ecx

  assert.deepEqual(log(machine), ['read mmio fe000010/4', 'write mmio fe000010/4=84838281']);
  assert.equal(machine.get(rax), 0x84838281n);
});

test('a device sees stores of every size once and is not read by them', () => {
  const machine = new TrapMachine().set(rbx, device + 0x10).set(rax, 0x1122334455667788n);

  for (const store of [
    [0x88, 0x03],
    [0x66, 0x89, 0x03],
    [0x89, 0x03],
    [0x48, 0x89, 0x03],
  ])
    machine.run(store);

  assert.deepEqual(log(machine), [
    'write mmio fe000010/1=88',
    'write mmio fe000010/2=7788',
    'write mmio fe000010/4=55667788',
    'write mmio fe000010/4=55667788',
    'write mmio fe000014/4=11223344',
  ]);
});

test('a read-modify-write of a device is one read and one write', () => {
  const machine = new TrapMachine().set(rbx, device);
  machine.bare.bus.mmio.set(0xfe000000, 0x0f);

  machine.run([0x80, 0x0b, 0xf0]); // or byte [rbx], 0xf0

  assert.deepEqual(log(machine), ['read mmio fe000000/1', 'write mmio fe000000/1=ff']);
});

test('a comparison with a device only reads it', () => {
  const machine = new TrapMachine().set(rbx, device);

  machine.run([0x83, 0x3b, 0xff]); // cmp dword [rbx], -1

  assert.deepEqual(log(machine), ['read mmio fe000000/4']);
  assert.ok(machine.eflags & flag.ZF);
});

test('a vector goes to a device in pieces that it can take', () => {
  const machine = new TrapMachine().set(rbx, device);
  machine.bare.engine.cpu.state.cr4 |= 0x200; // OSFXSR
  machine.bare.engine.cpu.restoreState(machine.bare.engine.cpu.saveState());

  machine.run([0x0f, 0x57, 0xc0, 0x0f, 0x11, 0x03]); // xorps xmm0, xmm0; movups [rbx], xmm0

  const written = log(machine).map((line) => line.replace(/^write mmio fe0000(..)\/4=0$/, '$1'));
  assert.deepEqual(written, ['00', '04', '08', '0c']);
});

test('a read-modify-write across two pages changes all its bytes and no other', () => {
  for (let inFirst = 1; inFirst < 8; inFirst++) {
    const at = edge - inFirst;
    const machine = new TrapMachine().set(rbx, at).set(rcx, 0x0101010101010101n);
    machine.bare.ram.fill(0xee, edge - 16, edge + 16);
    write64(machine, at, 0x8877665544332211n);

    machine.run([0x48, 0x01, 0x0b]); // add [rbx], rcx

    assert.equal(read64(machine, at), 0x8978675645342312n, `${inFirst} bytes in the first page`);
    assert.deepEqual([machine.bare.ram[at - 1], machine.bare.ram[at + 8]], [0xee, 0xee]);
  }
});

test('two pages that are apart in memory are one to an access across them', () => {
  const machine = new TrapMachine().set(rbx, edge - 3).set(rax, 0x1122334455667788n);
  const elsewhere = data + 0x8000;
  machine.bare.map(edge, elsewhere);

  machine.run([0x48, 0x89, 0x03, 0x48, 0x8b, 0x0b]); // mov [rbx], rax; mov rcx, [rbx]

  assert.equal(machine.get(rcx), 0x1122334455667788n);
  assert.deepEqual([...machine.bare.ram.subarray(edge - 3, edge)], [0x88, 0x77, 0x66]);
  assert.deepEqual([...machine.bare.ram.subarray(elsewhere, elsewhere + 5)], [0x55, 0x44, 0x33, 0x22, 0x11]);
  assert.equal(machine.bare.ram[edge], 0);
});

test('a store from RAM into a device splits where the page does', () => {
  const machine = new TrapMachine().set(rbx, device - 3).set(rax, 0x1122334455667788n);

  machine.run([0x48, 0x89, 0x03]);

  assert.deepEqual([...machine.bare.ram.subarray(device - 3, device)], [0x88, 0x77, 0x66]);
  const bytes = [0x55, 0x44, 0x33, 0x22, 0x11];
  assert.deepEqual(
    bytes.map((_, i) => machine.bare.bus.mmio.get(0xfe000000 + i)),
    bytes,
  );
  assert.equal(machine.bare.bus.mmio.size, 5);
});

test('a store from a device into RAM splits where the page does', () => {
  const machine = new TrapMachine().set(rbx, device + 0xffe).set(rax, 0x11223344);
  machine.bare.ram.fill(0xee, device + 0x1000, device + 0x1008);

  machine.run([0x89, 0x03]);

  assert.deepEqual([machine.bare.bus.mmio.get(0xfe000ffe), machine.bare.bus.mmio.get(0xfe000fff)], [0x44, 0x33]);
  assert.deepEqual([...machine.bare.ram.subarray(device + 0x1000, device + 0x1003)], [0x22, 0x11, 0xee]);
});

test('a device is not written when the rest of the store faults', () => {
  const machine = new TrapMachine().set(rbx, device + 0xffe).set(rax, 0x11223344);
  machine.bare.unmap(device + 0x1000);

  const trap = machine.run([0x89, 0x03]);

  assert.equal(trap?.vector, pageFault);
  assert.deepEqual(log(machine), []);
});

test('a pop into memory addressed by RSP uses the stack pointer after the pop', () => {
  const machine = new TrapMachine().set(rsp, data + 0x100);
  write64(machine, data + 0x100, 0x1234567890abcdefn);

  machine.run([0x8f, 0x44, 0x24, 0x10]); // pop [rsp+16]

  assert.equal(read64(machine, data + 0x118), 0x1234567890abcdefn);
  assert.equal(machine.get(rsp), BigInt(data + 0x108));
});

test('a pop of 16 bits into memory addressed by RSP and an index moves the address by two', () => {
  const machine = new TrapMachine().set(rsp, data + 0x100).set(rcx, 4);
  machine.bare.view.setUint16(data + 0x100, 0xbeef, true);

  machine.run([0x66, 0x8f, 0x44, 0x8c, 0x02]); // pop word [rsp+rcx*4+2]

  assert.equal(machine.bare.view.getUint16(data + 0x100 + 2 + 16 + 2, true), 0xbeef);
  assert.equal(machine.get(rsp), BigInt(data + 0x102));
});

test('a push of memory addressed by RSP uses the stack pointer before the push', () => {
  const machine = new TrapMachine().set(rsp, data + 0x100);
  write64(machine, data + 0x108, 77n);

  machine.run([0xff, 0x74, 0x24, 0x08]);

  assert.equal(read64(machine, data + 0xf8), 77n);
});

test('PUSH RSP stores the old pointer and POP RSP takes the popped one', () => {
  const machine = new TrapMachine().set(rsp, data + 0x100);

  machine.run([0x54]);
  const pushed = read64(machine, data + 0xf8);
  write64(machine, data + 0xf8, BigInt(data + 0x800));
  machine.run([0x5c]);

  assert.equal(pushed, BigInt(data + 0x100));
  assert.equal(machine.get(rsp), BigInt(data + 0x800));
});

test('LEAVE takes the frame from RBP', () => {
  const machine = new TrapMachine().set(rsp, data).set(rbp, data + 0x100);
  write64(machine, data + 0x100, 0x55n);

  machine.run([0xc9]);

  assert.deepEqual([machine.get(rsp), machine.get(rbp)], [BigInt(data + 0x108), 0x55n]);
});

test('exchanges of a register with itself or its own half', () => {
  const value = 0x1122334455667788n;
  const cases: [number[], bigint][] = [
    [[0x48, 0x0f, 0xc1, 0xc0], value * 2n], // xadd rax, rax
    [[0x48, 0x87, 0xc0], value], // xchg rax, rax
    [[0x87, 0xc0], 0x55667788n], // xchg eax, eax: the upper half is cleared
    [[0x86, 0xc4], 0x1122334455668877n], // xchg al, ah
    [[0x0f, 0xc0, 0xe0], 0x11223344556688ffn], // xadd al, ah
  ];
  for (const [bytes, expected] of cases) {
    const machine = new TrapMachine().set(rax, value);

    machine.run(bytes);

    assert.equal(machine.get(rax), expected, `${bytes}`);
  }
});

test('an exchange of a base register with its own memory uses the old base', () => {
  const machine = new TrapMachine().set(rbx, data);
  write64(machine, data, 5n);

  machine.run([0x48, 0x87, 0x1b]); // xchg [rbx], rbx

  assert.deepEqual([machine.get(rbx), read64(machine, data)], [5n, BigInt(data)]);
});

test('XADD into memory adds and gives the old value back, with the flags of the addition', () => {
  const machine = new TrapMachine().set(rbx, data).set(rcx, 1);
  machine.bare.view.setUint32(data, 0xffffffff, true);

  machine.run([0xf0, 0x0f, 0xc1, 0x0b]); // lock xadd [rbx], ecx

  assert.deepEqual([machine.get(rcx), machine.bare.view.getUint32(data, true)], [0xffffffffn, 0]);
  assert.ok(machine.eflags & flag.ZF && machine.eflags & flag.CF);
});

test('a load into a register that the address is made of uses its old value', () => {
  const machine = new TrapMachine().set(rax, data).set(rcx, 8);
  write64(machine, data + 16, 99n);

  machine.run([0x48, 0x8b, 0x04, 0x48]); // mov rax, [rax+rcx*2]

  assert.equal(machine.get(rax), 99n);
});

test('bit strings reach before and behind their address by a signed bit number', () => {
  const operations: [string, number, (byte: number, mask: number) => number][] = [
    ['bt', 0xa3, (byte) => byte],
    ['bts', 0xab, (byte, mask) => byte | mask],
    ['btr', 0xb3, (byte, mask) => byte & ~mask],
    ['btc', 0xbb, (byte, mask) => byte ^ mask],
  ];
  const sizes: [number[], number][] = [
    [[0x66], 16],
    [[], 32],
    [[0x48], 64],
  ];
  const machine = new TrapMachine();
  for (const [name, opcode, change] of operations) {
    for (const [prefix, width] of sizes) {
      for (const bit of [0, 5, 63, 64, 1000, -1, -8, -65, -1000, 32767, -32768]) {
        machine.set(rbx, data + 0x4000).set(rcx, bit);
        machine.bare.ram.fill(0x5a, data, data + 0x8000);
        const at = data + 0x4000 + Math.floor(bit / 8);
        const mask = 1 << (bit & 7);

        machine.run([...prefix, 0x0f, opcode, 0x0b]);

        const what = `${name} of ${width} bits, bit ${bit}`;
        assert.equal(machine.bare.ram[at], change(0x5a, mask), what);
        assert.equal(machine.eflags & flag.CF, 0x5a & mask ? flag.CF : 0, what);
        const others = machine.bare.ram.subarray(data, data + 0x8000).filter((byte) => byte !== 0x5a).length;
        assert.equal(others, change(0x5a, mask) === 0x5a ? 0 : 1, what);
      }
    }
  }
});

test('a bit number of 32 bits is signed and one of 64 bits is whole', () => {
  const machine = new TrapMachine().set(rbx, data + 0x1000).set(rcx, 0xffff_ffffn);

  machine.run([0x0f, 0xab, 0x0b]); // bts [rbx], ecx: bit -1

  assert.equal(machine.bare.ram[data + 0xfff], 0x80);
  const trap = machine.set(rcx, 1n << 62n).run([0x48, 0x0f, 0xa3, 0x0b]); // bt [rbx], rcx
  assert.equal(trap?.vector, generalProtection);
});

test('a bit instruction with an immediate or a register stays within its operand', () => {
  const machine = new TrapMachine().set(rbx, data).set(rcx, 37).set(rax, 0);

  machine.run([0x0f, 0xba, 0x2b, 0xe5, 0x0f, 0xab, 0xc8]); // bts dword [rbx], 0xe5; bts eax, ecx

  assert.equal(machine.bare.view.getBigUint64(data, true), 1n << 5n);
  assert.equal(machine.get(rax), 1n << 5n);
});

test('CMPXCHG8B stores when EDX:EAX matches and loads them when not', () => {
  const machine = new TrapMachine().set(rsi, data);
  machine
    .set(rax, high | 0x55667788n)
    .set(rdx, high | 0x11223344n)
    .set(rbx, 0xaaaaaaaa)
    .set(rcx, 0xbbbbbbbb);
  write64(machine, data, 0x1122334455667788n);
  const bytes = [0xf0, 0x0f, 0xc7, 0x0e];

  machine.run(bytes);
  const whenEqual = [read64(machine, data), machine.eflags & flag.ZF, machine.get(rax)];
  machine.run(bytes);

  assert.deepEqual(whenEqual, [0xbbbbbbbbaaaaaaaan, flag.ZF, BigInt.asUintN(64, high | 0x55667788n)]);
  assert.deepEqual([machine.get(rdx), machine.get(rax), machine.eflags & flag.ZF], [0xbbbbbbbbn, 0xaaaaaaaan, 0]);
  assert.equal(read64(machine, data), 0xbbbbbbbbaaaaaaaan);
});

test('CMPXCHG8B changes no other flag than ZF', () => {
  const machine = new TrapMachine().set(rsi, data).set(rax, 1);
  machine.eflags = flag.CF | flag.PF | flag.AF | flag.ZF | flag.SF | flag.OF;

  machine.run([0x0f, 0xc7, 0x0e]);

  assert.equal(machine.eflags & 0x8d5, flag.CF | flag.PF | flag.AF | flag.SF | flag.OF);
});

test('CMPXCHG16B exchanges sixteen aligned bytes and raises #GP for others', () => {
  const machine = new TrapMachine().set(rsi, data + 16);
  machine.set(rax, 1).set(rdx, 2).set(rbx, 3).set(rcx, 4);
  write64(machine, data + 16, 1n);
  write64(machine, data + 24, 2n);
  const bytes = [0x48, 0x0f, 0xc7, 0x0e];

  machine.run(bytes);
  const stored = [read64(machine, data + 16), read64(machine, data + 24), machine.eflags & flag.ZF];
  machine.run(bytes);
  const trap = machine.set(rsi, data + 8).run(bytes);

  assert.deepEqual(stored, [3n, 4n, flag.ZF]);
  assert.deepEqual([machine.get(rax), machine.get(rdx)], [3n, 4n]);
  assert.deepEqual([trap?.vector, trap?.errorCode, trap?.rip], [generalProtection, 0n, BigInt(code)]);
});

test('CMPXCHG writes either the destination or the accumulator, whole', () => {
  const machine = new TrapMachine()
    .set(rax, high | 5n)
    .set(rbx, high | 5n)
    .set(rcx, 9);

  machine.run([0x0f, 0xb1, 0xcb]); // cmpxchg ebx, ecx
  const whenEqual = [machine.get(rax), machine.get(rbx)];
  machine.set(rbx, high | 7n).run([0x0f, 0xb1, 0xcb]);

  assert.deepEqual(whenEqual, [BigInt.asUintN(64, high | 5n), 9n]);
  assert.deepEqual([machine.get(rax), machine.get(rbx)], [7n, BigInt.asUintN(64, high | 7n)]);
});

test('segment bases of FS and GS count in 64-bit mode and wrap at 64 bits', () => {
  const machine = new TrapMachine().set(rbx, BigInt(data) + 0x1000n);
  machine.bare.engine.cpu.state.setSegmentBase(4, -0x1000);
  write64(machine, data + 8, 123n);

  machine.run([0x64, 0x48, 0x8b, 0x43, 0x08, 0x48, 0x8b, 0x4b, 0x08]); // mov rax, fs:[rbx+8]; mov rcx, [rbx+8]

  assert.deepEqual([machine.get(rax), machine.get(rcx)], [123n, 0n]);
});

test('addresses of 32 bits wrap before the segment base is added', () => {
  const machine = new TrapMachine().set(rbx, 0xffff_fffen).set(rsi, 0x10);
  machine.bare.engine.cpu.state.setSegmentBase(5, data);
  machine.bare.ram[data + 0x11] = 0x77;

  machine.run([0x65, 0x67, 0x8a, 0x44, 0x33, 0x03]); // mov al, gs:[ebx+esi+3]

  assert.equal(machine.get(rax) & 0xffn, 0x77n);
});

test('RIP-relative operands count from the end of the instruction, immediates included', () => {
  const machine = new TrapMachine();

  machine.run([0x48, 0xc7, 0x05, 0xf5, 0x0f, 0, 0, 0x2a, 0, 0, 0]); // mov qword [rip+0xff5], 42

  assert.equal(read64(machine, code + 0x1000), 42n);
});

test('LEA computes without touching memory, segments or flags', () => {
  const machine = new TrapMachine().set(rbx, 1n << 62n).set(rdi, 3);
  machine.bare.engine.cpu.state.setSegmentBase(4, 0x5000);

  machine.run([0x64, 0x48, 0x8d, 0x44, 0xfb, 0x01, 0x67, 0x8d, 0x4c, 0xfb, 0xff]); // lea rax, fs:[rbx+rdi*8+1]; lea ecx, [ebx+edi*8-1]

  assert.deepEqual([machine.get(rax), machine.get(rcx)], [(1n << 62n) + 25n, 23n]);
});
