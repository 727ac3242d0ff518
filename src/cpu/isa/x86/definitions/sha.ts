/** SHA-1 and SHA-256 (SDM 2, instruction pages named by mnemonic; FIPS 180-4). Variables are named as there. */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, requires } from '../row.ts';
import type { SharedFunction, SharedFunctions } from '../shared-function.ts';
import type { Body } from '../target.ts';
import { combine, shuffleLanes, sseRow, type VectorOperation } from './sse-row.ts';

const add = (e: WasmEmitter, ...values: readonly Val[]): Val => values.reduce((a, b) => e.op('i32.add', a, b));
const xor = (e: WasmEmitter, ...values: readonly Val[]): Val => values.reduce((a, b) => e.op('i32.xor', a, b));
const and = (e: WasmEmitter, a: Val, b: Val): Val => e.op('i32.and', a, b);
const right = (e: WasmEmitter, v: Val, count: number): Val => e.op('i32.rotr', v, e.i32(count));

/** Lanes from the highest one down, as the manual names them. */
const wordsOf = (e: WasmEmitter, vector: Val): [Val, Val, Val, Val] =>
  [3, 2, 1, 0].map((lane) => e.lane('i32x4.extract_lane', lane, vector)) as [Val, Val, Val, Val];

const vectorOf = (e: WasmEmitter, [a, b, c, d]: readonly [Val, Val, Val, Val]): Val =>
  [c, b, a].reduce((v, word, i) => e.lane('i32x4.replace_lane', i + 1, v, word), e.op('i32x4.splat', d));

const choose = (e: WasmEmitter, x: Val, y: Val, z: Val): Val => xor(e, and(e, x, xor(e, y, z)), z);
const majority = (e: WasmEmitter, x: Val, y: Val, z: Val): Val =>
  e.op('i32.or', and(e, x, y), and(e, z, e.op('i32.or', x, y)));

/** Four rounds with a function and a constant. E of the first comes added to its word. */
const rounds1 = (f: (e: WasmEmitter, x: Val, y: Val, z: Val) => Val): SharedFunction => ({
  params: ['v128', 'v128', 'i32'],
  results: ['v128'],
  emit: (e, _scope, state, message, constant) => {
    let [a, b, c, d] = wordsOf(e, state as Val);
    let last: Val = e.i32(0);
    for (const word of wordsOf(e, message as Val)) {
      const next = add(e, f(e, b, c, d), right(e, a, 27), word, last, constant as Val);
      [a, b, c, d, last] = [next, a, right(e, b, 2), c, d];
    }
    return [vectorOf(e, [a, b, c, d])];
  },
});

const sigma = (e: WasmEmitter, v: Val, counts: readonly number[]): Val => xor(e, ...counts.map((n) => right(e, v, n)));

const rounds256: SharedFunction = {
  params: ['v128', 'v128', 'v128'],
  results: ['v128'],
  emit: (e, _scope, state, other, words) => {
    let [c, d, g, h] = wordsOf(e, state as Val);
    let [a, b, ee, f] = wordsOf(e, other as Val);
    const [, , second, first] = wordsOf(e, words as Val);
    for (const word of [first, second]) {
      const t1 = add(e, choose(e, ee, f, g), sigma(e, ee, [6, 11, 25]), word, h);
      const t2 = add(e, majority(e, a, b, c), sigma(e, a, [2, 13, 22]));
      [a, b, c, d, ee, f, g, h] = [add(e, t1, t2), a, b, c, add(e, t1, d), ee, f, g];
    }
    return [vectorOf(e, [a, b, ee, f])];
  },
};

export const shaFunctions: SharedFunctions = {
  sha1Choose: rounds1(choose),
  sha1Parity: rounds1((e, x, y, z) => xor(e, x, y, z)),
  sha1Majority: rounds1(majority),
  sha256Rounds: rounds256,
};

