/** AVX: the VEX forms of what SSE has (SDM 2, instruction pages named by mnemonic; SDM 1, tables 14-1 to 14-6). */
import type { Val, WasmEmitter } from '../../index.ts';
import type { Feature } from '../features.ts';
import type { Row } from '../row.ts';
import { formats, narrowFloat, widenFloat } from '../sse/index.ts';
import type { Body } from '../target.ts';
import { aes } from './aes.ts';
import { carryless } from './carryless.ts';
import { avxCompare, sseArithmetic } from './sse-arithmetic.ts';
import { sseConvert } from './sse-convert.ts';
import { sseInteger } from './sse-integer.ts';
import { sseMoves } from './sse-moves.ts';
import { combine, shuffleLanes } from './sse-row.ts';
import { sseShuffle } from './sse-shuffle.ts';
import { sseState } from './sse-state.ts';
import { sse3 } from './sse3.ts';
import { blendBySigns, sse41, testBits } from './sse41.ts';
import { dotProduct, sse41Float } from './sse41-float.ts';
import { sse41Lanes } from './sse41-lanes.ts';
import { ssse3 } from './ssse3.ts';
import { stringCompare } from './string-compare.ts';
import { avxRow, byHalves, deriveNarrow, deriveWide, together, type VexLength, vexOpcode } from './vex-row.ts';

/** What has MMX operands is not in AVX, and some of the rest is there in another form, which is below. */
const hasOwnForm = /^(cvtpi2p[sd]|movdq2q|movq2dq|p?blendvp?[bsd])$/;
const usesMmx = /[PQH][dq]/;

const sources: readonly Row[] = [
  ...sseArithmetic,
  ...sseConvert,
  ...sseInteger,
  ...sseMoves,
  ...sseShuffle,
  ...sseState,
  ...sse3,
  ...ssse3,
  ...sse41,
  ...sse41Float,
  ...sse41Lanes,
  ...stringCompare,
  ...aes,
  ...carryless,
].filter(({ name, operands }) => !hasOwnForm.test(name) && !usesMmx.test(operands));

/** AES and PCLMULQDQ are asked for beside AVX. */
const featureOf = ({ feature }: Row): Feature => (feature === 'aes' || feature === 'pclmulqdq' ? feature : 'avx');

const isScalar = ({ name, operands }: Row): boolean =>
  /(ss|sd)/.test(operands) || /^mov(ss|sd)$/.test(name) || /^cvt(t?s[sd]2si|si2s[sd])$/.test(name);

const comparesOf: Readonly<Record<string, Body>> = {
  cmpps: avxCompare(formats.ps),
  cmppd: avxCompare(formats.pd),
  cmpss: avxCompare(formats.ss),
  cmpsd: avxCompare(formats.sd),
};
const bodyOf = ({ name, body }: Row): Body => comparesOf[name] ?? body;

/** MOVSS and MOVSD between registers are merged in either direction. */
const isRegisterStore = ({ name, operands }: Row): boolean => /^mov(ss|sd)$/.test(name) && /^W[dq]=/.test(operands);

const narrowRows: readonly Row[] = sources.map((source) => {
  const length: VexLength = isScalar(source) ? 'LIG' : 128;
  const { operands, body } = deriveNarrow(source, bodyOf(source));
  const { width, repeats } = source;
  const options = { feature: featureOf(source), ...(width && { width }), ...(repeats && { repeats }) };
  const bare = isRegisterStore(source) ? operands.replace(/^W/, 'M') : operands;
  return avxRow(vexOpcode(source, length), `v${source.name}`, bare, body, options);
});

const mergeLow =
  (lanes: 'i32x4' | 'i64x2'): Body =>
  (e, _x, _w, vector, value) =>
    e.lane(`${lanes}.replace_lane`, 0, vector as Val, value as Val);

const registerStores: readonly Row[] = [
  avxRow('VEX.LIG.F3.0F 11', 'vmovss', 'Ux=,hx,Vd', mergeLow('i32x4'), { feature: 'avx' }),
  avxRow('VEX.LIG.F2.0F 11', 'vmovsd', 'Ux=,hx,Vq', mergeLow('i64x2'), { feature: 'avx' }),
];

const signBlends = (
  [
    ['4A', 'vblendvps', 'i32x4'],
    ['4B', 'vblendvpd', 'i64x2'],
    ['4C', 'vpblendvb', 'i8x16'],
  ] as const
).map(([byte, name, lanes]) => ({ byte, name, body: combine(blendBySigns(lanes)) }));

export const narrowBlends: readonly Row[] = signBlends.map(({ byte, name, body }) =>
  avxRow(`VEX.128.66.0F3A.W0 ${byte}`, name, 'Vx=,hx,Wu,lx', body, { feature: 'avx' }),
);

export const wideBlend = (name: string): Row[] =>
  signBlends
    .filter((blend) => blend.name === name)
    .map(({ byte, body }) =>
      avxRow(`VEX.256.66.0F3A.W0 ${byte}`, name, 'Vqq=,hqq,Wqq,lqq', byHalves('pppp', body), {
        feature: name === 'vpblendvb' ? 'avx2' : 'avx',
      }),
    );

