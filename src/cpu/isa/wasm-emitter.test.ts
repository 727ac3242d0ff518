import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleBuilder } from '../wasm/index.ts';
import { asVal, asValue, type Val, Value, type Width } from './values.ts';
import { WasmEmitter } from './wasm-emitter.ts';

const widths: readonly Width[] = [8, 16, 32, 64];
const wasmType = (width: Width): 'i32' | 'i64' => (width === 64 ? 'i64' : 'i32');

/** Values at and around the edges of a width, unsigned. */
function edges(width: Width): bigint[] {
  const top = 1n << BigInt(width - 1);
  const values = [0n, 1n, 2n, 3n, 0x55n, top - 1n, top, top + 1n, 2n * top - 2n, 2n * top - 1n, 0x123456789abcdef1n];
  return [...new Set(values.map((v) => BigInt.asUintN(width, v)))];
}

type Binary = (e: WasmEmitter, width: Width, a: Val, b: Val) => Val;

/** What `write` makes of two values that are only known at run time. */
function compile(width: Width, write: Binary): (a: bigint, b: bigint) => bigint {
  const module = new ModuleBuilder();
  const type = wasmType(width);
  module.define(
    [type, type],
    ['i64'],
    (body) => {
      const e = new WasmEmitter(body);
      const result = write(e, width, asVal(Value.local(type, 0)), asVal(Value.local(type, 1)));
      e.push(e.typeOf(result) === 'i64' ? result : e.op('i64.extend_i32_u', result));
    },
    'run',
  );
  const { run } = new WebAssembly.Instance(new WebAssembly.Module(module.encode())).exports;
  const call = run as (a: number | bigint, b: number | bigint) => bigint;
  const pass = (v: bigint): number | bigint => (width === 64 ? v : Number(v));
  return (a, b) => BigInt.asUintN(64, call(pass(a), pass(b)));
}

/** The same with values that are known while code is generated. */
function compileConstant(width: Width, write: Binary, a: bigint, b: bigint): bigint {
  return compile(width, (e) => write(e, width, e.constant(width, a), e.constant(width, b)))(0n, 0n);
}

const arithmetic: Readonly<Record<string, readonly [Binary, (a: bigint, b: bigint, width: Width) => bigint]>> = {
  add: [(e, w, a, b) => e.add(w, a, b), (a, b) => a + b],
  sub: [(e, w, a, b) => e.sub(w, a, b), (a, b) => a - b],
  mul: [(e, w, a, b) => e.mul(w, a, b), (a, b) => a * b],
  and: [(e, w, a, b) => e.and(w, a, b), (a, b) => a & b],
  or: [(e, w, a, b) => e.or(w, a, b), (a, b) => a | b],
  xor: [(e, w, a, b) => e.xor(w, a, b), (a, b) => a ^ b],
  not: [(e, w, a) => e.not(w, a), (a) => ~a],
  isZero: [(e, w, a) => e.isZero(w, a), (a) => BigInt(a === 0n)],
  equal: [(e, w, a, b) => e.equal(w, a, b), (a, b) => BigInt(a === b)],
  lessUnsigned: [(e, w, a, b) => e.lessUnsigned(w, a, b), (a, b) => BigInt(a < b)],
};
const shifts: typeof arithmetic = {
  shl: [(e, w, a, b) => e.shl(w, a, b), (a, b) => a << b],
  shrUnsigned: [(e, w, a, b) => e.shrUnsigned(w, a, b), (a, b) => a >> b],
  shrSigned: [(e, w, a, b) => e.shrSigned(w, a, b), (a, b, w) => BigInt.asIntN(w, a) >> b],
};

for (const [name, [write, reference]] of Object.entries(arithmetic)) {
  test(`${name} of every width computes as BigInt does, at run time and folded`, () => {
    for (const width of widths) {
      const run = compile(width, write);
      for (const a of edges(width)) {
        for (const b of edges(width)) {
          const expected = BigInt.asUintN(width, reference(a, b, width));

          assert.equal(run(a, b), expected, `${width} bits: ${a} ${b}`);
        }
        const [b = 0n] = edges(width).slice(-2);
        assert.equal(compileConstant(width, write, a, b), BigInt.asUintN(width, reference(a, b, width)), `${a} ${b}`);
      }
    }
  });
}

for (const [name, [write, reference]] of Object.entries(shifts)) {
  test(`${name} by every count below the width computes as BigInt does, at run time and folded`, () => {
    for (const width of widths) {
      const run = compile(width, write);
      for (const a of edges(width)) {
        for (const count of [0n, 1n, 7n, BigInt(width - 1)]) {
          const expected = BigInt.asUintN(width, reference(a, count, width));

          assert.equal(run(a, count), expected, `${width} bits: ${a} by ${count}`);
          assert.equal(compileConstant(width, write, a, count), expected, `${width} bits folded: ${a} by ${count}`);
        }
      }
    }
  });
}

