import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleBuilder } from '../../wasm/index.ts';
import { asVal, type Val, Value, WasmEmitter, type Width } from '../index.ts';
import {
  addFlags,
  carryFlag,
  conditionHolds,
  flagsOf,
  packFlags,
  subFlags,
  unpackFlags,
  withCarryFlag,
} from './arithmetic-flags.ts';
import { flag } from './layout.ts';
import type { FlagVals } from './target.ts';

const widths: readonly Width[] = [8, 16, 32, 64];
const six = [flag.CF, flag.PF, flag.AF, flag.ZF, flag.SF, flag.OF];
const combinations = Array.from({ length: 64 }, (_, i) =>
  six.reduce((all, bit, at) => (i & (1 << at) ? all | bit : all), 0),
);

type Run = (a: number | bigint, b: number | bigint, carryIn: number) => number;

/** A Wasm function of two operands of this width and an i32. */
function compile(width: Width, write: (e: WasmEmitter, a: Val, b: Val, carryIn: Val) => Val): Run {
  const module = new ModuleBuilder();
  const type = width === 64 ? 'i64' : 'i32';
  module.define(
    [type, type, 'i32'],
    ['i32'],
    (body) => {
      const e = new WasmEmitter(body);
      const [a, b, c] = [type, type, 'i32'].map((t, i) => asVal(Value.local(t as 'i32', i)));
      e.push(write(e, a as Val, b as Val, c as Val));
    },
    'run',
  );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()));
  return exports.run as Run;
}

const argument = (width: Width, value: bigint): number | bigint => (width === 64 ? value : Number(value));

function edges(width: Width): bigint[] {
  const top = 1n << BigInt(width - 1);
  const mixed = BigInt.asUintN(width, 0x123456789abcde5fn);
  return [0n, 1n, 7n, 8n, 0xfn, 0x10n, top - 1n, top, top + 1n, 2n * top - 2n, 2n * top - 1n, mixed];
}

const ones = (value: bigint): number => [...value.toString(2)].filter((digit) => digit === '1').length;

/** PF, ZF and SF of a result (SDM 1, 3.4.3.1). */
function resultFlags(result: bigint, width: number): number {
  const parity = ones(result & 0xffn) % 2 === 0 ? flag.PF : 0;
  return parity | (result === 0n ? flag.ZF : 0) | (BigInt.asIntN(width, result) < 0n ? flag.SF : 0);
}

/** The flags of a + b + carry, or a - b - carry, by what each flag means. */
function reference(sign: 1n | -1n, a: bigint, b: bigint, carry: bigint, width: number): number {
  const unsigned = a + sign * (b + carry);
  const signed = BigInt.asIntN(width, a) + sign * (BigInt.asIntN(width, b) + carry);
  const nibble = (a & 15n) + sign * ((b & 15n) + carry);
  const result = BigInt.asUintN(width, unsigned);
  let eflags = resultFlags(result, width);
  if (unsigned !== result) eflags |= flag.CF;
  if (nibble < 0n || nibble > 15n) eflags |= flag.AF;
  if (signed !== BigInt.asIntN(width, signed)) eflags |= flag.OF;
  return eflags;
}

const ofWidth = (e: WasmEmitter, width: Width, carry: Val): Val => e.zeroExtend(32, width === 64 ? 64 : 32, carry);

for (const width of widths) {
  test(`additions and subtractions of ${width} bits with and without carry set the manual's flags`, () => {
    const add = compile(width, (e, a, b, carry) => {
      const result = e.add(width, e.add(width, a, b), ofWidth(e, width, carry));
      return packFlags(e, addFlags(e, width, a, b, result));
    });
    const subtract = compile(width, (e, a, b, borrow) => {
      const result = e.sub(width, e.sub(width, a, b), ofWidth(e, width, borrow));
      return packFlags(e, subFlags(e, width, a, b, result));
    });
    for (const a of edges(width)) {
      for (const b of edges(width)) {
        for (const carry of [0, 1]) {
          const [x, y] = [argument(width, a), argument(width, b)];

          assert.equal(add(x, y, carry), reference(1n, a, b, BigInt(carry), width), `${a} + ${b} + ${carry}`);
          assert.equal(subtract(x, y, carry), reference(-1n, a, b, BigInt(carry), width), `${a} - ${b} - ${carry}`);
        }
      }
    }
  });

  test(`logic of ${width} bits clears carry, overflow and adjust and follows the result`, () => {
    const and = compile(width, (e, a, b) =>
      packFlags(e, flagsOf(e, { kind: 'logic', width, result: e.and(width, a, b) })),
    );
    for (const a of edges(width)) {
      for (const b of edges(width)) {
        assert.equal(and(argument(width, a), argument(width, b), 0), resultFlags(a & b, width), `${a} & ${b}`);
      }
    }
  });
}

