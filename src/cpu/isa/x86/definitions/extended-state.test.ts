import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../../../testing/trap-machine.ts';
import { layout } from '../layout.ts';
import { setMxcsr } from '../mxcsr.ts';
import { cr0, cr4 } from '../system/index.ts';

const { data } = TrapMachine;
const [rax, rcx, rdx, rbx, rdi] = [0, 1, 2, 3, 7];
const xsave = [0x0f, 0xae, 0x27]; // xsave [rdi]
const xsave64 = [0x48, ...xsave];
const xrstor = [0x0f, 0xae, 0x2f]; // xrstor [rdi]
const xgetbv = [0x0f, 0x01, 0xd0];
const xsetbv = [0x0f, 0x01, 0xd1];
const setCr4 = [0x0f, 0x20, 0xe0, 0x09, 0xd8, 0x0f, 0x22, 0xe0]; // mov rax, cr4; or eax, ebx; mov cr4, rax
const [undefinedOpcode, notAvailable, generalProtection, pageFault] = [6, 7, 13, 14];
const header = data + 512;

/** With x87 and SSE in XCR0, all requested, and the area at RDI. */
function machine(components = 3): TrapMachine {
  const made = new TrapMachine().set(rbx, cr4.OSFXSR | cr4.OSXSAVE).set(rdi, data);
  assert.equal(made.run(setCr4), undefined);
  assert.equal(made.set(rax, 3).set(rdx, 0).set(rcx, 0).run(xsetbv), undefined);
  return made.set(rax, components);
}

const stateOf = ({ bare }: TrapMachine) => bare.engine.cpu.state;

test('XGETBV and XSETBV need CR4.OSXSAVE, and XCR0 keeps x87', () => {
  const plain = new TrapMachine().set(rcx, 0);
  const enabled = machine();

  assert.equal(plain.run(xgetbv)?.vector, undefinedOpcode);
  assert.equal(plain.run(xsetbv)?.vector, undefinedOpcode);
  assert.equal(plain.set(rdi, data).run(xsave)?.vector, undefinedOpcode);
  assert.equal(enabled.set(rax, 0).run(xgetbv), undefined);
  assert.deepEqual([enabled.get(rax), enabled.get(rdx)], [3n, 0n]);
  for (const value of [0, 2, 5, 8, 15]) assert.equal(enabled.set(rax, value).run(xsetbv)?.vector, generalProtection);
  assert.equal(enabled.set(rax, 3).set(rcx, 1).run(xsetbv)?.vector, generalProtection);
  assert.equal(enabled.set(rcx, 2).run(xgetbv)?.vector, generalProtection);
});

test('what XSAVE saves XRSTOR restores', () => {
  const m = machine();
  const state = stateOf(m);
  state.u8.fill(0x5a, layout.xmm, layout.xmm + 256);
  setMxcsr(state.i32, 0x1fa0);
  m.run([0xdb, 0xe3, 0xd9, 0xe8]); // fninit; fld1

  m.run(xsave64);
  state.u8.fill(0, layout.xmm, layout.xmm + 256);
  setMxcsr(state.i32, 0x1f80);
  m.run([0xdb, 0xe3]);
  m.run(xrstor);

  assert.equal(state.u8[layout.xmm + 255], 0x5a);
  assert.equal(state.word(layout.mxcsr), 0x1fa0);
  assert.equal(state.view.getUint16(layout.x87Tag, true), 0x80);
  assert.equal(m.bare.view.getUint32(header, true), 3);
});

const xsavec = [0x0f, 0xc7, 0x27]; // xsavec [rdi]
const xsaves = [0x0f, 0xc7, 0x2f]; // xsaves [rdi]
const xrstors = [0x0f, 0xc7, 0x1f]; // xrstors [rdi]

/** As `machine`, with all components. */
function wide(): TrapMachine {
  const m = machine(7);
  assert.equal(m.set(rax, 7).set(rdx, 0).set(rcx, 0).run(xsetbv), undefined);
  return m;
}

test('XGETBV with ECX = 1 tells which components are not initial', () => {
  const m = wide();
  const inUse = (): bigint => {
    assert.equal(m.set(rcx, 1).run(xgetbv), undefined);
    return m.get(rax);
  };

  const before = inUse();
  stateOf(m).u8[layout.ymmHigh + 255] = 1;

  assert.deepEqual([before, inUse()], [3n, 7n]);
});

