import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleBuilder } from './module.ts';
import { memoryOpcodes, type Opcode, opcodes, type WasmType } from './opcodes.ts';

const resultAt = 64;
const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
const view = new DataView(memory.buffer);
const u8 = new Uint8Array(memory.buffer);

/** A function that takes its operands from memory, 16 bytes apart, and leaves the result at `resultAt`. */
function moduleOf(name: string, { params, result, lane }: Opcode, laneNumber = 0): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 1);
  module.define(
    [],
    [],
    (b) => {
      b.i32(0);
      params.forEach((type, i) => void b.i32(0).memory(`${type}.load`, 16 * i));
      b.op(opcodes.get(name) as Opcode, lane ? laneNumber : 0);
      b.memory(`${result}.store`, resultAt);
    },
    'run',
  );
  return module.encode();
}

function run(name: string, laneNumber = 0): void {
  const opcode = opcodes.get(name);
  assert.ok(opcode, name);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(name, opcode, laneNumber)), {
    env: { memory },
  });
  (instance.exports.run as () => void)();
}

test('every numeric opcode validates in a function of its signature', () => {
  const invalid = [...opcodes].filter(([name, opcode]) => !WebAssembly.validate(moduleOf(name, opcode)));

  assert.deepEqual(
    invalid.map(([name]) => name),
    [],
  );
  assert.ok(opcodes.size > 240);
});

test('every load and store validates and moves the bytes that its name says', () => {
  for (const [name, { type }] of Object.entries(memoryOpcodes)) {
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', 1);
    const isStore = name.includes('store');
    const other = isStore ? `${type}.load` : `${type}.store`;
    module.define(
      [],
      [],
      (b) =>
        void b
          .i32(0)
          .i32(0)
          .memory(isStore ? other : name, 3)
          .memory(isStore ? name : other, resultAt + 1),
      'run',
    );
    u8.set(Array.from({ length: 128 }, (_, i) => 0x81 + i));
    u8.fill(0xee, resultAt, resultAt + 32);

    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory } });
    (instance.exports.run as () => void)();

    assert.deepEqual([...u8.subarray(resultAt, resultAt + 18)], movedBytes(name, type), name);
  }
});

const bytesOf: Record<WasmType, number> = { i32: 4, f32: 4, i64: 8, f64: 8, v128: 16 };

/** What the 18 bytes from `resultAt` hold after a load from 3 or a store to `resultAt` + 1. */
function movedBytes(name: string, type: WasmType): number[] {
  const [, bits = '', suffix = ''] = /(?:load|store)(\d*)(?:_(\w+))?$/.exec(name) ?? [];
  const moved = bits === '' ? bytesOf[type] : Number(bits) / 8;
  const data = Array.from({ length: moved }, (_, i) => 0x84 + i);
  const padded = name.includes('load') ? bytesOf[type] : moved;
  while (data.length < padded) data.push(suffix === 's' ? 0xff : 0);
  return [0xee, ...data, ...new Array<number>(17 - data.length).fill(0xee)];
}

// Integers: by JavaScript's BigInt.

type Operation = (a: bigint, b: bigint, width: number) => bigint | boolean;
const signed = (width: number, v: bigint): bigint => BigInt.asIntN(width, v);
const ones = (v: bigint): number => v.toString(2).replaceAll('0', '').length;
const bitsOf = (width: number, v: bigint): string => v.toString(2).padStart(width, '0');

const integer: Readonly<Record<string, Operation>> = {
  eqz: (a) => a === 0n,
  clz: (a, _b, w) => BigInt(`${bitsOf(w, a)}1`.indexOf('1')),
  ctz: (a, _b, w) => BigInt([...bitsOf(w, a)].reverse().concat('1').indexOf('1')),
  popcnt: (a) => BigInt(ones(a)),
  extend8_s: (a) => signed(8, a),
  extend16_s: (a) => signed(16, a),
  extend32_s: (a) => signed(32, a),
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt_s: (a, b, w) => signed(w, a) < signed(w, b),
  lt_u: (a, b) => a < b,
  gt_s: (a, b, w) => signed(w, a) > signed(w, b),
  gt_u: (a, b) => a > b,
  le_s: (a, b, w) => signed(w, a) <= signed(w, b),
  le_u: (a, b) => a <= b,
  ge_s: (a, b, w) => signed(w, a) >= signed(w, b),
  ge_u: (a, b) => a >= b,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div_s: (a, b, w) => signed(w, a) / signed(w, b),
  div_u: (a, b) => a / b,
  rem_s: (a, b, w) => signed(w, a) % signed(w, b),
  rem_u: (a, b) => a % b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, w) => a << (b % BigInt(w)),
  shr_s: (a, b, w) => signed(w, a) >> (b % BigInt(w)),
  shr_u: (a, b, w) => a >> (b % BigInt(w)),
  rotl: (a, b, w) => (a << (b % BigInt(w))) | (a >> (BigInt(w) - (b % BigInt(w)))),
  rotr: (a, b, w) => (a >> (b % BigInt(w))) | (a << (BigInt(w) - (b % BigInt(w)))),
};

