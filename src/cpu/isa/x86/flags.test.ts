import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flagsFromWords, subtractionFlags, wordsFromFlags } from './flags.ts';
import { flag, lazyFlags } from './layout.ts';

const six = [flag.CF, flag.PF, flag.AF, flag.ZF, flag.SF, flag.OF];
/** Every combination of the six arithmetic flags. */
const combinations = Array.from({ length: 64 }, (_, i) =>
  six.reduce((all, bit, at) => (i & (1 << at) ? all | bit : all), 0),
);

test('every combination of the arithmetic flags goes into lazy words and comes back', () => {
  for (const eflags of combinations) {
    assert.equal(flagsFromWords(wordsFromFlags(eflags)), eflags, `flags 0x${eflags.toString(16)}`);
  }
  assert.equal(new Set(combinations).size, 64);
});

test('flags that are not lazy leave no trace in the words', () => {
  const others = ~lazyFlags;

  for (const eflags of combinations) {
    assert.deepEqual(wordsFromFlags(eflags | others), wordsFromFlags(eflags));
  }
});

test('words are signed 64-bit numbers, as linear memory keeps them', () => {
  for (const eflags of combinations) {
    for (const word of Object.values(wordsFromFlags(eflags))) assert.equal(word, BigInt.asIntN(64, word));
  }
});

test('subtracting bytes sets the flags of CMP for every pair of bytes', () => {
  for (let a = 0n; a < 256n; a += 1n) {
    for (let b = 0n; b < 256n; b += 1n) {
      assert.equal(flagsFromWords(subtractionFlags(a, b, 8)), compareFlags(a, b, 8), `${a} - ${b}`);
    }
  }
});

test('subtracting wider operands sets the flags of CMP at the edges', () => {
  for (const width of [16, 32, 64]) {
    const top = 1n << BigInt(width - 1);
    const edges = [0n, 1n, 0xfn, 0x10n, top - 1n, top, top + 1n, 2n * top - 1n];
    for (const a of edges) {
      for (const b of edges)
        assert.equal(flagsFromWords(subtractionFlags(a, b, width)), compareFlags(a, b, width), `${width}: ${a} - ${b}`);
    }
  }
});

/** SDM 1, 3.4.3.1, word by word. */
function compareFlags(a: bigint, b: bigint, width: number): number {
  const result = BigInt.asUintN(width, a - b);
  const difference = BigInt.asIntN(width, a) - BigInt.asIntN(width, b);
  const ones = [...(result & 0xffn).toString(2)].filter((digit) => digit === '1').length;
  let eflags = 0;
  if (a < b) eflags |= flag.CF;
  if (ones % 2 === 0) eflags |= flag.PF;
  if ((a & 15n) < (b & 15n)) eflags |= flag.AF;
  if (result === 0n) eflags |= flag.ZF;
  if (BigInt.asIntN(width, result) < 0n) eflags |= flag.SF;
  if (difference !== BigInt.asIntN(width, difference)) eflags |= flag.OF;
  return eflags;
}
