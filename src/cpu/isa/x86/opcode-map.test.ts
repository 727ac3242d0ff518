import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildOpcodeMaps } from './opcode-map.ts';
import { type Row, type RowOptions, row } from './row.ts';
import { x86OpcodeMaps, x86Rows } from './rows.ts';
import { formsOf } from './variant.ts';

const define = (opcode: string, name: string, operands: string, options?: RowOptions): Row =>
  row(opcode, name, operands, () => {}, options);

test('two rows with the same encoding are refused and both are named', () => {
  assert.throws(
    () => buildOpcodeMaps([define('0F A3', 'bt', 'Ev,Gv'), define('0F A3', 'other', 'Gv,Ev')]),
    /^RangeError: Cannot define 0F A3 other: 0F A3 bt has the same encoding$/,
  );
  assert.throws(() => buildOpcodeMaps([define('40+r', 'inc', 'Zv'), define('43', 'other', '')]), /40\+r inc/);
  assert.throws(() => buildOpcodeMaps([define('F6 /3', 'neg', 'Eb'), define('F6 /3', 'other', 'Mb')]), /F6 \/3 neg/);
  assert.throws(() => buildOpcodeMaps([define('63', 'arpl', 'Ew', { only: 'legacy' }), define('63', 'other', 'Ew')]));
});

test('rows that differ in form, digit, prefix, map or mode share an opcode', () => {
  const maps = buildOpcodeMaps([
    define('63', 'arpl', 'Ew,Gw', { only: 'legacy' }),
    define('63', 'movsxd', 'Gv,Ez', { only: 'mode64' }),
    define('8F /0', 'pop', 'Rv'),
    define('8F /0', 'pop_mem', 'Nv'),
    define('8F /1', 'other', 'Ev'),
    define('0F 63', 'packsswb', 'Pq,Qq'),
    define('0F 38 63', 'third', 'Pq,Qq'),
    define('0F 3A 63', 'fourth', 'Pq,Qq'),
  ]);

  const names = (['', '0F', '0F38', '0F3A'] as const).map((map) => maps[map][0x63]?.map((c) => c.row.name));
  assert.deepEqual(names, [['arpl', 'movsxd'], ['packsswb'], ['third'], ['fourth']]);
  assert.equal(maps[''][0x8f]?.length, 3);
});

test('the more specific row comes first, in whatever order they are defined', () => {
  const rows = [
    define('0F 01 /7', 'invlpg', 'Nb'),
    define('0F 01 F8', 'swapgs', ''),
    define('NP 0F 01 C8', 'monitor', ''),
    define('F3 0F 01 /7', 'special', 'Nb'),
  ];
  const order = (list: Row[]): string[] => (buildOpcodeMaps(list)['0F'][1] ?? []).map((c) => c.row.name);

  assert.deepEqual(order(rows), ['monitor', 'swapgs', 'special', 'invlpg']);
  assert.deepEqual(order(rows.toReversed()), ['monitor', 'swapgs', 'special', 'invlpg']);
});

test('a register in the opcode takes eight opcodes', () => {
  const map = buildOpcodeMaps([define('58+r', 'pop', 'Zv=')])[''];

  assert.deepEqual(
    map.flatMap((candidates, opcode) => (candidates.length > 0 ? [opcode] : [])),
    [0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f],
  );
});

test('every row of the processor has a variant for each of its forms, in each mode where it exists', () => {
  const candidates = Object.values(x86OpcodeMaps).flat(2);

  for (const candidate of candidates) {
    const { only, sizes } = candidate.row;
    const has = formsOf(candidate.row).length;
    const in64 = only === 'legacy' ? 0 : sizes === 'branch' ? 1 : sizes === 'stack' ? 2 : 3;
    const elsewhere = only === 'mode64' ? 0 : 4;

    const { length } = candidate.variants.filter((variant) => variant !== undefined);
    assert.equal(length, has * (in64 + elsewhere), `${candidate.row.opcode} ${candidate.row.name}`);
  }
  assert.equal(new Set(candidates.map((c) => c.row)).size, x86Rows.length);
});
