import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteWriter } from './bytes.ts';

const encoded = (write: (bytes: ByteWriter) => void): number[] => {
  const bytes = new ByteWriter();
  write(bytes);
  return [...bytes.view()];
};

/** LEB128 read back by the specification's rule: seven bits a byte, the last one sign-extended. */
function decodeLeb(bytes: readonly number[], isSigned: boolean): bigint {
  const value = bytes.reduce((sum, byte, i) => sum | (BigInt(byte & 0x7f) << BigInt(7 * i)), 0n);
  return isSigned ? BigInt.asIntN(7 * bytes.length, value) : value;
}

test('unsigned numbers take one byte for each seven bits', () => {
  assert.deepEqual(
    encoded((b) => b.u32(0)),
    [0],
  );
  assert.deepEqual(
    encoded((b) => b.u32(0x7f)),
    [0x7f],
  );
  assert.deepEqual(
    encoded((b) => b.u32(0x80)),
    [0x80, 1],
  );
  assert.deepEqual(
    encoded((b) => b.u32(624485)),
    [0xe5, 0x8e, 0x26],
  );
  assert.deepEqual(
    encoded((b) => b.u32(0xffffffff)),
    [0xff, 0xff, 0xff, 0xff, 0x0f],
  );
});

test('a signed number whose sign bit would be misread gets one byte more', () => {
  assert.deepEqual(
    encoded((b) => b.i32(63)),
    [0x3f],
  );
  assert.deepEqual(
    encoded((b) => b.i32(64)),
    [0xc0, 0],
  );
  assert.deepEqual(
    encoded((b) => b.i32(-64)),
    [0x40],
  );
  assert.deepEqual(
    encoded((b) => b.i32(-65)),
    [0xbf, 0x7f],
  );
  assert.deepEqual(
    encoded((b) => b.i32(-(2 ** 31))),
    [0x80, 0x80, 0x80, 0x80, 0x78],
  );
});

test('numbers around every seven-bit edge read back, in as few bytes as the value needs', () => {
  for (let bit = 0; bit < 64; bit++) {
    for (const value of [
      (1n << BigInt(bit)) - 1n,
      1n << BigInt(bit),
      -(1n << BigInt(bit)),
      -(1n << BigInt(bit)) - 1n,
    ]) {
      const wrapped = BigInt.asIntN(64, value);
      const wide = encoded((b) => b.i64(wrapped));
      const narrow = encoded((b) => b.i32(Number(BigInt.asIntN(32, value))));
      const unsigned = encoded((b) => b.u32(Number(BigInt.asUintN(32, value))));

      assert.equal(decodeLeb(wide, true), wrapped);
      assert.equal(decodeLeb(narrow, true), BigInt.asIntN(32, value));
      assert.equal(decodeLeb(unsigned, false), BigInt.asUintN(32, value));
      assert.ok(wide.length === 1 || decodeLeb(wide.slice(0, -1), true) !== wrapped);
      assert.ok(narrow.length <= 5 && unsigned.length <= 5 && wide.length <= 10);
    }
  }
});

test('i64 takes any bigint modulo 2 to the 64', () => {
  assert.deepEqual(
    encoded((b) => b.i64((1n << 64n) - 1n)),
    [0x7f],
  );
});

test('sized content is preceded by its length and names by theirs', () => {
  assert.deepEqual(
    encoded((b) => b.sized((inner) => inner.name('ab').byte(9))),
    [4, 2, 0x61, 0x62, 9],
  );
});

test('content beyond the first buffer is kept whole', () => {
  const many = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
  const bytes = new ByteWriter();

  for (const byte of many) bytes.byte(byte);
  bytes.bytes(many);

  assert.deepEqual([...bytes.view()], [...many, ...many]);
});

test('an opcode with a number is what the two are one by one', () => {
  for (const value of [0, 127, 128, 0xffffffff]) {
    const apart = new ByteWriter().byte(0x20).u32(value);
    assert.deepEqual(new ByteWriter().numbered(0x20, value).view(), apart.view());
  }
});

test('a 64-bit constant has the same bytes as a number and as a BigInt', () => {
  for (const value of [0, -1, 63, 64, -64, -65, 0x7fffffff, -0x80000000, 2 ** 31, 2 ** 40]) {
    assert.deepEqual(new ByteWriter().i64(value).view(), new ByteWriter().i64(BigInt(value)).view());
  }
});
