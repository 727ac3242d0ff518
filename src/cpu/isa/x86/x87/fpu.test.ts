import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layout } from '../layout.ts';
import { modeKey } from '../mode.ts';
import { decodeX87, X87, x87Helpers } from './index.ts';

class GuestFault extends Error {}

/** An FPU over its own memory, with guest memory that is one buffer at linear address 0. */
function machine() {
  const buffer = new ArrayBuffer(0x1000);
  const view = new DataView(buffer);
  const guest = new Uint8Array(1024);
  const faults = { isIgnored: false, isReadOnly: false };
  const fpu = new X87(
    buffer,
    {
      read: (linear, bytes) => guest.slice(Number(linear), Number(linear) + bytes),
      update: (linear, bytes, change) => {
        if (faults.isReadOnly) throw new GuestFault('#PF');
        change(guest.subarray(Number(linear), Number(linear) + bytes));
      },
      write: (linear, data) => {
        if (faults.isReadOnly) throw new GuestFault('#PF');
        guest.set(data, Number(linear));
      },
    },
    {
      raiseMathFault: () => {
        if (!faults.isIgnored) throw new GuestFault('#MF');
      },
      endMathFault: () => {},
      hasCompaction: true,
      raiseGeneralProtection: () => {
        throw new GuestFault('#GP');
      },
      addressingForm: () => 0,
    },
  );
  fpu.initialize();
  return { fpu, view, guest, faults, bytes: new Uint8Array(buffer) };
}

type Machine = ReturnType<typeof machine>;

const call = ({ fpu }: Machine, helper: string, a = 0, b = 0) => x87Helpers[helper]!(fpu, a, b, 0);

function push(m: Machine, value: number): void {
  m.view.setFloat64(layout.helper, value, true);
  call(m, 'fldM64');
}

function popDouble(m: Machine): number {
  assert.equal(call(m, 'fstpM64'), 1);
  const value = m.view.getFloat64(layout.helper, true);
  call(m, 'x87Commit');
  return value;
}

const state = (m: Machine): Uint8Array => m.bytes.slice(layout.x87, layout.x87DataPointer + 8);

test('sums of doubles come out as the host adds them', () => {
  const m = machine();
  push(m, 0.1);
  push(m, 0.2);
  call(m, 'faddp', 1);
  assert.equal(popDouble(m), 0.1 + 0.2);
  assert.equal(m.fpu.tags, 0);
});

test('a store that is never committed leaves the FPU as it was', () => {
  const m = machine();
  push(m, 1e300);
  m.view.setBigUint64(layout.rip, 0x1234n, true);
  const before = state(m);
  assert.equal(call(m, 'fstpM32'), 1);
  assert.deepEqual(state(m), before);
  call(m, 'x87Commit');
  assert.equal(m.fpu.tags, 0);
  assert.equal(m.fpu.status & 0x28, 0x28);
  assert.equal(m.view.getBigUint64(layout.x87InstructionPointer, true), 0x1234n);
});