for (const [name, save, restore] of [
  ['XSAVEC', xsavec, xrstor],
  ['XSAVES', xsaves, xrstors],
] as const) {
  test(`${name} saves in the compacted format, and what it saves is restored`, () => {
    const m = wide();
    const state = stateOf(m);
    state.u8.fill(0x5a, layout.xmm, layout.xmm + 256);
    state.u8.fill(0x3c, layout.ymmHigh, layout.ymmHigh + 256);
    setMxcsr(state.i32, 0x1fa0);
    m.bare.ram.fill(0, data, data + 832);
    m.set(rax, 7);

    assert.equal(m.run(save), undefined);
    state.u8.fill(0, layout.xmm, layout.xmm + 256);
    state.u8.fill(0, layout.ymmHigh, layout.ymmHigh + 256);
    setMxcsr(state.i32, 0x1f80);
    assert.equal(m.run(restore), undefined);

    const words = [0, 4, 8, 12].map((at) => m.bare.view.getUint32(header + at, true));
    assert.deepEqual(words, [7, 0, 7, 0x80000000]);
    assert.deepEqual(
      [state.u8[layout.xmm + 255], state.u8[layout.ymmHigh + 255], state.word(layout.mxcsr)],
      [0x5a, 0x3c, 0x1fa0],
    );
  });
}

test('XSAVEC writes nothing of what is initial, and its area initializes that and MXCSR', () => {
  const m = wide();
  const state = stateOf(m);
  m.bare.ram.fill(0xee, data, data + 832);
  m.set(rax, 6).run(xsavec);
  const untouched = [data + 24 - 24, data + 576].map((at) => m.bare.view.getUint32(at, true));
  m.bare.ram.fill(0, header + 16, header + 64);
  m.bare.view.setUint32(header, 0, true);
  state.u8.fill(0x5a, layout.xmm, layout.xmm + 256);
  state.u8.fill(0x5a, layout.ymmHigh, layout.ymmHigh + 256);
  setMxcsr(state.i32, 0x1fa0);

  m.run(xrstor);

  assert.deepEqual(untouched, [0xeeeeeeee, 0xeeeeeeee]);
  assert.deepEqual([state.u8[layout.xmm], state.u8[layout.ymmHigh], state.word(layout.mxcsr)], [0, 0, 0x1f80]);
});

for (const [what, spoil] of [
  ['a component that the area is not made for', (m: TrapMachine) => m.bare.view.setUint32(header + 8, 3, true)],
  ['a component that XCR0 lacks', (m: TrapMachine) => m.bare.view.setUint32(header + 8, 15, true)],
  ['reserved bits of the header', (m: TrapMachine) => m.bare.view.setUint32(header + 60, 1, true)],
  ['a reserved bit of XCOMP_BV', (m: TrapMachine) => m.bare.view.setUint32(header + 12, 0xc0000000, true)],
] as const) {
  test(`XRSTOR and XRSTORS refuse, of the compacted format, ${what}`, () => {
    const m = wide();
    m.bare.ram.fill(0, data, data + 832);
    stateOf(m).u8[layout.ymmHigh] = 1;
    m.set(rax, 7).run(xsavec);
    spoil(m);

    assert.deepEqual([m.run(xrstor)?.vector, m.run(xrstors)?.vector], [generalProtection, generalProtection]);
  });
}

test('XRSTORS refuses the standard format', () => {
  const m = wide();
  m.bare.ram.fill(0, data, data + 832);
  m.run(xsave);

  assert.deepEqual([m.run(xrstor)?.vector, m.run(xrstors)?.vector], [undefined, generalProtection]);
});

for (const [name, code] of [
  ['XRSTOR', xrstor],
  ['FXRSTOR', [0x0f, 0xae, 0x0f]],
] as const) {
  test(`arithmetic rounds and reports as the MXCSR that ${name} loads says`, () => {
    const m = machine();
    const state = stateOf(m);
    m.run(xsave);
    m.bare.view.setUint32(data + 24, 0x5f80, true); // Upwards, nothing reported yet.
    m.bare.view.setFloat32(data + 160, 1, true);
    m.bare.view.setFloat32(data + 176, 3, true);
    setMxcsr(state.i32, 0x1fa0);

    m.run([...code, 0xf3, 0x0f, 0x5e, 0xc1]); // divss xmm0, xmm1

    assert.equal(state.view.getUint32(layout.xmm, true), 0x3eaaaaab);
    assert.equal(state.word(layout.mxcsr), 0x5fa0);
    m.run([...code, 0xf3, 0x0f, 0xc2, 0xc0, 0x00, 0xf3, 0x0f, 0x5c, 0xc9]); // cmpeqss xmm0, xmm0; subss xmm1, xmm1
    assert.equal(state.word(layout.mxcsr), 0x5f80);
  });
}

test('XSAVE writes what is asked for and leaves the rest of the area alone', () => {
  const m = machine(2);
  m.bare.ram.fill(0xee, data, data + 576);
  m.bare.view.setUint32(header, 0, true);

  m.run(xsave);

  assert.equal(m.bare.view.getUint32(header, true), 2);
  assert.equal(m.bare.view.getUint32(data, true), 0xeeeeeeee);
  assert.equal(m.bare.view.getUint32(data + 24, true), 0x1f80);
  assert.equal(m.bare.view.getUint32(data + 160, true), 0);
  assert.equal(m.bare.view.getUint32(header + 8, true), 0xeeeeeeee);
});