/** SHA1RNDS4: the immediate chooses function and constant. */
const fourRounds: Body = (e, x, _w, state, message, immediate) => {
  const kind = e.op('i32.and', immediate as Val, e.i32(3));
  const run = (name: string, constant: Val) => (): Val =>
    x.shared(name, state as Val, message as Val, constant)[0] as Val;
  const isParity = e.op('i32.and', kind, e.i32(1));
  const isLast = e.op('i32.eq', kind, e.i32(3));
  const parity = run('sha1Parity', e.select(isLast, e.i32(0xca62c1d6 | 0), e.i32(0x6ed9eba1)));
  const others = (): Val =>
    e.choose('v128', kind, run('sha1Majority', e.i32(0x8f1bbcdc | 0)), run('sha1Choose', e.i32(0x5a827999)));
  return e.choose('v128', isParity, parity, others);
};

const rotateLanes = (e: WasmEmitter, v: Val, count: number): Val =>
  e.op('v128.or', e.op('i32x4.shl', v, e.i32(count)), e.op('i32x4.shr_u', v, e.i32(32 - count)));

/** SHA1NEXTE: the highest word of `b` and E. */
const nextE: VectorOperation = (e, a, b) => {
  const [previous] = wordsOf(e, a);
  const [word] = wordsOf(e, b);
  return e.lane('i32x4.replace_lane', 3, b, add(e, word, right(e, previous, 2)));
};

const message1First: VectorOperation = (e, a, b) => e.op('v128.xor', a, shuffleLanes(e, 4, a, b, [6, 7, 0, 1]));

/** The lowest word depends on the highest one. */
const message1Second: VectorOperation = (e, a, b) => {
  const zero = e.v128(new Array<number>(16).fill(0));
  const rotated = rotateLanes(e, e.op('v128.xor', a, shuffleLanes(e, 4, zero, b, [0, 4, 5, 6])), 1);
  const again = rotateLanes(e, shuffleLanes(e, 4, rotated, zero, [3, 4, 4, 4]), 1);
  return e.op('v128.xor', rotated, again);
};

const message256First: VectorOperation = (e, a, b) => {
  const next = shuffleLanes(e, 4, a, b, [1, 2, 3, 4]);
  const turned = e.op('v128.xor', rotateLanes(e, next, 25), rotateLanes(e, next, 14));
  return e.op('i32x4.add', a, e.op('v128.xor', turned, e.op('i32x4.shr_u', next, e.i32(3))));
};

const message256Second: VectorOperation = (e, a, b) => {
  const mixed = (v: Val): Val => xor(e, right(e, v, 17), right(e, v, 19), e.op('i32.shr_u', v, e.i32(10)));
  const [a3, a2, a1, a0] = wordsOf(e, a);
  const [w15, w14] = wordsOf(e, b);
  const w16 = add(e, a0, mixed(w14));
  const w17 = add(e, a1, mixed(w15));
  return vectorOf(e, [add(e, a3, mixed(w17)), add(e, a2, mixed(w16)), w17, w16]);
};

export const sha: readonly Row[] = requires('sha', [
  sseRow('NP 0F 3A CC', 'sha1rnds4', 'Vx+,Wx,Ib', fourRounds),
  sseRow('NP 0F 38 C8', 'sha1nexte', 'Vx+,Wx', combine(nextE)),
  sseRow('NP 0F 38 C9', 'sha1msg1', 'Vx+,Wx', combine(message1First)),
  sseRow('NP 0F 38 CA', 'sha1msg2', 'Vx+,Wx', combine(message1Second)),
  sseRow('NP 0F 38 CB', 'sha256rnds2', 'Vx+,Wx,Xx', (_e, x, _w, state, other, words) =>
    x.shared('sha256Rounds', state as Val, other as Val, words as Val),
  ),
  sseRow('NP 0F 38 CC', 'sha256msg1', 'Vx+,Wx', combine(message256First)),
  sseRow('NP 0F 38 CD', 'sha256msg2', 'Vx+,Wx', combine(message256Second)),
]);
