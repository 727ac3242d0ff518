/** AVX that moves lanes, with no form in SSE (SDM 2C and 2D, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import type { Feature } from '../features.ts';
import { layout } from '../layout.ts';
import type { Row } from '../row.ts';
import type { Body } from '../target.ts';
import { combine, splat32, type VectorOperation, vectorBytes, zeroVector } from './sse-row.ts';
import { pshufd, shufpd } from './sse-shuffle.ts';
import { testBits } from './sse41.ts';
import { avxRow, byHalves } from './vex-row.ts';

const rows = (feature: Feature, list: readonly Row[]): Row[] => list.map((each) => ({ ...each, feature }));

type Lanes = 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2';

/** The lowest lane of a vector, or what was loaded, in every lane. */
export function broadcast(e: WasmEmitter, lanes: Lanes, value: Val): Val {
  const isVector = e.typeOf(value) === 'v128';
  const low = isVector ? e.lane(`${lanes}.extract_lane${/i8|i16/.test(lanes) ? '_u' : ''}`, 0, value) : value;
  return e.op(`${lanes}.splat`, low);
}

const narrowBroadcast = (lanes: Lanes): Body => combine((e, value) => broadcast(e, lanes, value));
const wideBroadcast =
  (lanes: Lanes): Body =>
  (e, _x, _w, value) => {
    const all = broadcast(e, lanes, value as Val);
    return [all, all];
  };

/** Rows of a broadcast to 128 and 256 bits, from memory or from a register. */
export function broadcastRows(byte: string, name: string, lanes: Lanes, source: string, isWideOnly = false): Row[] {
  const [narrow, wide] = [narrowBroadcast(lanes), wideBroadcast(lanes)];
  return [
    ...(isWideOnly ? [] : [avxRow(`VEX.128.66.0F38.W0 ${byte}`, name, `Vx=,${source}`, narrow)]),
    avxRow(`VEX.256.66.0F38.W0 ${byte}`, name, `Vqq=,${source}`, wide),
  ];
}

const twice: Body = (_e, _x, _w, value) => [value as Val, value as Val];

const bit = (e: WasmEmitter, immediate: Val, number: number): Val => e.op('i32.and', immediate, e.i32(1 << number));

/** VEXTRACTF128 and VINSERTF128: bit 0 of the immediate chooses a half. */
const extractHalf: Body = (e, _x, _w, low, high, immediate) =>
  e.select(bit(e, immediate as Val, 0), high as Val, low as Val);
const insertHalf: Body = (e, _x, _w, low, high, value, immediate) => {
  const isHigh = bit(e, immediate as Val, 0);
  return [e.select(isHigh, low as Val, value as Val), e.select(isHigh, value as Val, high as Val)];
};

/** VPERM2F128: four bits choose each half of the result among the four of the sources, or zero. */
const permuteHalves: Body = (e, _x, _w, ...operands) => {
  const [aLow, aHigh, bLow, bHigh, immediate] = operands as [Val, Val, Val, Val, Val];
  const chosen = (first: number): Val => {
    const fromA = e.select(bit(e, immediate, first), aHigh, aLow);
    const fromB = e.select(bit(e, immediate, first), bHigh, bLow);
    const half = e.select(bit(e, immediate, first + 1), fromB, fromA);
    return e.select(bit(e, immediate, first + 3), zeroVector(e), half);
  };
  return [chosen(0), chosen(4)];
};

/** VPERMILPS by a vector: two bits of each lane are the number of the lane that is taken. */
const permuteSingles: VectorOperation = (e, source, control) => {
  const numbers = e.op('v128.and', control, splat32(e, 3));
  const bytes = e.op('i32x4.add', e.op('i32x4.mul', numbers, splat32(e, 0x04040404)), splat32(e, 0x03020100));
  return e.op('i8x16.swizzle', source, bytes);
};

/** VPERMILPD by a vector: bit 1 of each lane. */
const permuteDoubles: VectorOperation = (e, source, control) => {
  const shifted = e.op('i64x2.shr_u', control, e.i32(1));
  const number = e.op('v128.and', shifted, e.v128(vectorBytes(4, [1, 0, 1, 0])));
  const isHigh = e.op('i64x2.sub', zeroVector(e), number);
  const [low, high] = [0, 1].map((lane) => e.op('i64x2.splat', e.lane('i64x2.extract_lane', lane, source)));
  return e.op('v128.bitselect', high as Val, low as Val, isHigh);
};

const doublesByImmediate: VectorOperation = (e, source, immediate) => shufpd(e, source, source, immediate);
const shiftedBy = (count: number) => (e: WasmEmitter, i: Val) => e.op('i32.shr_u', i, e.i32(count));