test('XRSTOR of components that the area does not have initializes them, and takes MXCSR', () => {
  const m = machine();
  const state = stateOf(m);
  m.run(xsave);
  m.bare.view.setUint32(header, 0, true);
  m.bare.view.setUint32(data + 24, 0x1fbf, true);
  state.u8.fill(0x5a, layout.xmm, layout.xmm + 256);
  m.run([0xd9, 0xe8]); // fld1

  m.run(xrstor);

  assert.equal(state.u8[layout.xmm + 100], 0);
  assert.equal(state.word(layout.mxcsr), 0x1fbf);
  assert.deepEqual(
    [state.view.getUint16(layout.x87Tag, true), state.view.getUint16(layout.x87Control, true)],
    [0, 0x37f],
  );
});

for (const [what, spoil] of [
  ['a component that XCR0 lacks', (m: TrapMachine) => m.bare.view.setUint32(header, 7, true)],
  ['a compacted format without components', (m: TrapMachine) => m.bare.view.setUint32(header + 12, 1 << 31, true)],
  ['reserved bits of the header', (m: TrapMachine) => m.bare.view.setUint32(header + 16, 1, true)],
  ['reserved bits of MXCSR', (m: TrapMachine) => m.bare.view.setUint32(data + 24, 1 << 16, true)],
  ['an area that is not aligned to 64 bytes', (m: TrapMachine) => void m.set(rdi, data + 16)],
] as const) {
  test(`XRSTOR refuses ${what}`, () => {
    const m = machine();
    m.run(xsave);
    stateOf(m).u8.fill(0x5a, layout.xmm, layout.xmm + 256);
    spoil(m);

    const trap = m.run(xrstor);

    assert.deepEqual([trap?.vector, trap?.errorCode], [generalProtection, 0n]);
    assert.equal(stateOf(m).u8[layout.xmm], 0x5a);
  });
}

test('XSAVE has the upper halves of YMM registers behind the header, and says when they are zero', () => {
  const m = machine(4);
  const state = stateOf(m);
  assert.equal(m.set(rax, 7).set(rdx, 0).set(rcx, 0).run(xsetbv), undefined);
  state.u8.fill(0x5a, layout.ymmHigh, layout.ymmHigh + 256);
  setMxcsr(state.i32, 0x1fa0);
  m.bare.ram.fill(0xee, data, data + 832);
  m.bare.ram.fill(0, header, header + 64);

  m.set(rax, 4).run(xsave);
  state.u8.fill(0, layout.ymmHigh, layout.ymmHigh + 256);
  m.set(rdi, data + 1024).run(xsave);
  m.set(rdi, data).run(xrstor);

  assert.equal(m.bare.view.getUint32(header, true), 4);
  assert.equal(m.bare.view.getUint32(header + 1024, true), 0);
  // MXCSR goes with either vector component.
  assert.equal(m.bare.view.getUint32(data + 24, true), 0x1fa0);
  assert.equal(m.bare.view.getUint32(data + 160, true), 0xeeeeeeee);
  assert.equal(state.u8[layout.ymmHigh + 255], 0x5a);
  m.set(rdi, data + 1024).run(xrstor);
  assert.equal(state.u8[layout.ymmHigh], 0);
});

test('AVX needs CR4.OSXSAVE and both vector components of XCR0', () => {
  const vzeroupper = [0xc5, 0xf8, 0x77];
  const m = machine();
  const after = (value: number): number | undefined => {
    m.set(rax, value).set(rdx, 0).set(rcx, 0).run(xsetbv);
    return m.run(vzeroupper)?.vector;
  };

  assert.equal(new TrapMachine().run(vzeroupper)?.vector, undefinedOpcode);
  assert.deepEqual([after(3), after(7), after(1), after(7)], [undefinedOpcode, undefined, undefinedOpcode, undefined]);
});

test('XSAVE reports a write to a page that is missing, and #NM while CR0.TS is set', () => {
  const m = machine();
  const setTs = [0x0f, 0x20, 0xc0, 0x83, 0xc8, cr0.TS, 0x0f, 0x22, 0xc0]; // mov rax, cr0; or eax, TS; mov cr0, rax
  m.set(rdi, data + 0x1000 - 64);
  m.bare.unmap(data + 0x1000);

  const missing = m.run(xsave);
  const switched = m.set(rdi, data).run([...setTs, ...xsave]);

  assert.deepEqual([missing?.vector, missing?.errorCode], [pageFault, 2n]);
  assert.equal(switched?.vector, notAvailable);
});

test('what is reserved behind each x87 register is saved as zeros', () => {
  const m = machine(1);
  m.bare.ram.fill(0xcc, data, data + 1024);

  assert.equal(m.run(xsave), undefined);
  const [registers, size] = [data + 32, 16];
  for (let i = 0; i < 8; i++) {
    const behind = m.bare.ram.subarray(registers + size * i + 10, registers + size * (i + 1));
    assert.deepEqual([...behind], [0, 0, 0, 0, 0, 0]);
  }
  assert.equal(m.bare.ram[data + 160], 0xcc);
});
