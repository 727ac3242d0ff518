import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../../../testing/bare-machine.ts';
import { ModuleBuilder } from '../../../wasm/index.ts';
import { type Val, WasmEmitter } from '../../index.ts';
import { layout } from '../layout.ts';
import { setMxcsr, writeSseConstants } from '../mxcsr.ts';
import type { Row } from '../row.ts';
import type { X86Target } from '../target.ts';
import { sseArithmetic } from './sse-arithmetic.ts';
import { sseInteger } from './sse-integer.ts';
import { sseShuffle } from './sse-shuffle.ts';
import { sse41 } from './sse41.ts';
import { sse41Float } from './sse41-float.ts';
import { sse41Lanes } from './sse41-lanes.ts';
import { ssse3 } from './ssse3.ts';

const code = 0x100000;
const scratch = 0x300000;
const handlers = 0x110000;
const idt = 0xb000;
const stack = 0xd000;
const hlt = 0xf4;

/** A machine with SSE on, whose exceptions end in `hlt` with RBX = vector and the error code (if any) on the stack. */
function machineWithSse(): BareMachine {
  const machine = new BareMachine();
  const { state } = machine.engine.cpu;
  for (const vector of [6, 7, 13, 16, 19]) {
    const at = handlers + 16 * vector;
    machine.load(at, 0xbb, vector, 0, 0, 0, hlt); // mov ebx, vector
    machine.view.setBigUint64(
      idt + 16 * vector,
      0x0000_8e00_0010_0000n | (BigInt(at >> 16) << 48n) | BigInt(at & 0xffff),
      true,
    );
  }
  state.idtr.base = idt;
  state.idtr.limit = 0xfff;
  execute(machine, 0x0f, 0x20, 0xe0, 0x0d, 0x00, 0x06, 0x00, 0x00, 0x0f, 0x22, 0xe0); // CR4 |= OSFXSR
  return machine;
}

/** Runs instructions at CPL 0; the vector of the exception they end with, or 0. */
function execute(machine: BareMachine, ...bytes: number[]): number {
  machine.engine.cpu.state.setGpr(3, 0n);
  machine.engine.cpu.state.setGpr(4, BigInt(stack));
  machine.engine.cpu.state.setGpr(6, BigInt(scratch));
  machine.load(code, ...bytes, hlt);
  machine.engine.cpu.stop = undefined;
  machine.run(code);
  return Number(machine.register(3));
}

const movaps = (displacement: number): number[] => [0x0f, 0x28, 0x46, displacement]; // movaps xmm0, [rsi+displacement]
const paddb = [0x0f, 0xfc, 0xc1]; // paddb mm0, mm1
const clearTs = [0x0f, 0x06];
const setCr0 = (bit: number): number[] => [0x0f, 0x20, 0xc0, 0x83, 0xc8, bit, 0x0f, 0x22, 0xc0];

test('an aligned vector access raises #GP(0) at an address that is not a multiple of 16', () => {
  const machine = machineWithSse();

  const aligned = execute(machine, ...movaps(16));
  const unaligned = execute(machine, ...movaps(8));

  assert.deepEqual([aligned, unaligned], [0, 13]);
  assert.equal(machine.view.getUint32(stack - 48, true), 0);
});

test('LDMXCSR raises #GP for reserved bits and keeps the old value', () => {
  const machine = machineWithSse();
  machine.view.setUint32(scratch, 0x5f80, true);
  machine.view.setUint32(scratch + 4, 0x10000, true);

  const good = execute(machine, 0x0f, 0xae, 0x16); // ldmxcsr [rsi]
  const bad = execute(machine, 0x0f, 0xae, 0x56, 4);
  execute(machine, 0x0f, 0xae, 0x5e, 8); // stmxcsr [rsi+8]

  assert.deepEqual([good, bad], [0, 13]);
  assert.equal(machine.view.getUint32(scratch + 8, true), 0x5f80);
});

/** Loads MXCSR, then divides the floats in XMM0 by those in XMM1: the vector, and MXCSR and XMM0 as they are then. */
function divide(machine: BareMachine, mxcsr: number, a: number[], b: number[]): [number, string, number[]] {
  const { state } = machine.engine.cpu;
  a.forEach((value, i) => {
    state.view.setFloat32(layout.xmm + 4 * i, value, true);
    state.view.setFloat32(layout.xmm + 16 + 4 * i, b[i] ?? 0, true);
  });
  machine.view.setUint32(scratch, mxcsr, true);
  const vector = execute(machine, 0x0f, 0xae, 0x16, 0x0f, 0x5e, 0xc1); // ldmxcsr [rsi]; divps xmm0, xmm1
  const result = a.map((_, i) => state.view.getFloat32(layout.xmm + 4 * i, true));
  return [vector, state.word(layout.mxcsr).toString(16), result];
}

