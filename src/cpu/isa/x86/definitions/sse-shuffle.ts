/**
 * Shuffles, unpacks, lane insertion and extraction of SSE, SSE2 and MMX (SDM 2, instruction pages named by mnemonic).
 * Each that an immediate steers has two ways: constant lanes where the immediate is known, byte selectors computed from
 * it where not.
 */
import type { Val, WasmEmitter } from '../../index.ts';
import { hex, type Row } from '../row.ts';
import { asMmx, asVector, mmxRow, onMmx } from './mmx.ts';
import {
  combine,
  identityBytes,
  shuffleLanes,
  splat32,
  sseRow,
  type VectorOperation,
  vectorBytes,
  zeroVector,
} from './sse-row.ts';

/** The two-bit selectors of an immediate. */
const selectors = (immediate: number): number[] => [0, 2, 4, 6].map((at) => (immediate >> at) & 3);

/** Byte numbers of the 32-bit lanes that the immediate selects. */
function doubleWordSelector(e: WasmEmitter, immediate: Val): Val {
  // The products move selector i to bits 6 and 7 of lane i.
  const moved = e.op('i32x4.mul', e.op('i32x4.splat', immediate), e.v128(vectorBytes(4, [64, 16, 4, 1])));
  const lanes = e.op('v128.and', e.op('i32x4.shr_u', moved, e.i32(6)), splat32(e, 3));
  return e.op('i32x4.add', e.op('i32x4.mul', lanes, splat32(e, 0x04040404)), splat32(e, 0x03020100));
}

/** Byte numbers of the 16-bit lanes, 0 to 3, that the immediate selects, in both halves. */
function wordSelector(e: WasmEmitter, immediate: Val): Val {
  const factors = e.v128(vectorBytes(2, [64, 16, 4, 1, 64, 16, 4, 1]));
  const moved = e.op('i16x8.mul', e.op('i16x8.splat', immediate), factors);
  const lanes = e.op('v128.and', e.op('i16x8.shr_u', moved, e.i32(6)), splat32(e, 0x00030003));
  return e.op('i16x8.add', e.op('i16x8.mul', lanes, splat32(e, 0x02020202)), splat32(e, 0x01000100));
}

const swizzle = (e: WasmEmitter, vector: Val, bytes: Val): Val => e.op('i8x16.swizzle', vector, bytes);

export const pshufd: VectorOperation = (e, source, immediate) => {
  const known = e.known(immediate);
  if (known !== undefined) return shuffleLanes(e, 4, source, source, selectors(known));
  return swizzle(e, source, doubleWordSelector(e, immediate));
};

const shufps: VectorOperation = (e, a, b, immediate) => {
  const known = e.known(immediate);
  const keepAndTake = (lanes: readonly number[]): number[] => lanes.map((lane, i) => (i < 2 ? lane : lane + 4));
  if (known !== undefined) return shuffleLanes(e, 4, a, b, keepAndTake(selectors(known)));
  const selector = doubleWordSelector(e, immediate);
  return shuffleLanes(e, 4, swizzle(e, a, selector), swizzle(e, b, selector), keepAndTake([0, 1, 2, 3]));
};

export const shufpd: VectorOperation = (e, a, b, immediate) => {
  const half = (vector: Val, bit: number): Val => {
    const [low, high] = [e.lane('i64x2.extract_lane', 0, vector), e.lane('i64x2.extract_lane', 1, vector)];
    return e.select(e.op('i32.and', immediate, e.i32(bit)), high, low);
  };
  const known = e.known(immediate);
  if (known !== undefined) return shuffleLanes(e, 8, a, b, [known & 1, 2 + ((known >> 1) & 1)]);
  return e.lane('i64x2.replace_lane', 1, e.op('i64x2.splat', half(a, 1)), half(b, 2));
};

const pshuflw: VectorOperation = (e, source, immediate) => {
  const known = e.known(immediate);
  if (known !== undefined) return shuffleLanes(e, 2, source, source, [...selectors(known), 4, 5, 6, 7]);
  return shuffleLanes(e, 8, swizzle(e, source, wordSelector(e, immediate)), source, [0, 3]);
};

const pshufhw: VectorOperation = (e, source, immediate) => {
  const known = e.known(immediate);
  if (known !== undefined) {
    return shuffleLanes(e, 2, source, source, [0, 1, 2, 3, ...selectors(known).map((lane) => lane + 4)]);
  }
  const selector = e.op('v128.or', wordSelector(e, immediate), splat32(e, 0x08080808));
  return shuffleLanes(e, 8, source, swizzle(e, source, selector), [0, 3]);
};

/** PINSRW; `lanes` is how many the destination has. */
const insertWord =
  (lanes: 4 | 8): VectorOperation =>
  (e, vector, value, immediate) => {
    const lane = e.op('i32.and', immediate, e.i32(lanes - 1));
    const known = e.known(lane);
    if (known !== undefined) return e.lane('i16x8.replace_lane', known, vector, value);
    const numbers = e.v128(vectorBytes(2, [0, 1, 2, 3, 4, 5, 6, 7]));
    const isLane = e.op('i16x8.eq', e.op('i16x8.splat', lane), numbers);
    return e.op('v128.bitselect', e.op('i16x8.splat', value), vector, isLane);
  };