const integerPairs: readonly (readonly [bigint, bigint])[] = [
  [0n, 1n],
  [5n, 3n],
  [0x80000000n, 33n],
  [0xfffffffffffffff9n, 2n],
  [0x123456789abcdef0n, 0xfffffffffffffffdn],
  [0x8000000000000000n, 0x7fffffffffffffffn],
  [0x80ff80n, 0x80ff80n],
];

test('every integer opcode of i32 and i64 computes as BigInt does', () => {
  let checked = 0;
  for (const [name, opcode] of opcodes) {
    const [type = '', operation = ''] = name.split('.');
    const compute = integer[operation];
    if (!compute || !/^i(32|64)$/.test(type)) continue;
    const width = Number(type.slice(1));
    for (const [a, b] of integerPairs) {
      view.setBigUint64(0, a, true);
      view.setBigUint64(16, b, true);
      const expected = compute(BigInt.asUintN(width, a), BigInt.asUintN(width, b), width);
      const resultBits = opcode.result === 'i64' ? 64 : 32;

      run(name);

      const actual = BigInt.asUintN(resultBits, view.getBigUint64(resultAt, true));
      assert.equal(actual, BigInt.asUintN(resultBits, BigInt(expected)), `${name} ${a.toString(16)} ${b.toString(16)}`);
      checked++;
    }
  }
  assert.equal(checked, integerPairs.length * 63);
});

// Floating point: by JavaScript's numbers and Math.fround.

const nearestEven = (v: number): number => {
  const floor = Math.floor(v);
  const isTie = v - floor === 0.5;
  return isTie ? 2 * Math.round(v / 2) : Math.round(v);
};
const float: Readonly<Record<string, (a: number, b: number) => number | boolean>> = {
  abs: Math.abs,
  neg: (a) => -a,
  nearest: nearestEven,
  sqrt: Math.sqrt,
  ceil: Math.ceil,
  floor: Math.floor,
  trunc: Math.trunc,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};
const floatPairs: readonly (readonly [number, number])[] = [
  [2.5, 1.1],
  [-3.5, 8],
  [0.1, 0.1],
  [1e30, -7.25],
  [Number.NaN, 1],
  [4, Number.POSITIVE_INFINITY],
];

test('every floating-point opcode of f32 and f64 computes as JavaScript does', () => {
  let checked = 0;
  for (const [name, opcode] of opcodes) {
    const [type = '', operation = ''] = name.split('.');
    const compute = float[operation];
    if (!compute || !/^f(32|64)$/.test(type)) continue;
    const [set, get, round] = floatAccess[type as 'f32' | 'f64'];
    for (const [a, b] of floatPairs) {
      set(0, a);
      set(16, b);
      const expected = compute(round(a), round(b));

      run(name);

      const actual = opcode.result === 'i32' ? view.getInt32(resultAt, true) : get(resultAt);
      assert.equal(actual, typeof expected === 'boolean' ? Number(expected) : round(expected), `${name} ${a} ${b}`);
      checked++;
    }
  }
  assert.equal(checked, floatPairs.length * 38);
});

type FloatAccess = readonly [(at: number, v: number) => void, (at: number) => number, (v: number) => number];
const floatAccess: Record<'f32' | 'f64', FloatAccess> = {
  f32: [(at, v) => view.setFloat32(at, v, true), (at) => view.getFloat32(at, true), Math.fround],
  f64: [(at, v) => view.setFloat64(at, v, true), (at) => view.getFloat64(at, true), (v) => v],
};