/** By how many bits further on the immediate steers the high half. */
const highImmediate: Readonly<Record<string, number>> = { blendps: 4, blendpd: 2, shufpd: 2, mpsadbw: 3, vpermilpd: 2 };

/** A row's form of 256 bits where both halves are treated alike. */
export function wideRow(source: Row, feature: Feature, isFloat: boolean): Row {
  const { operands, pattern } = deriveWide(source);
  const shift = highImmediate[source.name];
  const adapt = shift === undefined ? undefined : (e: WasmEmitter, i: Val) => e.op('i32.shr_u', i, e.i32(shift));
  const body = byHalves(pattern, bodyOf(source), adapt);
  return avxRow(vexOpcode(source, 256), `v${source.name}`, operands, isFloat ? together(body) : body, { feature });
}

/** Floating point in 256 bits; the first may raise exceptions. */
const raising = /^((add|sub|mul|div|sqrt|min|max|cmp|hadd|hsub|addsub|round)p[sd]|cvt(dq2ps|t?ps2dq))$/;
const quiet =
  /^((and|andn|or|xor|rcp|rsqrt|unpckl|unpckh|blend|shuf|mova|movu|movnt)p[sd]|movs[lh]dup|movdq[au]|movntdq|lddqu)$/;

export const named = (pattern: RegExp): Row[] => sources.filter(({ name }) => pattern.test(name));

const wideRows: readonly Row[] = [
  ...named(raising).map((source) => wideRow(source, 'avx', true)),
  ...named(quiet).map((source) => wideRow(source, 'avx', false)),
  avxRow('VEX.256.66.0F3A 40', 'vdpps', 'Vqq=,hqq,Wqq,Ib', dotProduct(formats.ps, together), { feature: 'avx' }),
];

const duplicateLow: Body = combine((e, vector) => shuffleLanes(e, 8, vector, vector, [0, 0]));
const highToLow = (e: WasmEmitter, vector: Val): Val => shuffleLanes(e, 8, vector, vector, [1, 0]);
const joinLow = (e: WasmEmitter, low: Val, high: Val): Val => shuffleLanes(e, 8, low, high, [0, 2]);

/** Elements that get wider: those of the high half of 128 bits fill the second vector. */
const widening =
  (body: Body): Body =>
  (e, x, w, vector) => [body(e, x, w, vector as Val) as Val, body(e, x, w, highToLow(e, vector as Val)) as Val];

/** Elements that get narrower: each vector fills half of 128 bits. */
const narrowing =
  (body: Body): Body =>
  (e, x, w, low, high) =>
    joinLow(e, body(e, x, w, low as Val) as Val, body(e, x, w, high as Val) as Val);

const bodyNamed = (name: string): Body => bodyOf(sources.find((source) => source.name === name) as Row);

const conversions: readonly Row[] = (
  [
    ['NP', '5A', 'vcvtps2pd', 'Vqq=,Wu', together(widening((e, x, _w, v) => widenFloat(e, x, v as Val)))],
    ['66', '5A', 'vcvtpd2ps', 'Vx=,Wqq', together(narrowing((e, x, _w, v) => narrowFloat(e, x, v as Val)))],
    ['F3', 'E6', 'vcvtdq2pd', 'Vqq=,Wu', widening(bodyNamed('cvtdq2pd'))],
    ['F2', 'E6', 'vcvtpd2dq', 'Vx=,Wqq', together(narrowing(bodyNamed('cvtpd2dq')))],
    ['66', 'E6', 'vcvttpd2dq', 'Vx=,Wqq', together(narrowing(bodyNamed('cvttpd2dq')))],
  ] as const
).map(([prefix, byte, name, operands, body]) =>
  avxRow(`VEX.256.${prefix}.0F ${byte}`, name, operands, body, { feature: 'avx' }),
);

/** Sign bits of both halves beside each other. */
export const signs =
  (lanes: string, count: number): Body =>
  (e, _x, _w, low, high) => {
    const mask = (vector: Val | undefined): Val => e.op(`${lanes}.bitmask`, vector as Val);
    return e.op('i32.or', mask(low), e.op('i32.shl', mask(high), e.i32(count)));
  };

const others: readonly Row[] = [
  avxRow('VEX.256.NP.0F 50', 'vmovmskps', 'Gd=,Uqq', signs('i32x4', 4), { feature: 'avx' }),
  avxRow('VEX.256.66.0F 50', 'vmovmskpd', 'Gd=,Uqq', signs('i64x2', 2), { feature: 'avx' }),
  avxRow('VEX.256.F2.0F 12', 'vmovddup', 'Vqq=,Wqq', byHalves('p', duplicateLow), { feature: 'avx' }),
  avxRow('VEX.256.66.0F38 17', 'vptest', 'Vqq,Wqq', (e, x, _w, ...v) => testBits(e, x, v), { feature: 'avx' }),
];

export const avx: readonly Row[] = [
  ...narrowRows,
  ...registerStores,
  ...narrowBlends,
  ...wideRows,
  ...wideBlend('vblendvps'),
  ...wideBlend('vblendvpd'),
  ...conversions,
  ...others,
];
