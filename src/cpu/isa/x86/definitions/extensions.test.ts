/** What witnesses of user code do not see of the instruction-set extensions: faults, pages, entropy, known answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../../../testing/trap-machine.ts';
import { InterpreterEngine } from '../../../interpreter/index.ts';
import { createJitEngine } from '../../../jit/index.ts';
import { flag, layout } from '../layout.ts';
import { setMxcsr } from '../mxcsr.ts';
import { cr4 } from '../system/index.ts';

const { data } = TrapMachine;
const [rax, rcx, rdx, rdi] = [0, 1, 2, 7];
const generalProtection = 13;
const pageFault = 14;
const page = 0x1000;

const engines = {
  interpreter: () => new TrapMachine((parts) => new InterpreterEngine(parts)),
  jit: () => new TrapMachine((parts) => createJitEngine(parts, { threshold: 1, batch: 1 })),
};

function withSse(create: () => TrapMachine): TrapMachine {
  const machine = create();
  const setCr4 = [0x0f, 0x20, 0xe0, 0x09, 0xc8, 0x0f, 0x22, 0xe0]; // mov rax, cr4; or eax, ecx; mov cr4, rax
  assert.equal(machine.set(rcx, cr4.OSFXSR).run(setCr4), undefined);
  return machine.set(rdi, data);
}

const setXmm = ({ bare }: TrapMachine, number: number, bytes: readonly number[]): void =>
  bare.engine.cpu.state.u8.set(bytes, layout.xmm + 16 * number);
const xmm = ({ bare }: TrapMachine, number: number): string =>
  Buffer.from(bare.engine.cpu.state.u8.subarray(layout.xmm + 16 * number, layout.xmm + 16 * number + 16)).toString(
    'hex',
  );
/** Sets MXCSR and four floats each in XMM0 and XMM1, and runs code: MXCSR and XMM0 afterwards. */
function withFloats(
  create: () => TrapMachine,
  mxcsr: number,
  [a, b]: readonly [readonly number[], readonly number[]],
  code: readonly number[],
): [mxcsr: string, result: number[], trap: number | undefined] {
  const machine = withSse(create);
  const { view, i32 } = machine.bare.engine.cpu.state;
  setMxcsr(i32, mxcsr);
  for (let i = 0; i < 4; i++) {
    view.setFloat32(layout.xmm + 4 * i, a[i] ?? 0, true);
    view.setFloat32(layout.xmm + 16 + 4 * i, b[i] ?? 0, true);
  }
  const trap = machine.run(code);
  const result = Array.from({ length: 4 }, (_, i) => view.getFloat32(layout.xmm + 4 * i, true));
  return [i32[layout.mxcsr >> 2]?.toString(16) ?? '', result, trap?.vector];
}

const fromHex = (text: string): number[] => [...Buffer.from(text.replaceAll(' ', ''), 'hex')];
const ascii = (text: string): number[] => [...Buffer.from(text.padEnd(16, '\0'))];

/** With a memory operand at [rdi]. */
const aligned = {
  pshufb: [0x66, 0x0f, 0x38, 0x00, 0x07],
  palignr: [0x66, 0x0f, 0x3a, 0x0f, 0x07, 4],
  haddps: [0xf2, 0x0f, 0x7c, 0x07],
  movntdqa: [0x66, 0x0f, 0x38, 0x2a, 0x07],
  aesenc: [0x66, 0x0f, 0x38, 0xdc, 0x07],
  pclmulqdq: [0x66, 0x0f, 0x3a, 0x44, 0x07, 0],
  sha256msg1: [0x0f, 0x38, 0xcc, 0x07],
  roundps: [0x66, 0x0f, 0x3a, 0x08, 0x07, 0],
} as const;
const anywhere = {
  lddqu: [0xf2, 0x0f, 0xf0, 0x07],
  pcmpistri: [0x66, 0x0f, 0x3a, 0x63, 0x07, 0x0c],
  pmovzxbw: [0x66, 0x0f, 0x38, 0x30, 0x07],
  insertps: [0x66, 0x0f, 0x3a, 0x21, 0x07, 0],
  movddup: [0xf2, 0x0f, 0x12, 0x07],
  movbe: [0x48, 0x0f, 0x38, 0xf0, 0x07],
  crc32: [0xf2, 0x48, 0x0f, 0x38, 0xf1, 0x07],
  pshufbMmx: [0x0f, 0x38, 0x00, 0x07],
} as const;