test('conversions between types give what their names say', () => {
  const cases: [string, () => void, () => number | bigint, number | bigint][] = [
    [
      'i32.wrap_i64',
      () => view.setBigUint64(0, 0x1_8000_0001n, true),
      () => view.getUint32(resultAt, true),
      0x80000001,
    ],
    ['i64.extend_i32_s', () => view.setInt32(0, -5, true), () => view.getBigInt64(resultAt, true), -5n],
    ['i64.extend_i32_u', () => view.setInt32(0, -5, true), () => view.getBigInt64(resultAt, true), 0xfffffffbn],
    ['i32.trunc_sat_f64_s', () => view.setFloat64(0, -1e300, true), () => view.getInt32(resultAt, true), -(2 ** 31)],
    ['i32.trunc_sat_f32_s', () => view.setFloat32(0, -7.9, true), () => view.getInt32(resultAt, true), -7],
    ['i64.trunc_sat_f64_s', () => view.setFloat64(0, 2 ** 53, true), () => view.getBigInt64(resultAt, true), 1n << 53n],
    [
      'i64.trunc_sat_f32_s',
      () => view.setFloat32(0, 1e30, true),
      () => view.getBigInt64(resultAt, true),
      2n ** 63n - 1n,
    ],
    ['f32.convert_i32_s', () => view.setInt32(0, -16777217, true), () => view.getFloat32(resultAt, true), -16777216],
    ['f32.convert_i64_s', () => view.setBigInt64(0, -3n, true), () => view.getFloat32(resultAt, true), -3],
    ['f64.convert_i32_s', () => view.setInt32(0, -7, true), () => view.getFloat64(resultAt, true), -7],
    [
      'f64.convert_i64_s',
      () => view.setBigInt64(0, 2n ** 53n + 1n, true),
      () => view.getFloat64(resultAt, true),
      2 ** 53,
    ],
    ['f32.demote_f64', () => view.setFloat64(0, 0.1, true), () => view.getFloat32(resultAt, true), Math.fround(0.1)],
    ['f64.promote_f32', () => view.setFloat32(0, 0.1, true), () => view.getFloat64(resultAt, true), Math.fround(0.1)],
    ['i32.reinterpret_f32', () => view.setFloat32(0, 1, true), () => view.getInt32(resultAt, true), 0x3f800000],
    [
      'i64.reinterpret_f64',
      () => view.setFloat64(0, 1, true),
      () => view.getBigInt64(resultAt, true),
      0x3ff0000000000000n,
    ],
    ['f32.reinterpret_i32', () => view.setInt32(0, 0x40000000, true), () => view.getFloat32(resultAt, true), 2],
    ['f64.reinterpret_i64', () => view.setBigInt64(0, 1n << 62n, true), () => view.getFloat64(resultAt, true), 2],
  ];
  for (const [name, prepare, result, expected] of cases) {
    prepare();

    run(name);

    assert.equal(result(), expected, name);
  }
});

// Vectors: lane by lane in BigInt.

const saturate = (low: bigint, high: bigint, v: bigint): bigint => (v < low ? low : v > high ? high : v);
const saturateSigned = (w: number, v: bigint): bigint =>
  saturate(-(1n << BigInt(w - 1)), (1n << BigInt(w - 1)) - 1n, v);
const saturateUnsigned = (w: number, v: bigint): bigint => saturate(0n, (1n << BigInt(w)) - 1n, v);
const mask = (holds: boolean): bigint => (holds ? -1n : 0n);

const lanewise: Readonly<Record<string, (a: bigint, b: bigint, width: number) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  neg: (a) => -a,
  abs: (a, _b, w) => (signed(w, a) < 0n ? -a : a),
  eq: (a, b) => mask(a === b),
  gt_u: (a, b) => mask(a > b),
  le_u: (a, b) => mask(a <= b),
  gt_s: (a, b, w) => mask(signed(w, a) > signed(w, b)),
  add_sat_s: (a, b, w) => saturateSigned(w, signed(w, a) + signed(w, b)),
  add_sat_u: (a, b, w) => saturateUnsigned(w, a + b),
  sub_sat_s: (a, b, w) => saturateSigned(w, signed(w, a) - signed(w, b)),
  sub_sat_u: (a, b, w) => saturateUnsigned(w, a - b),
  min_s: (a, b, w) => (signed(w, a) < signed(w, b) ? a : b),
  min_u: (a, b) => (a < b ? a : b),
  max_s: (a, b, w) => (signed(w, a) > signed(w, b) ? a : b),
  max_u: (a, b) => (a > b ? a : b),
  q15mulr_sat_s: (a, b, w) => saturateSigned(w, (signed(w, a) * signed(w, b) + 0x4000n) >> 15n),
  avgr_u: (a, b) => (a + b + 1n) >> 1n,
};
const vectorA = [0x80, 0x7f, 0xff, 0, 1, 0x55, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0x80];
const vectorB = [0x80, 1, 0xff, 0xff, 2, 0xaa, 0x81, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0, 0x80];

const laneAt = (at: number, width: number, lane: number): bigint => {
  let value = 0n;
  for (let i = width / 8 - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + (lane * width) / 8 + i));
  return value;
};

test('lane-wise integer opcodes compute each lane as BigInt does', () => {
  let checked = 0;
  for (const name of opcodes.keys()) {
    const [, bits, lanes, operation = ''] = /^i(\d+)x(\d+)\.(\w+)$/.exec(name) ?? [];
    const compute = lanewise[operation];
    if (!compute) continue;
    u8.set(vectorA, 0);
    u8.set(vectorB, 16);
    const width = Number(bits);
    const expected = Array.from({ length: Number(lanes) }, (_, lane) =>
      BigInt.asUintN(width, compute(laneAt(0, width, lane), laneAt(16, width, lane), width)),
    );

    run(name);

    const actual = expected.map((_, lane) => laneAt(resultAt, width, lane));
    assert.deepEqual(actual, expected, name);
    checked++;
  }
  assert.equal(checked, 51);
});

