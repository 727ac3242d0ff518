import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layout } from '../layout.ts';
import { add, multiply } from './arithmetic.ts';
import { divide } from './divide.ts';
import { addFast, divideFast, multiplyFast } from './fast-path.ts';
import { cell, Float80Unit, setCell } from './unit.ts';
import { randomFrom } from './witness/cases.ts';

const operations = [
  { name: 'addition', fast: addFast, general: (u: Float80Unit) => add(u, 0) },
  { name: 'multiplication', fast: multiplyFast, general: multiply },
  { name: 'division', fast: divideFast, general: divide },
];

/** Significands with long runs of equal bits, where carries and ties are. */
function significandWord(random: () => number): number {
  const sort = random() % 8;
  if (sort < 2) return 0;
  if (sort === 2) return -1;
  if (sort === 3) return 1 << (random() % 32);
  if (sort === 4) return -1 << (random() % 32);
  return random() | 0;
}

for (const { name, fast, general } of operations) {
  for (const control of [0x37f, 0x27f]) {
    test(`fast ${name} is ${name}, control word ${control.toString(16)}`, () => {
      const seed = 4711;
      const random = randomFrom(seed);
      const buffer = new ArrayBuffer(0x1000);
      const view = { words: new Int32Array(buffer), halves: new Uint16Array(buffer) };
      const u = new Float80Unit();
      const target = layout.x87 >> 2;
      let taken = 0;
      for (let i = 0; i < 50_000; i++) {
        const operand = () =>
          [
            (random() & 0x8000) | (0x3fff + (random() % 140) - 70),
            significandWord(random) | 0x80000000,
            significandWord(random),
          ] as const;
        const x = operand();
        const y = operand();
        view.halves[layout.x87Control >> 1] = control;
        view.halves[layout.x87Status >> 1] = 0;
        if (!fast(view, target, ...x, ...y)) continue;
        taken++;
        u.begin(control);
        setCell(u, cell.a, ...x);
        setCell(u, cell.b, ...y);
        general(u);
        const status = u.raised | (u.roundedUp << 9);
        const expected = [u.words[cell.r], u.words[cell.r + 1], u.words[cell.r + 2], status];
        const actual = [
          view.words[target],
          view.words[target + 1],
          view.words[target + 2],
          view.halves[layout.x87Status >> 1],
        ];
        assert.deepEqual(actual, expected, `seed ${seed}, case ${i}`);
      }
      assert.ok(taken > 10_000, `taken ${taken} times`);
    });
  }
}
