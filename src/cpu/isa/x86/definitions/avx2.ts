/** AVX2 (SDM 2, instruction pages named by mnemonic): integers in 256 bits, permutations, shifts by lane, gathers. */
import type { Val, WasmEmitter } from '../../index.ts';
import { hex, type Row } from '../row.ts';
import type { Body } from '../target.ts';
import { named, signs, wideBlend, wideRow } from './avx.ts';
import { broadcastRows, extractHalf, insertHalf, maskedRows, permuteHalves, requiresAvx, twice } from './avx-lanes.ts';
import { combine, shuffleLanes, splat32, type VectorOperation } from './sse-row.ts';
import { blendByImmediate } from './sse41.ts';
import { avxRow, byHalves, vexOpcode } from './vex-row.ts';

/** Both halves alike. */
const alike =
  /^p(add|sub|mul|avg|min|max|cmpeq|cmpgt|sad|madd|and|or|xor|sign|abs|shuf|unpck|ack|align|hadd|hsub)|^pblendw$|^mpsadbw$|^movntdqa$|^ps[lr]ldq$/;
const shifts = /^ps(ll|rl|ra)[wdq]$/;
const isByRegister = ({ operands }: Row): boolean => operands.startsWith('V');

const shiftRows: readonly Row[] = named(shifts).map((source) =>
  isByRegister(source)
    ? avxRow(vexOpcode(source, 256), `v${source.name}`, 'Vqq=,hqq,Wu', byHalves('ps', source.body))
    : wideRow(source, 'avx2', false),
);

/** Bytes of a source that the first half of the result takes, and the operand in memory. */
const extensions: Readonly<Record<string, readonly [bytes: number, memory: string]>> = {
  bw: [8, 'Mu'],
  bd: [4, 'Mzq'],
  bq: [2, 'Mzd'],
  wd: [8, 'Mu'],
  wq: [4, 'Mzq'],
  dq: [8, 'Mu'],
};

const extensionRows: readonly Row[] = named(/^pmov[sz]x/)
  .filter(({ operands }) => operands.includes('U'))
  .flatMap((source) => {
    const [bytes, memory] = extensions[source.name.slice(-2)] ?? [8, 'Mu'];
    const places = Array.from({ length: 16 }, (_, i) => (i + bytes) % 16);
    const body: Body = (e, x, w, vector) => {
      const rest = e.shuffle(vector as Val, vector as Val, places);
      return [source.body(e, x, w, vector as Val) as Val, source.body(e, x, w, rest) as Val];
    };
    const opcode = vexOpcode(source, 256);
    return ['Uu', memory].map((operand) => avxRow(opcode, `v${source.name}`, `Vqq=,${operand}`, body));
  });

const lanesOf = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Each lane by a count of its own; counts beyond the lane give zeros, or signs. */
const shiftByLane =
  (operation: 'shl' | 'shr_u' | 'shr_s', bits: 32 | 64): VectorOperation =>
  (e, vector, counts) => {
    const [type, shape] = bits === 64 ? (['i64', 'i64x2'] as const) : (['i32', 'i32x4'] as const);
    const constant = (value: number): Val => (bits === 64 ? e.i64(BigInt(value)) : e.i32(value));
    return lanesOf(128 / bits).reduce((result, lane) => {
      const [value, count] = [vector, counts].map((v) => e.lane(`${shape}.extract_lane`, lane, v)) as [Val, Val];
      const isWithin = e.op(`${type}.lt_u`, count, constant(bits));
      const shifted =
        operation === 'shr_s'
          ? e.op(`${type}.shr_s`, value, e.select(isWithin, count, constant(bits - 1)))
          : e.select(isWithin, e.op(`${type}.${operation}`, value, count), constant(0));
      return e.lane(`${shape}.replace_lane`, lane, result, shifted);
    }, vector);
  };

function shiftByLaneRows(byte: number, name: string, operation: 'shl' | 'shr_u' | 'shr_s', bits: 32 | 64): Row[] {
  const body = combine(shiftByLane(operation, bits));
  const opcode = `66.0F38.W${bits === 64 ? 1 : 0} ${hex(byte)}`;
  return [
    avxRow(`VEX.128.${opcode}`, name, 'Vx=,hx,Wu', body),
    avxRow(`VEX.256.${opcode}`, name, 'Vqq=,hqq,Wqq', byHalves('pp', body)),
  ];
}

/** VPERMD and VPERMPS: three bits of each index choose among eight lanes. */
const permuteDoubleWords: Body = (e, _x, _w, ...operands) => {
  const [indexLow, indexHigh, low, high] = operands as [Val, Val, Val, Val];
  const chosen = (index: Val): Val => {
    const lanes = e.op('v128.and', index, splat32(e, 7));
    const bytes = e.op('i32x4.add', e.op('i32x4.mul', lanes, splat32(e, 0x04040404)), splat32(e, 0x03020100));
    const fromHigh = e.op('i8x16.swizzle', high, e.op('i8x16.sub', bytes, splat32(e, 0x10101010)));
    return e.op('v128.or', e.op('i8x16.swizzle', low, bytes), fromHigh);
  };
  return [chosen(indexLow), chosen(indexHigh)];
};

/** VPERMQ and VPERMPD: two bits of the immediate choose each of four lanes. */
const permuteQuadWords: Body = (e, _x, _w, ...operands) => {
  const [low, high, immediate] = operands as [Val, Val, Val];
  const known = e.known(immediate);
  if (known !== undefined) {
    const lane = (i: number): number => (known >> (2 * i)) & 3;
    return [0, 2].map((i) => shuffleLanes(e, 8, low, high, [lane(i), lane(i + 1)]));
  }
  const lanes = [low, high].flatMap((half) => [0, 1].map((lane) => e.lane('i64x2.extract_lane', lane, half)));
  const chosen = (i: number): Val => {
    const bit = (n: number): Val => e.op('i32.and', immediate, e.i32(1 << (2 * i + n)));
    const pair = (first: number): Val => e.select(bit(0), lanes[first + 1] as Val, lanes[first] as Val);
    return e.select(bit(1), pair(2), pair(0));
  };
  return [0, 2].map((i) => e.lane('i64x2.replace_lane', 1, e.op('i64x2.splat', chosen(i)), chosen(i + 1)));
};

