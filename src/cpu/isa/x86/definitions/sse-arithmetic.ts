/** SSE and SSE2 floating-point arithmetic, logic and comparison (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import { hex, type Row } from '../row.ts';
import {
  type FloatFormat,
  floatArithmetic,
  floatCompare,
  floatExtreme,
  formats as floatFormats,
  floatOrder,
  inVector,
  outOfVector,
} from '../sse/index.ts';
import type { Body } from '../target.ts';
import { combine, splat32, sseRow, type VectorOperation } from './sse-row.ts';

interface Format {
  readonly prefix: string;
  readonly suffix: string;
  readonly format: FloatFormat;
  /** Operand size. */
  readonly size: 'x' | 'ss' | 'sd';
}

const formats: readonly Format[] = [
  { prefix: 'NP', suffix: 'ps', format: floatFormats.ps, size: 'x' },
  { prefix: '66', suffix: 'pd', format: floatFormats.pd, size: 'x' },
  { prefix: 'F3', suffix: 'ss', format: floatFormats.ss, size: 'ss' },
  { prefix: 'F2', suffix: 'sd', format: floatFormats.sd, size: 'sd' },
];
const singleFormats = formats.filter(({ format }) => format.element === 'f32');
const packedFormats = formats.filter((format) => format.size === 'x');

const plain = [
  [0x58, 'add'],
  [0x59, 'mul'],
  [0x5c, 'sub'],
  [0x5e, 'div'],
] as const;

const extremes = [
  [0x5d, 'min'],
  [0x5f, 'max'],
] as const;

function arithmeticRows({ prefix, suffix, format, size }: Format): Row[] {
  const opcode = (byte: number): string => `${prefix} 0F ${hex(byte)}`;
  return [
    ...plain.map(([byte, name]) =>
      sseRow(opcode(byte), name + suffix, `V${size}+,W${size}`, (e, x, _w, a, b) =>
        floatArithmetic(e, x, format, name, a as Val, b),
      ),
    ),
    ...extremes.map(([byte, name]) =>
      sseRow(opcode(byte), name + suffix, `V${size}+,W${size}`, (e, x, _w, a, b) =>
        floatExtreme(e, x, format, name, a as Val, b as Val),
      ),
    ),
    sseRow(opcode(0x51), `sqrt${suffix}`, `V${size}=,W${size}`, (e, x, _w, a) =>
      floatArithmetic(e, x, format, 'sqrt', a as Val),
    ),
    sseRow(opcode(0xc2), `cmp${suffix}`, `V${size}+,W${size},Ib`, (e, x, _w, a, b, predicate) =>
      floatCompare(e, x, format, a as Val, b as Val, e.op('i32.and', predicate as Val, e.i32(7))),
    ),
  ];
}

/** With a VEX prefix the predicate has five bits. */
export const avxCompare =
  (format: FloatFormat): Body =>
  (e, x, _w, a, b, predicate) =>
    floatCompare(e, x, format, a as Val, b as Val, e.op('i32.and', predicate as Val, e.i32(31)));

/** Denormals become zeros of the same sign, as the approximations treat them (SDM 2B, RCPPS). */
function withoutDenormals(e: WasmEmitter, vector: Val): Val {
  const isSmall = e.op('f32x4.lt', e.op('f32x4.abs', vector), splat32(e, 0x0080_0000));
  return e.op('v128.andnot', vector, e.op('v128.and', isSmall, splat32(e, 0x7fff_ffff)));
}

const one = (e: WasmEmitter): Val => splat32(e, 0x3f80_0000);

/** More exact than the processor's tables, which promise a relative error of 1.5 * 2^-12. */
const reciprocal: VectorOperation = (e, a) => withoutDenormals(e, e.op('f32x4.div', one(e), withoutDenormals(e, a)));
const reciprocalRoot: VectorOperation = (e, a) => e.op('f32x4.div', one(e), e.op('f32x4.sqrt', withoutDenormals(e, a)));

const approximations: readonly Row[] = singleFormats.flatMap(({ prefix, suffix, format, size }) => {
  const approximate = (operation: VectorOperation): Body =>
    combine((e, a) => outOfVector(e, format, operation(e, inVector(e, format, a))));
  return [
    sseRow(`${prefix} 0F 53`, `rcp${suffix}`, `V${size}=,W${size}`, approximate(reciprocal)),
    sseRow(`${prefix} 0F 52`, `rsqrt${suffix}`, `V${size}=,W${size}`, approximate(reciprocalRoot)),
  ];
});

/** ZF, PF and CF: 111 unordered, 000 greater, 001 less, 100 equal; OF, SF and AF are cleared. */
const compareFlags =
  (name: 'comis' | 'ucomis', format: FloatFormat): Body =>
  (e, x, _w, a, b) => {
    const { isLess, isNotBelow, isGreater } = floatOrder(e, x, format, name, a as Val, b as Val);
    const differs = e.op('i32.or', isLess, isGreater);
    const isOrdered = e.op('i32.or', isLess, isNotBelow);
    const carry = e.op('i64.extend_i32_s', e.op('i32.sub', isNotBelow, e.i32(1)));
    x.setFlags({
      zero: e.op('i64.extend_i32_u', differs),
      sign: e.op('i64.extend_i32_u', isOrdered),
      carry: e.op('i64.shl', carry, e.i64(62n)), // CF, and OF = bit 63 xor bit 62 clear.
    });
  };

/** The signalling and the quiet comparisons differ in exceptions only. */
const flagRows: readonly Row[] = (['ucomis', 'comis'] as const).flatMap((name, i) => [
  sseRow(`NP 0F ${hex(0x2e + i)}`, `${name}s`, 'Vss,Wss', compareFlags(name, floatFormats.ss)),
  sseRow(`66 0F ${hex(0x2e + i)}`, `${name}d`, 'Vsd,Wsd', compareFlags(name, floatFormats.sd)),
]);

const logic: readonly Row[] = packedFormats.flatMap(({ prefix, suffix }) => [
  sseRow(
    `${prefix} 0F 54`,
    `and${suffix}`,
    'Vx+,Wx',
    combine((e, a, b) => e.op('v128.and', a, b)),
  ),
  sseRow(
    `${prefix} 0F 55`,
    `andn${suffix}`,
    'Vx+,Wx',
    combine((e, a, b) => e.op('v128.andnot', b, a)),
  ),
  sseRow(
    `${prefix} 0F 56`,
    `or${suffix}`,
    'Vx+,Wx',
    combine((e, a, b) => e.op('v128.or', a, b)),
  ),
  sseRow(
    `${prefix} 0F 57`,
    `xor${suffix}`,
    'Vx+,Wx',
    combine((e, a, b) => e.op('v128.xor', a, b)),
  ),
]);

export const sseArithmetic: readonly Row[] = [
  ...formats.flatMap(arithmeticRows),
  ...approximations,
  ...flagRows,
  ...logic,
];
