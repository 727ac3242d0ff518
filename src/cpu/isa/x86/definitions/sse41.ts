/** SSE4.1 on packed integers, and its blends (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import { carryFrom } from '../arithmetic-flags.ts';
import { hex, type Row, requires } from '../row.ts';
import type { X86Target } from '../target.ts';
import {
  combine,
  identityBytes,
  laneBytesOf,
  move,
  shuffleLanes,
  sseRow,
  type VectorOperation,
  vectorBytes,
  zeroVector,
} from './sse-row.ts';

const wasm =
  (name: string): VectorOperation =>
  (e, ...[a, b]) =>
    e.op(name, a as Val, b);

/** PMULDQ: the even 32-bit lanes. */
const multiplyEven: VectorOperation = (e, a, b) => {
  const even = (v: Val): Val => shuffleLanes(e, 4, v, v, [0, 2, 0, 2]);
  return e.op('i64x2.extmul_low_i32x4_s', even(a), even(b));
};

const laneWise: readonly (readonly [number, string, VectorOperation])[] = [
  [0x28, 'pmuldq', multiplyEven],
  [0x29, 'pcmpeqq', wasm('i64x2.eq')],
  [0x2b, 'packusdw', wasm('i16x8.narrow_i32x4_u')],
  [0x38, 'pminsb', wasm('i8x16.min_s')],
  [0x39, 'pminsd', wasm('i32x4.min_s')],
  [0x3a, 'pminuw', wasm('i16x8.min_u')],
  [0x3b, 'pminud', wasm('i32x4.min_u')],
  [0x3c, 'pmaxsb', wasm('i8x16.max_s')],
  [0x3d, 'pmaxsd', wasm('i32x4.max_s')],
  [0x3e, 'pmaxuw', wasm('i16x8.max_u')],
  [0x3f, 'pmaxud', wasm('i32x4.max_u')],
  [0x40, 'pmulld', wasm('i32x4.mul')],
];

/** What the sign bits of the lanes of XMM0 choose. */
export const blendBySigns =
  (lanes: 'i8x16' | 'i32x4' | 'i64x2'): VectorOperation =>
  (e, a, b, signs) =>
    e.op('v128.bitselect', b, a, e.op(`${lanes}.gt_s`, zeroVector(e), signs));

/** What the low bits of the immediate choose, one for a lane. */
export const blendByImmediate =
  (laneBytes: 2 | 4 | 8): VectorOperation =>
  (e, a, b, immediate) => {
    const count = 16 / laneBytes;
    const known = e.known(immediate);
    const lanes = Array.from({ length: count }, (_, i) => i);
    if (known !== undefined) {
      const chosen = lanes.map((lane) => lane + ((known >> lane) & 1) * count);
      return shuffleLanes(e, laneBytes, a, b, chosen);
    }
    const bits = e.v128(lanes.flatMap((lane) => new Array<number>(laneBytes).fill(1 << lane)));
    const isChosen = e.op('i8x16.eq', e.op('v128.and', e.op('i8x16.splat', immediate), bits), bits);
    return e.op('v128.bitselect', b, a, isChosen);
  };

/** PTEST and VTESTPS: the halves of one operand, then those of the other; only bits of `mask` count. ZF when nothing of `b` is in `a`, CF when nothing of it is outside; the other flags are cleared. */
export function testBits(e: WasmEmitter, x: X86Target, values: readonly (Val | undefined)[], mask?: Val): void {
  const width = values.length / 2;
  const [a, b] = [values.slice(0, width), values.slice(width)] as [Val[], Val[]];
  const masked = (vector: Val): Val => (mask === undefined ? vector : e.op('v128.and', vector, mask));
  const some = (operation: (p: Val, q: Val) => Val): Val =>
    e.op('v128.any_true', masked(a.map((p, i) => operation(p, b[i] as Val)).reduce((p, q) => e.op('v128.or', p, q))));
  const cf = e.op(
    'i64.extend_i32_u',
    e.op(
      'i32.eqz',
      some((p, q) => e.op('v128.andnot', q, p)),
    ),
  );
  const zero = e.op(
    'i64.extend_i32_u',
    some((p, q) => e.op('v128.and', p, q)),
  );
  x.setFlags({ zero, sign: e.i64(1n), carry: carryFrom(e, cf, e.i64(0n)) });
}

/** PHMINPOSUW: values and lane numbers are compared as one. */
const smallestWord: VectorOperation = (e, a) => {
  const half = (lanes: readonly number[], numbers: readonly number[]): Val => {
    const wide = e.shuffle(
      a,
      zeroVector(e),
      lanes.flatMap((lane) => [...laneBytesOf(2, [lane]), 16, 16]),
    );
    return e.op('v128.or', e.op('i32x4.shl', wide, e.i32(3)), e.v128(vectorBytes(4, numbers)));
  };
  const four = e.op('i32x4.min_u', half([0, 1, 2, 3], [0, 1, 2, 3]), half([4, 5, 6, 7], [4, 5, 6, 7]));
  const two = e.op('i32x4.min_u', four, shuffleLanes(e, 4, four, four, [2, 3, 0, 1]));
  const least = e.op('i32x4.min_u', two, shuffleLanes(e, 4, two, two, [1, 0, 3, 2]));
  const found = e.lane('i32x4.extract_lane', 0, least);
  const number = e.op('i32.shl', e.op('i32.and', found, e.i32(7)), e.i32(16));
  const word = e.op('i32.or', e.op('i32.shr_u', found, e.i32(3)), number);
  return e.lane('i32x4.replace_lane', 0, zeroVector(e), word);
};