const extractWord =
  (lanes: 4 | 8): VectorOperation =>
  (e, vector, immediate) => {
    const lane = e.op('i32.and', immediate, e.i32(lanes - 1));
    const known = e.known(lane);
    if (known !== undefined) return e.lane('i16x8.extract_lane_u', known, vector);
    const bytes = e.op('i32.add', e.op('i32.mul', lane, e.i32(0x0202)), e.i32(0x0100));
    return e.lane('i16x8.extract_lane_u', 0, swizzle(e, vector, e.op('i16x8.splat', bytes)));
  };

/** PSLLDQ and PSRLDQ: bytes from outside are zero, which swizzle gives for numbers above 15. */
const shiftBytes =
  (direction: 'left' | 'right'): VectorOperation =>
  (e, vector, immediate) => {
    const known = e.known(immediate);
    if (known !== undefined) {
      const count = Math.min(known, 16);
      const start = direction === 'left' ? 16 - count : count;
      const [a, b] = direction === 'left' ? [zeroVector(e), vector] : [vector, zeroVector(e)];
      return e.shuffle(
        a,
        b,
        identityBytes.map((i) => i + start),
      );
    }
    const counts = e.op('i8x16.min_u', e.op('i8x16.splat', immediate), splat32(e, 0x10101010));
    const operation = direction === 'left' ? 'i8x16.sub' : 'i8x16.add';
    return swizzle(e, vector, e.op(operation, e.v128(identityBytes), counts));
  };

/** Lanes of `a` and `b` in turn, from the low or the high half. */
const interleave = (laneBytes: 1 | 2 | 4 | 8, half: 'low' | 'high'): VectorOperation => {
  const count = 16 / laneBytes;
  const first = half === 'low' ? 0 : count / 2;
  const lanes = Array.from({ length: count }, (_, i) => first + (i >> 1) + (i & 1) * count);
  return (e, a, b) => shuffleLanes(e, laneBytes, a, b, lanes);
};

const unpacks: readonly Row[] = (
  [
    [0x60, 'bw', 1],
    [0x61, 'wd', 2],
    [0x62, 'dq', 4],
  ] as const
).flatMap(([byte, suffix, laneBytes]) => {
  const [low, high] = [interleave(laneBytes, 'low'), interleave(laneBytes, 'high')];
  return [
    sseRow(`66 0F ${hex(byte)}`, `punpckl${suffix}`, 'Vx+,Wx', combine(low)),
    sseRow(`66 0F ${hex(byte + 8)}`, `punpckh${suffix}`, 'Vx+,Wx', combine(high)),
    // The high halves of MMX registers, interleaved, are the high half of the low ones' interleaving.
    mmxRow(`NP 0F ${hex(byte)}`, `punpckl${suffix}`, 'Pq+,Qd', onMmx(low)),
    mmxRow(`NP 0F ${hex(byte + 8)}`, `punpckh${suffix}`, 'Pq+,Qq', onMmx(low, 1)),
  ];
});

const wideUnpacks: readonly Row[] = (
  [
    ['66 0F 6C', 'punpcklqdq', 8, 'low'],
    ['66 0F 6D', 'punpckhqdq', 8, 'high'],
    ['NP 0F 14', 'unpcklps', 4, 'low'],
    ['NP 0F 15', 'unpckhps', 4, 'high'],
    ['66 0F 14', 'unpcklpd', 8, 'low'],
    ['66 0F 15', 'unpckhpd', 8, 'high'],
  ] as const
).map(([opcode, name, laneBytes, half]) => sseRow(opcode, name, 'Vx+,Wx', combine(interleave(laneBytes, half))));

export const sseShuffle: readonly Row[] = [
  ...unpacks,
  ...wideUnpacks,
  sseRow('66 0F 70', 'pshufd', 'Vx=,Wx,Ib', combine(pshufd)),
  sseRow('F2 0F 70', 'pshuflw', 'Vx=,Wx,Ib', combine(pshuflw)),
  sseRow('F3 0F 70', 'pshufhw', 'Vx=,Wx,Ib', combine(pshufhw)),
  mmxRow(
    'NP 0F 70',
    'pshufw',
    'Pq=,Qq,Ib',
    combine((e, a, immediate) => asMmx(e, pshuflw(e, asVector(e, a), immediate))),
  ),
  sseRow('NP 0F C6', 'shufps', 'Vx+,Wx,Ib', combine(shufps)),
  sseRow('66 0F C6', 'shufpd', 'Vx+,Wx,Ib', combine(shufpd)),
  sseRow('66 0F C4', 'pinsrw', 'Vx+,Ew,Ib', combine(insertWord(8))),
  sseRow('66 0F C5', 'pextrw', 'Gd=,Ux,Ib', combine(extractWord(8))),
  mmxRow(
    'NP 0F C4',
    'pinsrw',
    'Pq+,Ew,Ib',
    combine((e, a, v, i) => asMmx(e, insertWord(4)(e, asVector(e, a), v, i))),
  ),
  mmxRow(
    'NP 0F C5',
    'pextrw',
    'Gd=,Hq,Ib',
    combine((e, a, i) => extractWord(4)(e, asVector(e, a), i)),
  ),
  sseRow('66 0F 73 /3', 'psrldq', 'Ux+,Ib', combine(shiftBytes('right'))),
  sseRow('66 0F 73 /7', 'pslldq', 'Ux+,Ib', combine(shiftBytes('left'))),
];
