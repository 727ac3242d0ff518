/** FMA and F16C (SDM 2C and 2D, instruction pages named by mnemonic; SDM 1, 14.4 and 14.5). */
import type { Val, WasmEmitter } from '../../index.ts';
import { hex, type Row, requires } from '../row.ts';
import { type FloatFormat, formats, inVector, outOfVector, runSlowly } from '../sse/index.ts';
import type { Body, X86Target } from '../target.ts';
import { shuffleLanes, splat32, vectorBytes, zeroVector } from './sse-row.ts';
import { avxRow, byHalves, together } from './vex-row.ts';

/** Which signs change: of the product, of the addend in even elements, and in odd ones. */
const sign = { product: 1, even: 2, odd: 4 } as const;

interface Fusion {
  readonly name: string;
  /** Last digit of the opcode; scalar forms follow. */
  readonly digit: number;
  readonly signs: number;
  readonly hasScalar: boolean;
}

const fusions: readonly Fusion[] = [
  { name: 'fmaddsub', digit: 0x6, signs: sign.even, hasScalar: false },
  { name: 'fmsubadd', digit: 0x7, signs: sign.odd, hasScalar: false },
  { name: 'fmadd', digit: 0x8, signs: 0, hasScalar: true },
  { name: 'fmsub', digit: 0xa, signs: sign.even | sign.odd, hasScalar: true },
  { name: 'fnmadd', digit: 0xc, signs: sign.product, hasScalar: true },
  { name: 'fnmsub', digit: 0xe, signs: sign.product | sign.even | sign.odd, hasScalar: true },
];

/** Of the three operands, first to third: the factors and the addend. */
const orders = [
  { text: '132', opcode: 0x90, of: [0, 2, 1] },
  { text: '213', opcode: 0xa0, of: [1, 0, 2] },
  { text: '231', opcode: 0xb0, of: [1, 2, 0] },
] as const;

function signBits(e: WasmEmitter, { element }: FloatFormat, even: boolean, odd: boolean): Val {
  const top = 0x80000000 | 0;
  const [first, second] = [even ? top : 0, odd ? top : 0];
  return e.v128(vectorBytes(4, element === 'f32' ? [first, second, first, second] : [0, first, 0, second]));
}

function fuse(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  signs: number,
  operands: readonly [Val, Val, Val],
): Val {
  const [a, b, c] = operands.map((value) => inVector(e, format, value)) as [Val, Val, Val];
  const flipped = (value: Val, even: boolean, odd: boolean): Val =>
    even || odd ? e.op('v128.xor', value, signBits(e, format, even, odd)) : value;
  const isNegative = (signs & sign.product) !== 0;
  const factor = flipped(a, isNegative, isNegative);
  const addend = flipped(c, (signs & sign.even) !== 0, (signs & sign.odd) !== 0);
  const [result, faulted] = x.shared(`sse.fused.${format.name}`, a, b, c, factor, addend, e.i32(signs), x.rip());
  x.faultIf(faulted as Val);
  return outOfVector(e, format, result as Val);
}

const fusing =
  (format: FloatFormat, signs: number, order: (typeof orders)[number]['of']): Body =>
  (e, x, _w, ...operands) =>
    fuse(e, x, format, signs, order.map((i) => operands[i] as Val) as [Val, Val, Val]);

const fusionRows: readonly Row[] = fusions.flatMap(({ name, digit, signs, hasScalar }) =>
  orders.flatMap(({ text, opcode, of }) =>
    ([0, 1] as const).flatMap((w) => {
      const [packed, single] = w === 1 ? (['pd', 'sd'] as const) : (['ps', 'ss'] as const);
      const body = fusing(formats[packed], signs, of);
      const code = (length: string, last: number): string => `VEX.${length}.66.0F38.W${w} ${hex(opcode + last)}`;
      const scalar = fusing(formats[single], signs, of);
      return [
        avxRow(code('128', digit), `v${name}${text}${packed}`, 'Vx+,hx,Wu', body),
        avxRow(code('256', digit), `v${name}${text}${packed}`, 'Vqq+,hqq,Wqq', together(byHalves('ppp', body))),
        ...(hasScalar
          ? [avxRow(code('LIG', digit + 1), `v${name}${text}${single}`, `V${single}+,h${single},W${single}`, scalar)]
          : []),
      ];
    }),
  ),
);

/** The low four halves of a vector as singles: halves that are NaNs the slow way, all others exactly. */
const fromHalves: Body = (e, x, _w, vector) => {
  const wide = e.op('i32x4.extend_low_i16x8_u', vector as Val);
  const magnitude = e.op('v128.and', wide, splat32(e, 0x7fff));
  const signs = e.op('i32x4.shl', e.op('v128.and', wide, splat32(e, 0x8000)), e.i32(16));
  const isNan = e.op('i32x4.gt_s', magnitude, splat32(e, 0x7c00));
  return e.choose(
    'v128',
    e.op('v128.any_true', isNan),
    () => runSlowly(e, x, { name: 'fromHalf', bits: 32, lanes: 4 }, vector as Val),
    () => {
      const shifted = e.op('i32x4.shl', magnitude, e.i32(13));
      // 2^112 makes up for the difference of the biases, of denormals too.
      const scaled = e.op('f32x4.mul', shifted, splat32(e, (127 + 112) << 23));
      const isInfinite = e.op('i32x4.eq', magnitude, splat32(e, 0x7c00));
      const value = e.op('v128.bitselect', splat32(e, 0x7f800000), scaled, isInfinite);
      return e.op('v128.or', value, signs);
    },
    false,
  );
};

const toHalves = (e: WasmEmitter, x: X86Target, vector: Val, immediate: Val): Val =>
  runSlowly(e, x, { name: 'toHalf', bits: 32, lanes: 4, predicate: immediate }, vector);

const narrowHalves: Body = (e, x, _w, vector, immediate) => toHalves(e, x, vector as Val, immediate as Val);
const lowHalves: Body = (e, x, _w, vector, immediate) =>
  e.lane('i64x2.extract_lane', 0, toHalves(e, x, vector as Val, immediate as Val));
const wideHalves: Body = together((e, x, _w, low, high, immediate) =>
  shuffleLanes(
    e,
    8,
    toHalves(e, x, low as Val, immediate as Val),
    toHalves(e, x, high as Val, immediate as Val),
    [0, 2],
  ),
);
const fromAllHalves: Body = together((e, x, w, vector) => {
  const upper = shuffleLanes(e, 8, vector as Val, zeroVector(e), [1, 2]);
  return [fromHalves(e, x, w, vector as Val) as Val, fromHalves(e, x, w, upper) as Val];
});

const halfRows: readonly Row[] = [
  avxRow('VEX.128.66.0F38.W0 13', 'vcvtph2ps', 'Vx=,Wzq', fromHalves),
  avxRow('VEX.256.66.0F38.W0 13', 'vcvtph2ps', 'Vqq=,Wu', fromAllHalves),
  avxRow('VEX.128.66.0F3A.W0 1D', 'vcvtps2ph', 'Ux=,Vx,Ib', narrowHalves),
  avxRow('VEX.128.66.0F3A.W0 1D', 'vcvtps2ph', 'Mq=,Vx,Ib', lowHalves),
  avxRow('VEX.256.66.0F3A.W0 1D', 'vcvtps2ph', 'Wu=,Vqq,Ib', wideHalves),
];

export const fma: readonly Row[] = [...requires('fma', fusionRows), ...requires('f16c', halfRows)];
