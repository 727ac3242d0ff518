/** SSSE3: packed integers of XMM and MMX registers (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import { hex, type Row, requires } from '../row.ts';
import { asMmx, asVector, mmxRow, onMmx } from './mmx.ts';
import { combine, identityBytes, shuffleLanes, splat32, sseRow, type VectorOperation, zeroVector } from './sse-row.ts';

/** PSHUFB: bit 7 of a selector gives zero, bits 4 to 6 are ignored. Swizzle gives zero for all above 15. */
const shuffleBytes =
  (counted: number): VectorOperation =>
  (e, a, selectors) =>
    e.op('i8x16.swizzle', a, e.op('v128.and', selectors, splat32(e, counted)));

/** A combination of neighbours: their even ones with their odd ones, those of `a` below those of `b`. */
const horizontal =
  (laneBytes: 2 | 4, name: string): VectorOperation =>
  (e, a, b) => {
    const lanes = Array.from({ length: 16 / laneBytes }, (_, i) => 2 * i);
    const even = shuffleLanes(e, laneBytes, a, b, lanes);
    const odd = shuffleLanes(
      e,
      laneBytes,
      a,
      b,
      lanes.map((lane) => lane + 1),
    );
    return e.op(name, even, odd);
  };

/** PMADDUBSW: unsigned bytes of `a` by signed ones of `b`, neighbours added with saturation. */
const multiplyAddBytes: VectorOperation = (e, a, b) => {
  const even = e.op('i16x8.mul', e.op('v128.and', a, splat32(e, 0x00ff00ff)), lowSigned(e, b));
  const odd = e.op('i16x8.mul', e.op('i16x8.shr_u', a, e.i32(8)), e.op('i16x8.shr_s', b, e.i32(8)));
  return e.op('i16x8.add_sat_s', even, odd);
};

const lowSigned = (e: WasmEmitter, v: Val): Val => e.op('i16x8.shr_s', e.op('i16x8.shl', v, e.i32(8)), e.i32(8));

/** PMULHRSW: -1 by -1 wraps, where Wasm saturates. */
const multiplyRounded: VectorOperation = (e, a, b) => {
  const least = splat32(e, 0x80008000 | 0);
  const wraps = e.op('v128.and', e.op('i16x8.eq', a, least), e.op('i16x8.eq', b, least));
  return e.op('v128.xor', e.op('i16x8.q15mulr_sat_s', a, b), wraps);
};

/** PSIGN: `a` by the signs of `b`. */
const withSign =
  (lanes: string): VectorOperation =>
  (e, a, b) => {
    const negative = e.op(`${lanes}.gt_s`, zeroVector(e), b);
    const signed = e.op(`${lanes}.sub`, e.op('v128.xor', a, negative), negative);
    return e.op('v128.andnot', signed, e.op(`${lanes}.eq`, b, zeroVector(e)));
  };

/** Bytes of `low` from `count` on, and behind them those of `high`, which is as long: 8 or 16 bytes. */
const alignRight: VectorOperation = (e, high, low, count) => {
  const known = e.known(count);
  if (known !== undefined && known >= 32) return zeroVector(e);
  if (known !== undefined) {
    const [a, b, start] = known <= 16 ? [low, high, known] : [high, zeroVector(e), known - 16];
    return e.shuffle(
      a,
      b,
      identityBytes.map((i) => i + start),
    );
  }
  const counts = e.op('i8x16.min_u', e.op('i8x16.splat', count), splat32(e, 0x20202020));
  const inLow = e.op('i8x16.add', e.v128(identityBytes), counts);
  const inHigh = e.op('i8x16.sub', inLow, splat32(e, 0x10101010));
  return e.op('v128.or', e.op('i8x16.swizzle', low, inLow), e.op('i8x16.swizzle', high, inHigh));
};

/** Both halves of MMX operands in one vector: `high` above `low`. */
const alignRightMmx: VectorOperation = (e, high, low, count) => {
  const both = e.lane('i64x2.replace_lane', 1, asVector(e, low), high);
  return asMmx(e, alignRight(e, zeroVector(e), both, count));
};

type Binary = readonly [number, string, VectorOperation];

const laneWise: readonly Binary[] = [
  [0x04, 'pmaddubsw', multiplyAddBytes],
  [0x08, 'psignb', withSign('i8x16')],
  [0x09, 'psignw', withSign('i16x8')],
  [0x0a, 'psignd', withSign('i32x4')],
  [0x0b, 'pmulhrsw', multiplyRounded],
];

const pairs: readonly Binary[] = [
  [0x01, 'phaddw', horizontal(2, 'i16x8.add')],
  [0x02, 'phaddd', horizontal(4, 'i32x4.add')],
  [0x03, 'phaddsw', horizontal(2, 'i16x8.add_sat_s')],
  [0x05, 'phsubw', horizontal(2, 'i16x8.sub')],
  [0x06, 'phsubd', horizontal(4, 'i32x4.sub')],
  [0x07, 'phsubsw', horizontal(2, 'i16x8.sub_sat_s')],
];

/** The pairs of one vector that has both MMX operands are the low half of the result. */
const onMmxPair =
  (operation: VectorOperation): VectorOperation =>
  (e, a, b) => {
    const both = e.lane('i64x2.replace_lane', 1, asVector(e, a), b);
    return asMmx(e, operation(e, both, both));
  };

const absolutes = [
  [0x1c, 'pabsb', 'i8x16'],
  [0x1d, 'pabsw', 'i16x8'],
  [0x1e, 'pabsd', 'i32x4'],
] as const;

export const ssse3: readonly Row[] = requires('ssse3', [
  ...laneWise.flatMap(([byte, name, operation]) => [
    sseRow(`66 0F 38 ${hex(byte)}`, name, 'Vx+,Wx', combine(operation)),
    mmxRow(`NP 0F 38 ${hex(byte)}`, name, 'Pq+,Qq', onMmx(operation)),
  ]),
  ...pairs.flatMap(([byte, name, operation]) => [
    sseRow(`66 0F 38 ${hex(byte)}`, name, 'Vx+,Wx', combine(operation)),
    mmxRow(`NP 0F 38 ${hex(byte)}`, name, 'Pq+,Qq', combine(onMmxPair(operation))),
  ]),
  ...absolutes.flatMap(([byte, name, lanes]) => {
    const absolute: VectorOperation = (e, a) => e.op(`${lanes}.abs`, a);
    return [
      sseRow(`66 0F 38 ${hex(byte)}`, name, 'Vx=,Wx', combine(absolute)),
      mmxRow(`NP 0F 38 ${hex(byte)}`, name, 'Pq=,Qq', onMmx(absolute)),
    ];
  }),
  sseRow('66 0F 38 00', 'pshufb', 'Vx+,Wx', combine(shuffleBytes(0x8f8f8f8f | 0))),
  mmxRow('NP 0F 38 00', 'pshufb', 'Pq+,Qq', onMmx(shuffleBytes(0x87878787 | 0))),
  sseRow('66 0F 3A 0F', 'palignr', 'Vx+,Wx,Ib', combine(alignRight)),
  mmxRow('NP 0F 3A 0F', 'palignr', 'Pq+,Qq,Ib', combine(alignRightMmx)),
]);