for (const [engine, create] of Object.entries(engines)) {
  test(`${engine}: vectors in memory are aligned, or #GP(0) leaves everything as it was`, () => {
    for (const [name, code] of Object.entries(aligned)) {
      const machine = withSse(create).set(rdi, data + 8);
      setXmm(machine, 0, ascii('unchanged'));

      const trap = machine.run(code);

      assert.deepEqual([trap?.vector, trap?.errorCode], [generalProtection, 0n], name);
      assert.equal(xmm(machine, 0), Buffer.from(ascii('unchanged')).toString('hex'), name);
      assert.equal(machine.set(rdi, data).run(code), undefined, name);
    }
  });

  test(`${engine}: operands that need no alignment may lie in two pages`, () => {
    for (const [name, code] of Object.entries(anywhere)) {
      const machine = withSse(create).set(rdi, data + page - 3);

      assert.equal(machine.run(code), undefined, name);
    }
  });

  test(`${engine}: an operand whose second page is missing faults there and changes nothing`, () => {
    for (const [name, code] of Object.entries(anywhere)) {
      const machine = withSse(create)
        .set(rdi, data + page - 3)
        .set(rax, 5)
        .set(rcx, 6);
      setXmm(machine, 0, ascii('unchanged'));
      machine.bare.unmap(data + page);

      const trap = machine.run(code);

      assert.deepEqual([trap?.vector, machine.bare.engine.cpu.state.cr2.value], [pageFault, BigInt(data + page)], name);
      assert.deepEqual([machine.get(rax), machine.get(rcx)], [5n, 6n], name);
      assert.equal(xmm(machine, 0), Buffer.from(ascii('unchanged')).toString('hex'), name);
    }
  });

  test(`${engine}: a store over two pages goes to both, or to none`, () => {
    const machine = withSse(create)
      .set(rdi, data + page - 2)
      .set(rax, 0x0123_4567_89ab_cdefn);
    const movbe = [0x48, 0x0f, 0x38, 0xf1, 0x07]; // movbe [rdi], rax

    machine.run(movbe);
    const stored = machine.bare.view.getBigUint64(data + page - 2, false);
    machine.bare.view.setBigUint64(data + page - 2, 0n);
    machine.bare.unmap(data + page);
    const trap = machine.run(movbe);

    assert.equal(stored, 0x0123_4567_89ab_cdefn);
    assert.equal(trap?.vector, pageFault);
    assert.equal(machine.bare.view.getUint16(data + page - 2), 0);
  });

  test(`${engine}: RDRAND and RDSEED give what the host has, in the width that is asked for`, () => {
    const programs = [
      [[0x48, 0x0f, 0xc7, 0xf0], 0x0123_4567_89ab_cdefn], // rdrand rax
      [[0x0f, 0xc7, 0xf8], 0x89ab_cdefn], // rdseed eax
      [[0x66, 0x0f, 0xc7, 0xf0], 0xffff_ffff_ffff_cdefn], // rdrand ax
    ] as const;
    for (const [code, expected] of programs) {
      const machine = create().set(rax, -1);
      machine.eflags = flag.OF | flag.SF | flag.ZF | flag.AF | flag.PF;

      machine.run(code);

      assert.equal(machine.get(rax), expected);
      assert.equal(machine.eflags & 0x8d5, flag.CF);
    }
  });

  test(`${engine}: AES encrypts and decrypts the example of FIPS 197, appendix B`, () => {
    const machine = withSse(create);
    const input = fromHex('3243f6a8 885a308d 313198a2 e0370734');
    const key = fromHex('2b7e1516 28aed2a6 abf71588 09cf4f3c');
    const nextKey = 'a0fafe1788542cb123a339392a6c7605';
    setXmm(
      machine,
      0,
      input.map((byte, i) => byte ^ (key[i] ?? 0)),
    );
    setXmm(machine, 1, fromHex(nextKey));
    setXmm(machine, 3, key);

    machine.run([0x66, 0x0f, 0x38, 0xdc, 0xc1]); // aesenc xmm0, xmm1
    machine.run([0x66, 0x0f, 0x3a, 0xdf, 0xd3, 0x01]); // aeskeygenassist xmm2, xmm3, 1

    assert.equal(xmm(machine, 0), 'a49c7ff2689f352b6b5bea43026a5049');
    // The highest word is what the first word of the next round key differs by.
    const assisted = Buffer.from(fromHex(xmm(machine, 2))).readUInt32LE(12);
    assert.equal((assisted ^ Buffer.from(key).readUInt32LE(0)) >>> 0, Buffer.from(fromHex(nextKey)).readUInt32LE(0));
  });

  test(`${engine}: the rounds of AES are undone by those of the inverse cipher`, () => {
    const machine = withSse(create);
    const state = fromHex('00112233445566778899aabbccddeeff');
    setXmm(machine, 0, state);
    setXmm(machine, 1, new Array(16).fill(0));

    machine.run([0x66, 0x0f, 0x38, 0xdd, 0xc1]); // aesenclast xmm0, xmm1
    machine.run([0x66, 0x0f, 0x38, 0xdf, 0xc1]); // aesdeclast xmm0, xmm1

    assert.equal(xmm(machine, 0), Buffer.from(state).toString('hex'));
  });

  test(`${engine}: CRC32 of "123456789" is the check value of CRC-32C`, () => {
    const machine = withSse(create).set(rax, 0xffff_ffff);
    machine.bare.ram.set(ascii('123456789'), data);

    machine.run([0xf2, 0x48, 0x0f, 0x38, 0xf1, 0x07, 0xf2, 0x0f, 0x38, 0xf0, 0x47, 8]); // crc32 rax, [rdi]; eax, byte [rdi+8]

    assert.equal(machine.get(rax) ^ 0xffff_ffffn, 0xe306_9283n);
  });

  test(`${engine}: PCMPESTRI finds a string in another, and says where strings end`, () => {
    const machine = withSse(create).set(rax, 3).set(rdx, 12).set(rcx, -1);
    setXmm(machine, 1, ascii('dog'));
    machine.bare.ram.set(ascii('the lazy dog'), data);

    machine.run([0x66, 0x0f, 0x3a, 0x61, 0x0f, 0x0c]); // pcmpestri xmm1, [rdi], equal ordered

    assert.equal(machine.get(rcx), 9n);
    assert.equal(machine.eflags & 0x8d5, flag.CF | flag.ZF | flag.SF);
  });

  test(`${engine}: ROUNDPS follows its immediate or MXCSR, and bit 3 keeps inexact results quiet`, () => {
    const operands = [[], [1.5, -2.5, 0.25, -0.75]] as const;
    const round = (mxcsr: number, immediate: number) =>
      withFloats(create, mxcsr, operands, [0x66, 0x0f, 0x3a, 0x08, 0xc1, immediate]);

    assert.deepEqual(round(0x1f80, 0), ['1fa0', [2, -2, 0, -1], undefined]);
    assert.deepEqual(round(0x1f80, 8 | 1), ['1f80', [1, -3, 0, -1], undefined]);
    assert.deepEqual(round(0x5f80, 8 | 4), ['5f80', [2, -2, 1, -0], undefined]);
    assert.deepEqual(round(0x7fa0, 4), ['7fa0', [1, -2, 0, -0], undefined]);
    assert.deepEqual(round(0x0f80, 2), ['fa0', [0, 0, 0, 0], 6]);
    assert.deepEqual(round(0x0f80, 8 | 2), ['f80', [2, -2, 1, -0], undefined]);
  });

  test(`${engine}: ROUNDSS takes denormals for zeros when MXCSR says so, and reports none`, () => {
    const operands = [[], [2 ** -140, 7]] as const;
    const ceil = [0x66, 0x0f, 0x3a, 0x0a, 0xc1, 2];

    assert.deepEqual(withFloats(create, 0x1f80, operands, ceil), ['1fa0', [1, 0, 0, 0], undefined]);
    assert.deepEqual(withFloats(create, 0x1fc0, operands, ceil), ['1fc0', [0, 0, 0, 0], undefined]);
  });

  test(`${engine}: each step of DPPS is rounded and reported, and what is left out is not`, () => {
    const dot = (mxcsr: number, a: number[], b: number[], immediate: number) =>
      withFloats(create, mxcsr, [a, b], [0x66, 0x0f, 0x3a, 0x40, 0xc1, immediate]);
    const tiny = 2 ** -24;

    // Upwards, each of the small products counts; to nearest, none does.
    assert.deepEqual(dot(0x5f80, [1, tiny, 1, tiny], [1, 1, 1, 1], 0xf1), ['5fa0', [2 + 2 ** -22, 0, 0, 0], undefined]);
    assert.deepEqual(dot(0x1f80, [1, tiny, 1, tiny], [1, 1, 1, 1], 0xf3), ['1fa0', [2, 2, 0, 0], undefined]);
    assert.deepEqual(dot(0x1f80, [1, Infinity, 1, 2], [3, 0, 4, 5], 0xd8), ['1f80', [0, 0, 0, 17], undefined]);
    // A product that underflows is a denormal operand of the sum.
    assert.deepEqual(dot(0x1f80, [2 ** -100, 1], [2 ** -40, 0], 0x31), ['1f82', [2 ** -140, 0, 0, 0], undefined]);
    assert.deepEqual(dot(0x9f80, [2 ** -100, 1], [2 ** -40, 0], 0x31), ['9fb0', [0, 0, 0, 0], undefined]);
  });

  test(`${engine}: sums of neighbours and alternating ones are rounded as MXCSR says`, () => {
    const tiny = 2 ** -30;
    const operands = [
      [1, tiny, -1, tiny],
      [1, 1, 1, -1],
    ] as const;

    const horizontal = withFloats(create, 0x5f80, operands, [0xf2, 0x0f, 0x7c, 0xc1]); // haddps xmm0, xmm1
    const alternating = withFloats(create, 0x3f80, operands, [0xf2, 0x0f, 0xd0, 0xc1]); // addsubps xmm0, xmm1

    assert.deepEqual(horizontal, ['5fa0', [1 + 2 ** -23, -1 + 2 ** -24, 2, 0], undefined]);
    assert.deepEqual(alternating, ['3fa0', [-0, 1, -2, -1], undefined]);
  });

  test(`${engine}: FISTTP truncates whatever the rounding control says, and pops`, () => {
    const machine = withSse(create);
    machine.bare.view.setFloat64(data, -2.75, true);

    machine.run([0xdb, 0xe3, 0xdd, 0x07, 0xdd, 0x4f, 0x08]); // fninit; fld qword [rdi]; fisttp qword [rdi+8]

    const { state } = machine.bare.engine.cpu;
    assert.equal(machine.bare.view.getBigInt64(data + 8, true), -2n);
    assert.equal(state.view.getUint16(layout.x87Tag, true), 0);
    assert.equal(state.view.getUint16(layout.x87Status, true) & 0x20, 0x20);
  });
}
