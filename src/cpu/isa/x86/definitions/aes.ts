/** AES-NI (SDM 2, instruction pages named by mnemonic; FIPS 197). */
import type { Val, WasmEmitter } from '../../index.ts';
import { layout } from '../layout.ts';
import { type Row, requires } from '../row.ts';
import type { SharedFunction, SharedFunctions } from '../shared-function.ts';
import type { Body } from '../target.ts';
import { inverseSubstitution, inverses, type SubstitutionTables, scaledInverses, substitution } from './aes-tables.ts';
import { shuffleLanes, sseRow, vectorBytes, zeroVector } from './sse-row.ts';

const xor = (e: WasmEmitter, a: Val, b: Val): Val => e.op('v128.xor', a, b);
const sixteen = (byte: number): number[] => new Array<number>(16).fill(byte);
const lowNibbles = sixteen(15);
const constant = sixteen(0x63);
const reduction = sixteen(0x1b);

/** They lie at `layout.aesTables`: V8 loads a vector from memory faster than it makes one. */
const inMemory: readonly (readonly number[])[] = [
  lowNibbles,
  constant,
  reduction,
  inverses,
  scaledInverses,
  ...[substitution, inverseSubstitution].flatMap(({ input, output }) => [...input, ...output]),
];

export function writeAesTables(memory: Uint8Array): void {
  inMemory.forEach((table, i) => {
    memory.set(table, layout.aesTables + 16 * i);
  });
}

const loadTable = (e: WasmEmitter, table: readonly number[]): Val =>
  e.loadMemory('v128.load', e.i32(0), layout.aesTables + 16 * inMemory.indexOf(table));

/** Each byte through the S-box: see aes-tables.ts. */
function substitute(e: WasmEmitter, tables: SubstitutionTables, state: Val): Val {
  const lookUp = (table: readonly number[], index: Val): Val => e.op('i8x16.swizzle', loadTable(e, table), index);
  const lowBits = loadTable(e, lowNibbles);
  const low = (v: Val): Val => e.op('v128.and', v, lowBits);
  const high = (v: Val): Val => low(e.op('i16x8.shr_u', v, e.i32(4)));
  const given = tables.before === 0 ? state : xor(e, state, loadTable(e, constant));
  const indices = xor(e, lookUp(tables.input[0], low(given)), lookUp(tables.input[1], high(given)));
  const [i, k] = [high(indices), low(indices)];
  const j = xor(e, i, k);
  const scaled = lookUp(scaledInverses, k);
  const quotient = (n: Val, other: Val): Val => xor(e, lookUp(inverses, xor(e, lookUp(inverses, n), scaled)), other);
  const found = xor(e, lookUp(tables.output[0], quotient(i, j)), lookUp(tables.output[1], quotient(j, i)));
  return tables.after === 0 ? found : xor(e, found, loadTable(e, constant));
}

/** Row r of the state, every fourth byte from r on, moves by r columns. */
const shiftRows = (e: WasmEmitter, state: Val, direction: 1 | -1): Val => {
  const bytes = Array.from({ length: 16 }, (_, i) => (i + 4 * direction * (i % 4) + 16) % 16);
  return e.shuffle(state, state, bytes);
};

/** Each column, four bytes, turned by `count` rows. */
const turnColumns = (e: WasmEmitter, state: Val, count: number): Val => {
  const bytes = Array.from({ length: 16 }, (_, i) => (i & ~3) | ((i + count) & 3));
  return e.shuffle(state, state, bytes);
};

/** Each byte by x. */
function double(e: WasmEmitter, state: Val): Val {
  const isHigh = e.op('i8x16.gt_s', zeroVector(e), state);
  return xor(e, e.op('i8x16.add', state, state), e.op('v128.and', isHigh, loadTable(e, reduction)));
}

function mixColumns(e: WasmEmitter, state: Val): Val {
  const next = turnColumns(e, state, 1);
  const others = xor(e, turnColumns(e, state, 2), turnColumns(e, state, 3));
  return xor(e, double(e, xor(e, state, next)), xor(e, next, others));
}

/** The inverse matrix is that of `mixColumns` by one that adds four times the sum with the opposite byte. */
function unmixColumns(e: WasmEmitter, state: Val): Val {
  const opposite = xor(e, state, turnColumns(e, state, 2));
  return mixColumns(e, xor(e, state, double(e, double(e, opposite))));
}

type Round = (e: WasmEmitter, state: Val) => Val;
const encryptLast: Round = (e, state) => shiftRows(e, substitute(e, substitution, state), 1);
const decryptLast: Round = (e, state) => shiftRows(e, substitute(e, inverseSubstitution, state), -1);

const rounds: readonly (readonly [number, string, Round])[] = [
  [0xdc, 'aesenc', (e, state) => mixColumns(e, encryptLast(e, state))],
  [0xdd, 'aesenclast', encryptLast],
  [0xde, 'aesdec', (e, state) => unmixColumns(e, decryptLast(e, state))],
  [0xdf, 'aesdeclast', decryptLast],
];

const shared = (round: Round): SharedFunction => ({
  params: ['v128', 'v128'],
  results: ['v128'],
  emit: (e, _scope, state, key) => [xor(e, round(e, state as Val), key as Val)],
});

export const aesFunctions: SharedFunctions = {
  ...Object.fromEntries(rounds.map(([, name, round]) => [name, shared(round)])),
  aesSubstitute: {
    params: ['v128'],
    results: ['v128'],
    emit: (e, _scope, state) => [substitute(e, substitution, state as Val)],
  },
};

/** AESKEYGENASSIST: words 1 and 3, substituted, and each once more turned by a byte and with the constant. */
const assistKey: Body = (e, x, _w, source, constant) => {
  const [words] = x.shared('aesSubstitute', source as Val);
  const picked = shuffleLanes(e, 4, words as Val, words as Val, [1, 1, 3, 3]);
  const turned = e.shuffle(picked, picked, [0, 1, 2, 3, 5, 6, 7, 4, 8, 9, 10, 11, 13, 14, 15, 12]);
  const places = e.v128(vectorBytes(4, [0, 0xff, 0, 0xff]));
  return xor(e, turned, e.op('v128.and', e.op('i32x4.splat', constant as Val), places));
};

export const aes: readonly Row[] = requires('aes', [
  ...rounds.map(([byte, name]) =>
    sseRow(`66 0F 38 ${byte.toString(16).toUpperCase()}`, name, 'Vx+,Wx', (_e, x, _w, state, key) =>
      x.shared(name, state as Val, key as Val),
    ),
  ),
  sseRow('66 0F 38 DB', 'aesimc', 'Vx=,Wx', (e, _x, _w, state) => unmixColumns(e, state as Val)),
  sseRow('66 0F 3A DF', 'aeskeygenassist', 'Vx=,Wx,Ib', assistKey),
]);
