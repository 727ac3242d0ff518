/** Packed integer arithmetic of SSE2 and MMX, one operation for both (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import { hex, type Row } from '../row.ts';
import type { Body } from '../target.ts';
import { asMmx, asVector, mmxRow, onMmx } from './mmx.ts';
import { combine, shuffleLanes, sseRow, type VectorOperation, zeroVector } from './sse-row.ts';

const wasm =
  (name: string): VectorOperation =>
  (e, ...[a, b]) =>
    e.op(name, a as Val, b);

const andNot: VectorOperation = (e, a, b) => e.op('v128.andnot', b, a);

/** High halves of the products of 16-bit lanes. */
const multiplyHigh =
  (sign: 's' | 'u'): VectorOperation =>
  (e, a, b) => {
    const low = e.op(`i32x4.extmul_low_i16x8_${sign}`, a, b);
    const high = e.op(`i32x4.extmul_high_i16x8_${sign}`, a, b);
    return shuffleLanes(e, 2, low, high, [1, 3, 5, 7, 9, 11, 13, 15]);
  };

/** PMULUDQ: the even 32-bit lanes. */
const multiplyEven: VectorOperation = (e, a, b) => {
  const even = (v: Val): Val => shuffleLanes(e, 4, v, v, [0, 2, 0, 2]);
  return e.op('i64x2.extmul_low_i32x4_u', even(a), even(b));
};

/** PSADBW: the sum of eight differences in each half. */
const sumOfDifferences: VectorOperation = (e, a, b) => {
  const differences = e.op('v128.or', e.op('i8x16.sub_sat_u', a, b), e.op('i8x16.sub_sat_u', b, a));
  const fours = e.op('i32x4.extadd_pairwise_i16x8_u', e.op('i16x8.extadd_pairwise_i8x16_u', differences));
  const even = e.op('i64x2.shr_u', e.op('i64x2.shl', fours, e.i32(32)), e.i32(32));
  return e.op('i64x2.add', even, e.op('i64x2.shr_u', fours, e.i32(32)));
};

const laneWise: readonly (readonly [number, string, VectorOperation])[] = [
  [0xfc, 'paddb', wasm('i8x16.add')],
  [0xfd, 'paddw', wasm('i16x8.add')],
  [0xfe, 'paddd', wasm('i32x4.add')],
  [0xd4, 'paddq', wasm('i64x2.add')],
  [0xec, 'paddsb', wasm('i8x16.add_sat_s')],
  [0xed, 'paddsw', wasm('i16x8.add_sat_s')],
  [0xdc, 'paddusb', wasm('i8x16.add_sat_u')],
  [0xdd, 'paddusw', wasm('i16x8.add_sat_u')],
  [0xf8, 'psubb', wasm('i8x16.sub')],
  [0xf9, 'psubw', wasm('i16x8.sub')],
  [0xfa, 'psubd', wasm('i32x4.sub')],
  [0xfb, 'psubq', wasm('i64x2.sub')],
  [0xe8, 'psubsb', wasm('i8x16.sub_sat_s')],
  [0xe9, 'psubsw', wasm('i16x8.sub_sat_s')],
  [0xd8, 'psubusb', wasm('i8x16.sub_sat_u')],
  [0xd9, 'psubusw', wasm('i16x8.sub_sat_u')],
  [0xd5, 'pmullw', wasm('i16x8.mul')],
  [0xe5, 'pmulhw', multiplyHigh('s')],
  [0xe4, 'pmulhuw', multiplyHigh('u')],
  [0xf4, 'pmuludq', multiplyEven],
  [0xf5, 'pmaddwd', wasm('i32x4.dot_i16x8_s')],
  [0xf6, 'psadbw', sumOfDifferences],
  [0x74, 'pcmpeqb', wasm('i8x16.eq')],
  [0x75, 'pcmpeqw', wasm('i16x8.eq')],
  [0x76, 'pcmpeqd', wasm('i32x4.eq')],
  [0x64, 'pcmpgtb', wasm('i8x16.gt_s')],
  [0x65, 'pcmpgtw', wasm('i16x8.gt_s')],
  [0x66, 'pcmpgtd', wasm('i32x4.gt_s')],
  [0xdb, 'pand', wasm('v128.and')],
  [0xdf, 'pandn', andNot],
  [0xeb, 'por', wasm('v128.or')],
  [0xef, 'pxor', wasm('v128.xor')],
  [0xe0, 'pavgb', wasm('i8x16.avgr_u')],
  [0xe3, 'pavgw', wasm('i16x8.avgr_u')],
  [0xda, 'pminub', wasm('i8x16.min_u')],
  [0xde, 'pmaxub', wasm('i8x16.max_u')],
  [0xea, 'pminsw', wasm('i16x8.min_s')],
  [0xee, 'pmaxsw', wasm('i16x8.max_s')],
];