test('extensions and truncations between widths keep the value that they should', () => {
  for (const from of widths) {
    for (const to of widths) {
      const [narrow, wide] = from <= to ? [from, to] : [to, from];
      const signExtend = compile(narrow, (e, _w, a) => e.signExtend(narrow, wide, a));
      const zeroExtend = compile(narrow, (e, _w, a) => e.zeroExtend(narrow, wide, a));
      const truncate = compile(wide, (e, _w, a) => e.truncate(wide, narrow, a));
      for (const value of edges(narrow)) {
        assert.equal(signExtend(value, 0n), BigInt.asUintN(wide, BigInt.asIntN(narrow, value)), `${narrow} to ${wide}`);
        assert.equal(zeroExtend(value, 0n), value);
      }
      for (const value of edges(wide)) assert.equal(truncate(value, 0n), BigInt.asUintN(narrow, value));
    }
  }
});

/** Constant operands and a result that is constant too: the folded operations, by their Wasm names. */
const foldable = [
  'i32.add i32.sub i32.mul i32.and i32.or i32.xor i32.shl i32.shr_u i32.shr_s i32.eq i32.ne i32.lt_u',
  'i64.add i64.sub i64.and i64.or i64.xor i64.shl',
]
  .join(' ')
  .split(' ');

test('folded operations give what Wasm gives, counts past the width included', () => {
  const values = [0n, 1n, 31n, 32n, 33n, 63n, 64n, 65n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 63n, -1n];
  for (const name of foldable) {
    const width = name.startsWith('i64') ? 64 : 32;
    const run = compile(width, (e, _w, a, b) => e.op(name, a, b));
    for (const a of values) {
      for (const b of values) {
        let isFolded = false;
        const folded = compile(width, (e) => {
          const result = e.op(name, e.constant(width, a), e.constant(width, b));
          isFolded = asValue(result).constant !== undefined;
          return result;
        })(0n, 0n);

        assert.equal(folded, run(BigInt.asUintN(width, a), BigInt.asUintN(width, b)), `${name} ${a} ${b}`);
        assert.ok(isFolded, name);
      }
    }
  }
});

test('constants wrap to their width and are known', () => {
  const constants: (number | undefined)[] = [];
  compile(32, (e, _w, a) => {
    constants.push(e.known(e.constant(8, -1)), e.known(e.constant(16, 0x12345)), e.known(e.constant(32, 0xffffffff)));
    constants.push(e.known(a));
    return a;
  });

  assert.deepEqual(constants, [0xff, 0x2345, -1, undefined]);
});

test('when, select and choose follow a condition that is known only at run time, or already', () => {
  const pick: Binary = (e, _w, a, b) => e.select(a, e.i32(10), b);
  const branch: Binary = (e, _w, a, b) =>
    e.choose(
      'i32',
      a,
      () => e.add(32, b, e.i32(1)),
      () => e.i32(7),
    );
  const run = [compile(32, pick), compile(32, branch)];
  const folded = [1n, 0n].flatMap((a) => [compileConstant(32, pick, a, 20n), compileConstant(32, branch, a, 20n)]);

  assert.deepEqual(
    run.flatMap((f) => [f(5n, 20n), f(0n, 20n)]),
    [10n, 20n, 21n, 7n],
  );
  assert.deepEqual(folded, [10n, 21n, 20n, 7n]);
});

test('only the branch of a known condition is emitted', () => {
  const ran: string[] = [];
  compile(32, (e, _w, a) => {
    e.when(
      e.i32(0),
      () => ran.push('then'),
      () => ran.push('otherwise'),
    );
    e.when(e.i32(-1), () => ran.push('second'));
    return a;
  });

  assert.deepEqual(ran, ['otherwise', 'second']);
});

test('operands of wrong types are refused, with the instruction and both lists in the message', () => {
  const attempt = (write: Binary) => () => compile(32, write);

  assert.throws(
    attempt((e, _w, a) => e.op('i64.add', a, e.op('i64.extend_i32_u', a))),
    { name: 'TypeError', message: 'Cannot emit i64.add: operands are (i32, i64), not (i64, i64)' },
  );
  assert.throws(
    attempt((e, _w, a) => e.op('i32.add', a)),
    /operands are \(i32\), not \(i32, i32\)/,
  );
  assert.throws(
    attempt((e, _w, a, b) => e.op('i32.addd', a, b)),
    /Cannot emit "i32.addd": no such Wasm instruction/,
  );
  assert.throws(
    attempt((e, _w, a) => e.loadMemory('i32.load24', a, 0)),
    /Cannot emit load: "i32.load24" is not one/,
  );
});

test('constants of a wrong type are refused as locals are', () => {
  assert.throws(
    () => compile(32, (e, _w, a) => e.op('i64.add', a, e.i64(1n))),
    /operands are \(i32, i64\), not \(i64, i64\)/,
  );
  assert.throws(() => compile(32, (e) => e.op('i32.add', e.i64(1n), e.i64(2n))), /operands are \(i64, i64\), not/);
});

test('JavaScript operators on a run-time value throw', () => {
  const value = asVal(Value.local('i32', 0)) as unknown as number;

  assert.throws(() => value + 1, /Cannot compute with a run-time value in JavaScript/);
  assert.throws(() => value < 1, TypeError);
  assert.throws(() => -value, TypeError);
});