/** MPSADBW: sums of four differences, of four bytes of `b` and of eight places in `a` that follow each other. */
const slidingDifferences: VectorOperation = (e, a, b, immediate) => {
  const bit = (mask: number, shift: number): Val =>
    e.op('i32.shl', e.op('i32.and', immediate, e.i32(mask)), e.i32(shift));
  const from = (vector: Val, start: Val, bytes: readonly number[]): Val =>
    e.op('i8x16.swizzle', vector, e.op('i8x16.add', e.v128(bytes), e.op('i8x16.splat', start)));
  const moved = from(a, bit(4, 0), identityBytes);
  const start = bit(3, 2);
  const differences = [0, 1, 2, 3].map((k) => {
    const window =
      k === 0
        ? moved
        : e.shuffle(
            moved,
            moved,
            identityBytes.map((i) => (i + k) % 16),
          );
    const byte = from(b, start, new Array<number>(16).fill(k));
    const wide = (v: Val): Val => e.op('i16x8.extend_low_i8x16_u', v);
    return e.op('i16x8.abs', e.op('i16x8.sub', wide(window), wide(byte)));
  });
  return differences.reduce((sum, difference) => e.op('i16x8.add', sum, difference));
};

/** Lanes that get wider, by steps of Wasm; the size is that of the operand in memory. */
const extensions: readonly (readonly [number, string, 'zq' | 'zd' | 'w', readonly string[]])[] = [
  [0x20, 'bw', 'zq', ['i16x8.extend_low_i8x16']],
  [0x21, 'bd', 'zd', ['i16x8.extend_low_i8x16', 'i32x4.extend_low_i16x8']],
  [0x22, 'bq', 'w', ['i16x8.extend_low_i8x16', 'i32x4.extend_low_i16x8', 'i64x2.extend_low_i32x4']],
  [0x23, 'wd', 'zq', ['i32x4.extend_low_i16x8']],
  [0x24, 'wq', 'zd', ['i32x4.extend_low_i16x8', 'i64x2.extend_low_i32x4']],
  [0x25, 'dq', 'zq', ['i64x2.extend_low_i32x4']],
];

const extensionRows: readonly Row[] = (['s', 'z'] as const).flatMap((kind) =>
  extensions.flatMap(([byte, suffix, size, steps]) => {
    const opcode = `66 0F 38 ${hex(byte + (kind === 'z' ? 0x10 : 0))}`;
    const widen = (e: WasmEmitter, vector: Val): Val =>
      steps.reduce((v, step) => e.op(`${step}_${kind === 's' ? 's' : 'u'}`, v), vector);
    const fromMemory = (e: WasmEmitter, v: Val): Val => widen(e, size === 'w' ? e.op('i32x4.splat', v) : v);
    return [
      sseRow(opcode, `pmov${kind}x${suffix}`, 'Vx=,Ux', combine(widen)),
      sseRow(opcode, `pmov${kind}x${suffix}`, `Vx=,M${size}`, combine(fromMemory)),
    ];
  }),
);

/** The two operands that they read besides memory are the destination and XMM0. */
const signBlends = [
  [0x10, 'pblendvb', 'i8x16'],
  [0x14, 'blendvps', 'i32x4'],
  [0x15, 'blendvpd', 'i64x2'],
] as const;

const immediateBlends = [
  [0x0c, 'blendps', 4],
  [0x0d, 'blendpd', 8],
  [0x0e, 'pblendw', 2],
] as const;

/** SSE4.2 has one more comparison; its others are in string-compare.ts and crc32.ts. */
const greaterQuads: readonly Row[] = requires('sse42', [
  sseRow('66 0F 38 37', 'pcmpgtq', 'Vx+,Wx', combine(wasm('i64x2.gt_s'))),
]);

export const sse41: readonly Row[] = [
  ...greaterQuads,
  ...requires('sse41', [
    ...laneWise.map(([byte, name, operation]) => sseRow(`66 0F 38 ${hex(byte)}`, name, 'Vx+,Wx', combine(operation))),
    ...signBlends.map(([byte, name, lanes]) =>
      sseRow(`66 0F 38 ${hex(byte)}`, name, 'Vx+,Wx,Xx', combine(blendBySigns(lanes))),
    ),
    ...immediateBlends.map(([byte, name, laneBytes]) =>
      sseRow(`66 0F 3A ${hex(byte)}`, name, 'Vx+,Wx,Ib', combine(blendByImmediate(laneBytes))),
    ),
    ...extensionRows,
    sseRow('66 0F 38 17', 'ptest', 'Vx,Wx', (e, x, _w, a, b) => testBits(e, x, [a, b])),
    sseRow('66 0F 38 2A', 'movntdqa', 'Vx=,Mx', move),
    sseRow('66 0F 38 41', 'phminposuw', 'Vx=,Wx', combine(smallestWord)),
    sseRow('66 0F 3A 42', 'mpsadbw', 'Vx+,Wx,Ib', combine(slidingDifferences)),
  ]),
];