const blendDoubleWords = combine(blendByImmediate(4));
const fourFurther = (e: WasmEmitter, immediate: Val): Val => e.op('i32.shr_u', immediate, e.i32(4));

/** `gather` loads each element that the mask has a sign bit for: see gather.ts. */
const gather =
  (elementBytes: 4 | 8, indexBytes: 4 | 8, vectorBytes: 16 | 32): Body =>
  (e, x, _w, register, address, mask, form) => {
    x.setHelperArgument(address as Val);
    const shape = e.i32(elementBytes | (indexBytes << 8) | (vectorBytes << 16));
    x.helper('gather', form, e.op('i32.or', register as Val, e.op('i32.shl', mask as Val, e.i32(8))), shape);
  };

const gathers: readonly Row[] = (
  [
    ['90', 0, 'vpgatherdd', 4, 4],
    ['90', 1, 'vpgatherdq', 8, 4],
    ['91', 0, 'vpgatherqd', 4, 8],
    ['91', 1, 'vpgatherqq', 8, 8],
    ['92', 0, 'vgatherdps', 4, 4],
    ['92', 1, 'vgatherdpd', 8, 4],
    ['93', 0, 'vgatherqps', 4, 8],
    ['93', 1, 'vgatherqpd', 8, 8],
  ] as const
).flatMap(([byte, w, name, elementBytes, indexBytes]) =>
  ([16, 32] as const).map((bytes) =>
    avxRow(`VEX.${8 * bytes}.66.0F38.W${w} ${byte}`, name, 'K,L,k', gather(elementBytes, indexBytes, bytes), {
      repeats: true,
      hasVectorIndex: true,
    }),
  ),
);

const broadcasts: readonly Row[] = (
  [
    ['78', 'vpbroadcastb', 'i8x16', 'Mb'],
    ['79', 'vpbroadcastw', 'i16x8', 'Mw'],
    ['58', 'vpbroadcastd', 'i32x4', 'Md'],
    ['59', 'vpbroadcastq', 'i64x2', 'Mq'],
  ] as const
).flatMap(([byte, name, lanes, memory]) =>
  ['Ux', memory].flatMap((source) => broadcastRows(byte, name, lanes, source)),
);

export const avx2: readonly Row[] = requiresAvx('avx2', [
  ...named(alike)
    .filter(({ operands }) => !/[GERM][bdwy]/.test(operands))
    .map((source) => wideRow(source, 'avx2', false)),
  ...shiftRows,
  ...extensionRows,
  ...wideBlend('vpblendvb'),
  avxRow('VEX.256.66.0F D7', 'vpmovmskb', 'Gd=,Uqq', signs('i8x16', 16)),
  ...broadcasts,
  ...broadcastRows('18', 'vbroadcastss', 'i32x4', 'Ux'),
  ...broadcastRows('19', 'vbroadcastsd', 'i64x2', 'Ux', true),
  avxRow('VEX.256.66.0F38.W0 5A', 'vbroadcasti128', 'Vqq=,Mu', twice),
  avxRow('VEX.256.66.0F3A.W0 39', 'vextracti128', 'Wu=,Vqq,Ib', extractHalf),
  avxRow('VEX.256.66.0F3A.W0 38', 'vinserti128', 'Vqq=,hqq,Wu,Ib', insertHalf),
  avxRow('VEX.256.66.0F3A.W0 46', 'vperm2i128', 'Vqq=,hqq,Wqq,Ib', permuteHalves),
  avxRow('VEX.256.66.0F38.W0 36', 'vpermd', 'Vqq=,hqq,Wqq', permuteDoubleWords),
  avxRow('VEX.256.66.0F38.W0 16', 'vpermps', 'Vqq=,hqq,Wqq', permuteDoubleWords),
  avxRow('VEX.256.66.0F3A.W1 00', 'vpermq', 'Vqq=,Wqq,Ib', permuteQuadWords),
  avxRow('VEX.256.66.0F3A.W1 01', 'vpermpd', 'Vqq=,Wqq,Ib', permuteQuadWords),
  avxRow('VEX.128.66.0F3A.W0 02', 'vpblendd', 'Vx=,hx,Wu,Ib', blendDoubleWords),
  avxRow('VEX.256.66.0F3A.W0 02', 'vpblendd', 'Vqq=,hqq,Wqq,Ib', byHalves('pps', blendDoubleWords, fourFurther)),
  ...shiftByLaneRows(0x45, 'vpsrlvd', 'shr_u', 32),
  ...shiftByLaneRows(0x45, 'vpsrlvq', 'shr_u', 64),
  ...shiftByLaneRows(0x46, 'vpsravd', 'shr_s', 32),
  ...shiftByLaneRows(0x47, 'vpsllvd', 'shl', 32),
  ...shiftByLaneRows(0x47, 'vpsllvq', 'shl', 64),
  ...maskedRows('66.0F38.W0', '8C', 'vpmaskmovd', 4, false),
  ...maskedRows('66.0F38.W1', '8C', 'vpmaskmovq', 8, false),
  ...maskedRows('66.0F38.W0', '8E', 'vpmaskmovd', 4, true),
  ...maskedRows('66.0F38.W1', '8E', 'vpmaskmovq', 8, true),
  ...gathers,
]);