test('an unmasked overflow stores nothing, keeps the stack, and is reported by the next waiting instruction', () => {
  const m = machine();
  push(m, 1e300);
  m.fpu.setControl(0x377);
  m.view.setBigUint64(layout.ea, 0x77n, true);
  assert.equal(call(m, 'fstpM32', 0, 0x11f), 0);
  call(m, 'x87Commit');
  assert.ok(m.fpu.pendingException());
  assert.equal(m.fpu.opcode, 0x11f);
  assert.equal(m.view.getBigUint64(layout.x87DataPointer, true), 0x77n);
  assert.equal(m.fpu.isEmpty(0), false);
  assert.throws(() => call(m, 'fwait'), /#MF/);
  assert.throws(() => call(m, 'fld1'), /#MF/);
  call(m, 'fnclex');
  call(m, 'fwait');
});

test('a pending exception that the host ignores lets the instruction run', () => {
  const m = machine();
  m.fpu.status = 4;
  m.fpu.setControl(0x37b);
  m.faults.isIgnored = true;
  call(m, 'fld1');
  assert.equal(popDouble(m), 1);
});

test('FNSTENV masks exceptions after the store and not when it faults', () => {
  const m = machine();
  m.fpu.setControl(0x340);
  m.faults.isReadOnly = true;
  assert.throws(() => call(m, 'fnstenv', 4), /#PF/);
  assert.equal(m.fpu.control, 0x340);
  m.faults.isReadOnly = false;
  call(m, 'fnstenv', 4);
  assert.equal(m.fpu.control, 0x37f);
  assert.deepEqual([...m.guest.subarray(0, 4)], [0x40, 3, 0xff, 0xff]);
});

for (const [isReal, size] of [
  [false, 2],
  [false, 4],
  [true, 2],
  [true, 4],
] as const) {
  test(`FNSAVE and FRSTOR agree, operand size ${size}, ${isReal ? 'real' : 'protected'} mode`, () => {
    const m = machine();
    m.view.setUint32(layout.modeKey, isReal ? modeKey.real : modeKey.code32, true);
    push(m, -2.5);
    push(m, 0);
    m.fpu.opcode = 0x5a5;
    m.view.setUint32(layout.x87InstructionPointer, 0x8765, true);
    m.view.setUint32(layout.x87DataPointer, 0x4321, true);
    // The image for protected mode and 16 bits has no place for the opcode.
    if (!isReal && size === 2) m.fpu.opcode = 0;
    const before = state(m);
    call(m, 'fnsave', size);
    assert.equal(m.fpu.tags, 0);
    assert.equal(m.guest[size === 2 ? 14 + 9 : 28 + 9], 0);
    call(m, 'frstor', size);
    assert.deepEqual(state(m), before);
  });
}

test('the real-mode environment splits addresses as linear ones', () => {
  const m = machine();
  m.view.setUint32(layout.modeKey, modeKey.real, true);
  m.view.setUint32(layout.x87InstructionPointer, 0xfedcb, true);
  m.fpu.opcode = 0x123;
  call(m, 'fnstenv', 2);
  assert.deepEqual([...m.guest.subarray(6, 10)], [0xcb, 0xed, 0x23, 0xf1]);
});

for (const is64 of [false, true]) {
  test(`FXSAVE and FXRSTOR agree in ${is64 ? '64' : '32'}-bit mode`, () => {
    const m = machine();
    m.view.setUint32(layout.modeKey, is64 ? modeKey.code64 : modeKey.code32, true);
    m.view.setUint32(layout.mxcsr, 0x1f80, true);
    for (let i = 0; i < 256; i++) m.bytes[layout.xmm + i] = i;
    push(m, 3);
    m.guest.fill(0xee);
    m.view.setBigUint64(layout.helper, 16n, true);
    call(m, 'fxsave', 1);
    assert.equal(m.guest[16 + 4], 0x80);
    assert.equal(m.guest[16 + 32 + 9], 0x40);
    assert.equal(m.guest[16 + 160 + 127], 127);
    assert.equal(m.guest[16 + 160 + 128], is64 ? 128 : 0xee);
    const before = m.bytes.slice(layout.xmm, layout.mxcsr + 4);
    call(m, 'fninit');
    m.bytes.fill(0, layout.xmm, layout.xmm + (is64 ? 256 : 128));
    m.view.setBigUint64(layout.helper, 16n, true);
    call(m, 'fxrstor', 1);
    assert.deepEqual(m.bytes.slice(layout.xmm, layout.mxcsr + 4), before);
  });
}

test('FXRSTOR refuses reserved MXCSR bits and unaligned addresses, and changes nothing', () => {
  const m = machine();
  push(m, 3);
  m.guest[16 + 24 + 2] = 1;
  const before = state(m);
  m.view.setBigUint64(layout.helper, 16n, true);
  assert.throws(() => call(m, 'fxrstor'), /#GP/);
  m.view.setBigUint64(layout.helper, 8n, true);
  assert.throws(() => call(m, 'fxrstor'), /#GP/);
  assert.deepEqual(state(m), before);
});

test('MMX takes over the registers and EMMS gives them back', () => {
  const m = machine();
  push(m, 3);
  call(m, 'enterMmx', 1 << 2);
  assert.equal(m.fpu.top, 0);
  assert.equal(m.fpu.tags, 0xff);
  assert.equal(m.view.getUint16(layout.x87 + 2 * 16 + 8, true), 0xffff);
  assert.equal(m.view.getUint16(layout.x87 + 7 * 16 + 8, true), 0x4000);
  call(m, 'emms');
  assert.equal(m.fpu.tags, 0);
});

test('constants are rounded as the control word says', () => {
  const m = machine();
  const low = [0, 1, 2, 3].map((mode) => {
    m.fpu.setControl(0x37f | (mode << 10));
    call(m, 'fldpi');
    call(m, 'fstpM80');
    call(m, 'x87Commit');
    return m.view.getUint8(layout.helper);
  });
  assert.deepEqual(low, [0x35, 0x34, 0x35, 0x34]);
});

test('the decoder refuses what no processor of ours has, and knows sizes and halves of stores', () => {
  const undefinedForm = decodeX87(0xd9, 0xe2);
  assert.equal(undefinedForm, undefined);
  assert.equal(decodeX87(0xdb, 0x0f)?.helper, 'fisttpM32');
  assert.deepEqual(decodeX87(0xdd, 0x30, true)?.memory, { access: 'linearWrite', bytes: 94 });
  assert.deepEqual(decodeX87(0xd9, 0x20)?.memory, { access: 'linearRead', bytes: 28 });
  assert.equal(decodeX87(0xdd, 0x18)?.commit, true);
  assert.equal(decodeX87(0xd9, 0x38)?.commit, false);
  assert.equal(decodeX87(0xdf, 0xe0)?.writesAx, true);
  assert.equal(decodeX87(0xdb, 0xf1)?.setsEflags, true);
});

/** Those whose meaning is in the definitions alone. */
const withoutHelper = ['fnstcw', 'fnstswM16', 'fnstswAx'];

test('the decoder names only helpers that exist', () => {
  for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
    for (let modrm = 0; modrm < 256; modrm++) {
      const helper = decodeX87(opcode, modrm)?.helper;
      if (helper !== undefined && !withoutHelper.includes(helper))
        assert.equal(typeof x87Helpers[helper], 'function', helper);
    }
  }
});