test('an unmasked exception raises #XM with its flags set and nothing written', () => {
  const machine = machineWithSse();

  const divided = divide(machine, 0x1d80, [1, 2, 3, 4], [0, 1, 1, 1]);
  const inexact = divide(machine, 0x0f80, [1, 2, 3, 4], [3, 1, 1, 1]);
  const quiet = divide(machine, 0x0f80, [1, 2, 3, 4], [4, 1, 1, 1]);

  assert.deepEqual(divided, [19, '1d84', [1, 2, 3, 4]]);
  assert.deepEqual(inexact, [19, 'fa0', [1, 2, 3, 4]]);
  assert.deepEqual(quiet, [0, 'f80', [0.25, 2, 3, 4]]);
});

test('what is found before the computation keeps inexact elements from being found', () => {
  const machine = machineWithSse();

  assert.deepEqual(divide(machine, 0x1d80, [1, 1, 1, 0], [0, 3, 1, 0]), [19, '1d85', [1, 1, 1, 0]]);
});

test('without CR4.OSXMMEXCPT an unmasked exception raises #UD', () => {
  const machine = machineWithSse();
  execute(machine, 0x0f, 0x20, 0xe0, 0x25, 0xff, 0xfb, 0xff, 0xff, 0x0f, 0x22, 0xe0); // CR4 &= ~OSXMMEXCPT

  assert.deepEqual(divide(machine, 0x1d80, [1, 2, 3, 4], [0, 1, 1, 1]), [6, '1d84', [1, 2, 3, 4]]);
});

test('SSE without CR4.OSFXSR raises #UD, MMX does not need it', () => {
  const machine = machineWithSse();
  execute(machine, 0x0f, 0x20, 0xe0, 0x25, 0xff, 0xf9, 0xff, 0xff, 0x0f, 0x22, 0xe0); // CR4 &= ~OSFXSR

  assert.deepEqual([execute(machine, ...movaps(0)), execute(machine, ...paddb)], [6, 0]);
});

test('CR0.TS makes SSE and MMX raise #NM, CR0.EM #UD', () => {
  const machine = machineWithSse();

  execute(machine, ...setCr0(8));
  const switched = [execute(machine, ...movaps(0)), execute(machine, ...paddb)];
  execute(machine, ...clearTs, ...setCr0(4));
  const emulated = [execute(machine, ...movaps(0)), execute(machine, ...paddb)];

  assert.deepEqual(switched, [7, 7]);
  assert.deepEqual(emulated, [6, 6]);
});

test('an MMX instruction marks every x87 register as valid, and what it writes as not a number', () => {
  const machine = machineWithSse();
  const { state } = machine.engine.cpu;
  state.view.setUint16(layout.x87Status, 0x3800, true);
  state.view.setUint16(layout.x87Tag, 0, true);

  execute(machine, ...paddb);

  assert.equal(state.view.getUint16(layout.x87Status, true), 0);
  assert.equal(state.view.getUint16(layout.x87Tag, true), 0xff);
  assert.equal(state.view.getUint16(layout.x87 + 8, true), 0xffff);
  assert.equal(state.view.getUint16(layout.x87 + 16 + 8, true), 0);
});

test('an MMX instruction reports a pending x87 exception before it changes anything', () => {
  const machine = machineWithSse();
  const { state } = machine.engine.cpu;
  execute(machine, ...setCr0(0x20)); // CR0.NE
  state.view.setUint16(layout.x87Status, 0xb881, true);

  assert.equal(execute(machine, ...paddb), 16);
  assert.equal(state.view.getUint16(layout.x87Status, true), 0xb881);
});

