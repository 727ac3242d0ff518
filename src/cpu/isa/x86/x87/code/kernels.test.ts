import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleBuilder } from '../../../../wasm/index.ts';
import { asVal, Value, WasmEmitter } from '../../../index.ts';
import { add, multiply } from '../arithmetic.ts';
import { divide, squareRoot } from '../divide.ts';
import { cell, Float80Unit, setCell } from '../unit.ts';
import { randomFrom } from '../witness/cases.ts';
import { kernels } from './kernels.ts';

type Kernel = (a: bigint, aSignExponent: number, b: bigint, bSignExponent: number, words: number) => [bigint, number];

type Root = (a: bigint, signExponent: number, words: number) => [bigint, number];

const unused = (): never => {
  throw new Error('Kernels call nothing');
};

function compiled(): Record<string, Kernel> {
  const module = new ModuleBuilder();
  for (const [name, { params, results, emit }] of Object.entries(kernels)) {
    module.define(
      params,
      results,
      (body) => {
        const e = new WasmEmitter(body);
        const operands = params.map((type, i) => asVal(Value.local(type, i)));
        e.push(...emit(e, { call: unused, helper: unused }, ...operands));
      },
      name,
    );
  }
  return new WebAssembly.Instance(new WebAssembly.Module(module.encode())).exports as Record<string, Kernel>;
}

const operations: Readonly<Record<string, (u: Float80Unit) => void>> = {
  x87Add: (u) => add(u, 0),
  x87Multiply: multiply,
  x87Divide: divide,
};

type Random = () => number;

/** Significands with long runs of equal bits, where carries and ties are. */
function significandWord(random: Random): number {
  const sort = random() % 8;
  if (sort < 2) return 0;
  if (sort === 2) return -1;
  if (sort === 3) return 1 << (random() % 32);
  if (sort === 4) return -1 << (random() % 32);
  return random() | 0;
}

/** Zeros now and then. */
function operand(random: Random): readonly [signExponent: number, hi: number, lo: number] {
  const sign = random() & 0x8000;
  if (random() % 32 === 0) return [sign, 0, 0];
  const exponent = 0x3fff + (random() % 140) - 70;
  return [sign | exponent, significandWord(random) | 0x80000000, significandWord(random)];
}

/** The second one is near the first now and then. */
function operands(random: Random): [ReturnType<typeof operand>, ReturnType<typeof operand>] {
  const a = operand(random);
  if (random() % 4 !== 0) return [a, operand(random)];
  const [signExponent, hi, lo] = a;
  return [a, [signExponent ^ 0x8000, hi, lo + (random() % 3) - 1]];
}

const wide = (hi: number, lo: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

/** What the helpers compute: the significand, sign and exponent below the status. */
function resultOf(u: Float80Unit): [bigint, number] {
  const status = u.raised | (u.roundedUp << 9);
  return [wide(u.words[cell.r + 1]!, u.words[cell.r]!), (u.words[cell.r + 2]! & 0xffff) | (status << 16)];
}

const seed = 4711;
const rounds = 50_000;

for (const control of [0x37f, 0x27f, 0x7f]) {
  for (const [name, general] of Object.entries(operations)) {
    test(`${name} is what the helpers compute, control word ${control.toString(16)}`, () => {
      const random = randomFrom(seed);
      const kernel = compiled()[name] as Kernel;
      const u = new Float80Unit();
      let taken = 0;
      for (let i = 0; i < rounds; i++) {
        const [a, b] = operands(random);
        const [significand, packed] = kernel(wide(a[1], a[2]), a[0], wide(b[1], b[2]), b[0], control);
        if (packed < 0) continue;
        taken++;
        u.begin(control);
        setCell(u, cell.a, ...a);
        setCell(u, cell.b, ...b);
        general(u);
        assert.deepEqual([BigInt.asUintN(64, significand), packed], resultOf(u), `seed ${seed}, case ${i}`);
      }
      assert.ok(taken > 0.9 * rounds, `taken ${taken} times`);
    });
  }

  test(`x87Root is what the helpers compute, control word ${control.toString(16)}`, () => {
    const random = randomFrom(seed);
    const kernel = compiled().x87Root as unknown as Root;
    const u = new Float80Unit();
    for (let i = 0; i < rounds; i++) {
      const [signExponent, hi, lo] = operand(random);
      const [significand, packed] = kernel(wide(hi, lo), signExponent & 0x7fff, control);
      u.begin(control);
      setCell(u, cell.a, signExponent & 0x7fff, hi, lo);
      squareRoot(u);
      assert.deepEqual([BigInt.asUintN(64, significand), packed], resultOf(u), `seed ${seed}, case ${i}`);
    }
  });
}