test('flags of every byte addition are those of the manual', () => {
  const add = compile(8, (e, a, b) => packFlags(e, addFlags(e, 8, a, b, e.add(8, a, b))));
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) assert.equal(add(a, b, 0), reference(1n, BigInt(a), BigInt(b), 0n, 8), `${a} + ${b}`);
  }
});

const onFlags = (
  write: (e: WasmEmitter, flags: FlagVals, argument: Val) => Val,
): ((eflags: number, b?: number) => number) => {
  const run = compile(32, (e, eflags, b) => write(e, unpackFlags(e, eflags), b));
  return (eflags, b = 0) => run(eflags, b, 0);
};

test('EFLAGS unpacked into lazy words pack to the same bits, other bits ignored', () => {
  const roundTrip = onFlags(packFlags);
  for (const eflags of combinations) {
    assert.equal(roundTrip(eflags), eflags);
    assert.equal(roundTrip(eflags | 0x7f702), eflags);
  }
});

/** SDM 1, appendix B, table B-1. */
const conditions: readonly ((f: Record<'CF' | 'PF' | 'ZF' | 'SF' | 'OF', boolean>) => boolean)[] = [
  (f) => f.OF,
  (f) => !f.OF,
  (f) => f.CF,
  (f) => !f.CF,
  (f) => f.ZF,
  (f) => !f.ZF,
  (f) => f.CF || f.ZF,
  (f) => !(f.CF || f.ZF),
  (f) => f.SF,
  (f) => !f.SF,
  (f) => f.PF,
  (f) => !f.PF,
  (f) => f.SF !== f.OF,
  (f) => f.SF === f.OF,
  (f) => f.SF !== f.OF || f.ZF,
  (f) => f.SF === f.OF && !f.ZF,
];

test('each of the sixteen conditions holds for the flags that the manual lists', () => {
  conditions.forEach((condition, code) => {
    const holds = onFlags((e, flags) => conditionHolds(e, flags, code));
    for (const eflags of combinations) {
      const has = (bit: number): boolean => (eflags & bit) !== 0;
      const flags = { CF: has(flag.CF), PF: has(flag.PF), ZF: has(flag.ZF), SF: has(flag.SF), OF: has(flag.OF) };

      assert.equal(holds(eflags) !== 0, condition(flags), `condition ${code}, flags 0x${eflags.toString(16)}`);
    }
  });
});

test('a condition is zero or one, so that SETcc can store it', () => {
  for (let code = 0; code < 16; code++) {
    const holds = onFlags((e, flags) => conditionHolds(e, flags, code));
    for (const eflags of combinations) assert.ok([0, 1].includes(holds(eflags)), `condition ${code}`);
  }
});

test('a condition code past fifteen is refused', () => {
  assert.throws(() => onFlags((e, flags) => conditionHolds(e, flags, 16)), /Cannot test condition 16/);
});

test('replacing the carry flag keeps every other flag', () => {
  const replace = onFlags((e, flags, cf) =>
    packFlags(e, { ...flags, carry: withCarryFlag(e, flags.carry, e.zeroExtend(32, 64, cf)) }),
  );
  for (const eflags of combinations) {
    assert.equal(replace(eflags, 0), eflags & ~flag.CF);
    assert.equal(replace(eflags, 1), eflags | flag.CF);
  }
});

test('the carry flag reads as zero or one', () => {
  const carry = onFlags((e, flags) => e.truncate(64, 32, carryFlag(e, flags)));
  for (const eflags of combinations) assert.equal(carry(eflags), eflags & flag.CF);
});