test('opcodes that move, widen, narrow or test lanes give what their names say', () => {
  const result = (width: number, lane: number): bigint => laneAt(resultAt, width, lane);
  const cases: [string, number, number, bigint][] = [
    ['i8x16.narrow_i16x8_s', 8, 0, 0x7fn],
    ['i8x16.narrow_i16x8_u', 8, 7, 0n],
    ['i16x8.narrow_i32x4_s', 16, 3, 0x8000n],
    ['i16x8.narrow_i32x4_u', 16, 2, 0xffffn],
    ['i32x4.dot_i16x8_s', 32, 1, BigInt.asUintN(32, 0x5501n * BigInt.asIntN(16, 0xaa02n) + -2n * -127n)],
    ['i32x4.extmul_low_i16x8_u', 32, 0, 0x7f80n * 0x180n],
    ['i32x4.extmul_high_i16x8_s', 32, 3, 0x40000000n],
    ['i64x2.extmul_low_i32x4_u', 64, 0, 0x00ff7f80n * 0xffff0180n],
    ['i64x2.extmul_low_i32x4_s', 64, 0, BigInt.asUintN(64, 0x00ff7f80n * -0xfe80n)],
    ['i16x8.extend_high_i8x16_u', 16, 3, 0x7fn],
    ['i16x8.extend_low_i8x16_s', 16, 0, 0xff80n],
    ['i32x4.extend_low_i16x8_s', 32, 3, 0xfffffffen],
    ['i64x2.extend_low_i32x4_s', 64, 1, BigInt.asUintN(64, -0x1aaffn)],
    ['i32x4.extend_low_i16x8_u', 32, 1, 0xffn],
    ['i64x2.extend_low_i32x4_u', 64, 1, 0xfffe5501n],
    ['i16x8.extadd_pairwise_i8x16_u', 16, 3, 0xfen + 0xffn],
    ['i32x4.extadd_pairwise_i16x8_u', 32, 2, 0xffffn + 0x7fffn],
    ['v128.andnot', 8, 0, 0n],
    ['v128.andnot', 8, 1, 0x7en],
    ['v128.not', 8, 0, 0x7fn],
    ['i8x16.bitmask', 32, 0, 0b1000_0111_1100_0101n],
    ['i16x8.bitmask', 32, 0, 0b1001_1000n],
    ['i32x4.bitmask', 32, 0, 0b1010n],
    ['i64x2.bitmask', 32, 0, 0b11n],
    ['v128.any_true', 32, 0, 1n],
    ['i32x4.splat', 32, 3, 0x00ff7f80n],
    ['i8x16.swizzle', 8, 4, 0xffn],
    ['i8x16.swizzle', 8, 0, 0n],
  ];
  for (const [name, width, lane, expected] of cases) {
    u8.set(vectorA, 0);
    u8.set(vectorB, 16);

    run(name);

    assert.equal(result(width, lane), expected, `${name} lane ${lane}`);
  }
});

test('bitselect takes bits of the first vector where the mask has ones', () => {
  u8.fill(0x0f, 0, 16);
  u8.fill(0xf0, 16, 32);
  u8.fill(0x3c, 32, 48);

  run('v128.bitselect');

  assert.equal(laneAt(resultAt, 8, 5), 0xccn);
});

test('vector shifts take their count modulo the lane width', () => {
  u8.set(vectorA, 0);
  view.setInt32(16, 35, true);

  run('i32x4.shr_s');
  const arithmetic = laneAt(resultAt, 32, 3);
  run('i32x4.shr_u');
  const logical = laneAt(resultAt, 32, 3);
  run('i64x2.shr_s');
  const arithmetic64 = laneAt(resultAt, 64, 0);
  run('i64x2.shl');

  assert.equal(arithmetic, 0xf0000000n);
  assert.equal(logical, 0x10000000n);
  assert.equal(arithmetic64, BigInt.asUintN(64, -0x1aaffn >> 3n));
  assert.equal(laneAt(resultAt, 64, 0), BigInt.asUintN(64, 0xfffe5501_00ff7f80n << 35n));
});

test('lane opcodes reach the lane that they name', () => {
  u8.set(vectorA, 0);
  u8.fill(0, 16, 32);

  run('i16x8.extract_lane_u', 3);
  const extracted = view.getUint32(resultAt, true);
  run('i32x4.replace_lane', 2);

  assert.equal(extracted, 0xfffe);
  assert.deepEqual([...u8.subarray(resultAt + 4, resultAt + 16)], [1, 0x55, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x80]);
});