test('MASKMOVDQU stores the chosen bytes at rDI and touches no memory for an empty mask', () => {
  const machine = machineWithSse();
  const { state } = machine.engine.cpu;
  machine.ram.fill(0xee, scratch, scratch + 16);
  for (let i = 0; i < 16; i++) {
    state.u8[layout.xmm + i] = i;
    state.u8[layout.xmm + 16 + i] = i % 3 === 0 ? 0x80 : 0x7f;
  }
  state.setGpr(7, BigInt(scratch));
  const partly = execute(machine, 0x66, 0x0f, 0xf7, 0xc1); // maskmovdqu xmm0, xmm1
  state.setGpr(7, 0x7f00_0000_0000n);
  const empty = execute(machine, 0x66, 0x0f, 0xf7, 0xc2);

  const expected = Array.from({ length: 16 }, (_, i) => (i % 3 === 0 ? i : 0xee));
  assert.deepEqual([partly, empty], [0, 0]);
  assert.deepEqual([...machine.ram.subarray(scratch, scratch + 16)], expected);
});

// A translator knows the immediate, the interpreter does not: both ways through a body must agree.

const operandLoads: Readonly<Record<string, string>> = {
  Vx: 'v128.load',
  Wx: 'v128.load',
  Ux: 'v128.load',
  Pq: 'i64.load',
  Qq: 'i64.load',
  Hq: 'i64.load',
  Rd: 'i32.load',
  Ey: 'i32.load',
  Md: 'i32.load',
  Mb: 'i32.load8_u',
  Ew: 'i32.load16_u',
  Vss: 'f32.load',
  Wss: 'f32.load',
  Vsd: 'f64.load',
  Wsd: 'f64.load',
};
const stores: Readonly<Record<string, string>> = {
  v128: 'v128.store',
  i64: 'i64.store',
  i32: 'i32.store',
  f32: 'f32.store',
  f64: 'f64.store',
};

/** State reads as zero and writes vanish: bodies with an immediate use it for the MMX tags only. Operands are not unusual. */
const target = {
  state: () => zero,
  setState: () => {},
  rip: () => emitter.i64(0n),
  shared: () => [emitter.v128(new Array<number>(16).fill(0)), zero],
  faultIf: () => {},
  isTame: () => false,
  noteTame: () => {},
} as unknown as X86Target;
let emitter: WasmEmitter;
let zero: Val;

/** A module with `run(immediate)`: operands at 0, 16, 32, result at 64. `known` fixes the immediate. */
function moduleFor(row: Row, known: number | undefined): WebAssembly.Module {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 1);
  const define = (body: Parameters<Parameters<ModuleBuilder['define']>[2]>[0]): void => {
    const e = new WasmEmitter(body);
    emitter = e;
    zero = e.i32(0);
    body.get(0);
    const given = e.pop('i32');
    const operands = row.operands.split(',').flatMap((text, i) => {
      const bare = text.replace(/[+=]$/, '');
      if (text.endsWith('=')) return [];
      if (bare === 'Ib') return [known === undefined ? given : e.i32(known)];
      return [e.loadMemory(operandLoads[bare] ?? '', e.i32(0), 16 * i)];
    });
    const result = row.body(e, target, 32, ...operands) as Val;
    e.storeMemory(stores[e.typeOf(result)] ?? '', e.i32(0), 64, result);
  };
  module.define(['i32'], [], define, 'run');
  return new WebAssembly.Module(module.encode());
}

const steered = [
  ...[...sseArithmetic, ...sseInteger, ...sseShuffle],
  ...[...ssse3, ...sse41, ...sse41Float, ...sse41Lanes],
].filter((row) => row.operands.includes('Ib'));

test('an immediate that is known means the same as one that is not', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const bytes = new Uint8Array(memory.buffer, 0, 80);
  const words = new Int32Array(memory.buffer);
  writeSseConstants(words);
  setMxcsr(words, 0x1fbf);
  const inputs = Array.from({ length: 64 }, (_, i) => (i * 73 + 129) & 0xff);
  const run = (row: Row, known: number | undefined, immediate: number): string => {
    const instance = new WebAssembly.Instance(moduleFor(row, known), { env: { memory } });
    bytes.fill(0);
    bytes.set(inputs);
    (instance.exports.run as (immediate: number) => void)(immediate);
    return Buffer.from(bytes.subarray(64)).toString('hex');
  };
  for (const row of steered) {
    for (const immediate of [0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 31, 32, 63, 64, 0x1b, 0x4e, 0xb1, 0xe4, 0xff]) {
      const label = `${row.name} ${row.operands} ${immediate}`;
      assert.equal(run(row, immediate, 0), run(row, undefined, immediate), label);
    }
  }
});