const laneWiseRows: readonly Row[] = laneWise.flatMap(([byte, name, operation]) => [
  sseRow(`66 0F ${hex(byte)}`, name, 'Vx+,Wx', combine(operation)),
  mmxRow(`NP 0F ${hex(byte)}`, name, 'Pq+,Qq', onMmx(operation)),
]);

/** Narrowing of both operands with saturation; an MMX register holds half of each result. */
const packs: readonly Row[] = (
  [
    [0x63, 'packsswb', 'i8x16.narrow_i16x8_s'],
    [0x67, 'packuswb', 'i8x16.narrow_i16x8_u'],
    [0x6b, 'packssdw', 'i16x8.narrow_i32x4_s'],
  ] as const
).flatMap(([byte, name, narrow]) => [
  sseRow(`66 0F ${hex(byte)}`, name, 'Vx+,Wx', combine(wasm(narrow))),
  mmxRow(
    `NP 0F ${hex(byte)}`,
    name,
    'Pq+,Qq',
    combine((e, a, b) => {
      const both = e.lane('i64x2.replace_lane', 1, asVector(e, a), b);
      return asMmx(e, e.op(narrow, both, both));
    }),
  ),
]);

interface Shift {
  readonly name: string;
  readonly operation: string;
  readonly bits: 16 | 32 | 64;
  /** Opcode of the form whose count is a register, last byte. */
  readonly byRegister: number;
  /** Opcode and digit of the immediate form. */
  readonly byImmediate: string;
}

const shifts: readonly Shift[] = [
  { name: 'psrlw', operation: 'i16x8.shr_u', bits: 16, byRegister: 0xd1, byImmediate: '71 /2' },
  { name: 'psrld', operation: 'i32x4.shr_u', bits: 32, byRegister: 0xd2, byImmediate: '72 /2' },
  { name: 'psrlq', operation: 'i64x2.shr_u', bits: 64, byRegister: 0xd3, byImmediate: '73 /2' },
  { name: 'psraw', operation: 'i16x8.shr_s', bits: 16, byRegister: 0xe1, byImmediate: '71 /4' },
  { name: 'psrad', operation: 'i32x4.shr_s', bits: 32, byRegister: 0xe2, byImmediate: '72 /4' },
  { name: 'psllw', operation: 'i16x8.shl', bits: 16, byRegister: 0xf1, byImmediate: '71 /6' },
  { name: 'pslld', operation: 'i32x4.shl', bits: 32, byRegister: 0xf2, byImmediate: '72 /6' },
  { name: 'psllq', operation: 'i64x2.shl', bits: 64, byRegister: 0xf3, byImmediate: '73 /6' },
];

/** `count` is an i32. Counts beyond the lane give zeros, or signs in arithmetic shifts. */
function shifted(e: WasmEmitter, { operation, bits }: Shift, vector: Val, count: Val): Val {
  const isWithin = e.op('i32.lt_u', count, e.i32(bits));
  if (operation.endsWith('shr_s')) return e.op(operation, vector, e.select(isWithin, count, e.i32(bits - 1)));
  const known = e.known(isWithin);
  if (known === 0) return zeroVector(e);
  const result = e.op(operation, vector, count);
  if (known === 1) return result;
  return e.op('v128.and', result, e.op('i32x4.splat', e.op('i32.sub', e.i32(0), isWithin)));
}

/** The low 64 bits of the source, in an i32: what does not fit counts as much. */
function shiftCount(e: WasmEmitter, count: Val): Val {
  const fits = e.op('i64.lt_u', count, e.i64(64n));
  return e.select(fits, e.op('i32.wrap_i64', count), e.i32(64));
}

/** The count operand is a whole aligned vector in memory, of which the low half counts. */
const shiftRows: readonly Row[] = shifts.flatMap((shift) => {
  const { name, byRegister, byImmediate } = shift;
  const onVector: Body = combine((e, a, count) =>
    shifted(e, shift, a, shiftCount(e, e.lane('i64x2.extract_lane', 0, count))),
  );
  const onQuad: Body = combine((e, a, count) => asMmx(e, shifted(e, shift, asVector(e, a), shiftCount(e, count))));
  return [
    sseRow(`66 0F ${hex(byRegister)}`, name, 'Vx+,Wx', onVector),
    mmxRow(`NP 0F ${hex(byRegister)}`, name, 'Pq+,Qq', onQuad),
    sseRow(
      `66 0F ${byImmediate}`,
      name,
      'Ux+,Ib',
      combine((e, a, count) => shifted(e, shift, a, count)),
    ),
    mmxRow(
      `NP 0F ${byImmediate}`,
      name,
      'Hq+,Ib',
      combine((e, a, count) => asMmx(e, shifted(e, shift, asVector(e, a), count))),
    ),
  ];
});

export const sseInteger: readonly Row[] = [...laneWiseRows, ...packs, ...shiftRows];