/** A row's forms of 128 and 256 bits, of an operation that treats both halves alike. */
export function laneRows(
  prefix: string,
  name: string,
  shape: 'vector' | 'immediate',
  operation: VectorOperation,
): Row[] {
  const body = combine(operation);
  const [operands, wide, pattern] =
    shape === 'vector' ? ['Vx=,hx,Wu', 'Vqq=,hqq,Wqq', 'pp'] : ['Vx=,Wu,Ib', 'Vqq=,Wqq,Ib', 'ps'];
  const adapt = operation === doublesByImmediate ? shiftedBy(2) : undefined;
  return [
    avxRow(`VEX.128.${prefix}`, name, operands as string, body),
    avxRow(`VEX.256.${prefix}`, name, wide as string, byHalves(pattern as string, body, adapt)),
  ];
}

/** VTESTPS and VTESTPD look at sign bits. */
function testRows(byte: string, name: string, signs: readonly number[]): Row[] {
  const body: Body = (e, x, _w, ...values) => testBits(e, x, values, e.v128(vectorBytes(4, signs)));
  return [
    avxRow(`VEX.128.66.0F38.W0 ${byte}`, name, 'Vx,Wu', body),
    avxRow(`VEX.256.66.0F38.W0 ${byte}`, name, 'Vqq,Wqq', body),
  ];
}

const top = 0x80000000 | 0;

/** `maskedVector` moves those elements that a mask has sign bits for: see masked-vector.ts. */
const masked =
  (bytes: 4 | 8, vectorBytes: 16 | 32, isStore: boolean): Body =>
  (e, x, _w, register, address, mask, form) => {
    x.setHelperArgument(address as Val);
    const shape = e.i32(bytes | (vectorBytes << 8) | ((isStore ? 1 : 0) << 16));
    const registers = e.op('i32.or', register as Val, e.op('i32.shl', mask as Val, e.i32(8)));
    x.helper('maskedVector', form, registers, shape);
  };

/** Forms of a masked load or store. Operands are numbers of registers and an address: the helper finds the rest. */
export function maskedRows(prefix: string, byte: string, name: string, bytes: 4 | 8, isStore: boolean): Row[] {
  return ([128, 256] as const).map((length) =>
    avxRow(`VEX.${length}.${prefix} ${byte}`, name, 'K,L,k', masked(bytes, length === 128 ? 16 : 32, isStore), {
      repeats: true,
    }),
  );
}

/** Of as many registers as the mode has. */
const clearUpper: Body = (e, x) => {
  const zero = zeroVector(e);
  const count = x.shape.code === 64 ? 16 : 8;
  for (let number = 0; number < count; number++) {
    e.storeMemory('v128.store', e.i32(0), layout.ymmHigh + 16 * number, zero);
  }
};

export const avxLanes: readonly Row[] = [
  ...rows('avx', [
    ...broadcastRows('18', 'vbroadcastss', 'i32x4', 'Md'),
    ...broadcastRows('19', 'vbroadcastsd', 'i64x2', 'Mq', true),
    avxRow('VEX.256.66.0F38.W0 1A', 'vbroadcastf128', 'Vqq=,Mu', twice),
    avxRow('VEX.256.66.0F3A.W0 19', 'vextractf128', 'Wu=,Vqq,Ib', extractHalf),
    avxRow('VEX.256.66.0F3A.W0 18', 'vinsertf128', 'Vqq=,hqq,Wu,Ib', insertHalf),
    avxRow('VEX.256.66.0F3A.W0 06', 'vperm2f128', 'Vqq=,hqq,Wqq,Ib', permuteHalves),
    ...laneRows('66.0F38.W0 0C', 'vpermilps', 'vector', permuteSingles),
    ...laneRows('66.0F38.W0 0D', 'vpermilpd', 'vector', permuteDoubles),
    ...laneRows('66.0F3A.W0 04', 'vpermilps', 'immediate', pshufd),
    ...laneRows('66.0F3A.W0 05', 'vpermilpd', 'immediate', doublesByImmediate),
    ...testRows('0E', 'vtestps', [top, top, top, top]),
    ...testRows('0F', 'vtestpd', [0, top, 0, top]),
    ...maskedRows('66.0F38.W0', '2C', 'vmaskmovps', 4, false),
    ...maskedRows('66.0F38.W0', '2D', 'vmaskmovpd', 8, false),
    ...maskedRows('66.0F38.W0', '2E', 'vmaskmovps', 4, true),
    ...maskedRows('66.0F38.W0', '2F', 'vmaskmovpd', 8, true),
    avxRow('VEX.128.NP.0F 77', 'vzeroupper', '', clearUpper, { usesStack: true }),
    avxRow('VEX.256.NP.0F 77', 'vzeroall', '', (_e, x) => void x.helper('zeroAll')),
  ]),
];

export { extractHalf, insertHalf, permuteHalves, permuteSingles, rows as requiresAvx, twice };
