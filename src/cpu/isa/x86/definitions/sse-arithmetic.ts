/**
 * SSE and SSE2 floating-point arithmetic, logic and comparison (SDM 2, instruction pages named by mnemonic).
 * Results are those of the default MXCSR: round to nearest, exceptions masked, denormals kept. Exception flags of MXCSR
 * are not set yet. Operands stay in the processor's order, which decides the NaN that comes out.
 */
import type { Val, WasmEmitter } from '../../index.ts';
import { hex, type Row } from '../row.ts';
import type { Body } from '../target.ts';
import { combine, splat32, sseRow, type VectorOperation } from './sse-row.ts';

interface Format {
  readonly prefix: string;
  readonly suffix: string;
  /** Wasm type of one element and of a vector of them. */
  readonly element: 'f32' | 'f64';
  readonly vector: 'f32x4' | 'f64x2';
  /** Operand size. */
  readonly size: 'x' | 'ss' | 'sd';
}

const formats: readonly Format[] = [
  { prefix: 'NP', suffix: 'ps', element: 'f32', vector: 'f32x4', size: 'x' },
  { prefix: '66', suffix: 'pd', element: 'f64', vector: 'f64x2', size: 'x' },
  { prefix: 'F3', suffix: 'ss', element: 'f32', vector: 'f32x4', size: 'ss' },
  { prefix: 'F2', suffix: 'sd', element: 'f64', vector: 'f64x2', size: 'sd' },
];
const singleFormats = formats.filter((format) => format.element === 'f32');
const packedFormats = formats.filter((format) => format.size === 'x');

/** A vector operation for a format; scalars go through the lowest lane of one. */
function inFormat(
  { size, vector }: Format,
  operation: (e: WasmEmitter, vector: string, ...v: Val[]) => Val,
): VectorOperation {
  if (size === 'x') return (e, ...operands) => operation(e, vector, ...operands);
  return (e, ...operands) => {
    const vectors = operands.map((operand) => e.op(`${vector}.splat`, operand));
    return e.lane(`${vector}.extract_lane`, 0, operation(e, vector, ...vectors));
  };
}

const plain = [
  [0x58, 'add'],
  [0x59, 'mul'],
  [0x5c, 'sub'],
  [0x5e, 'div'],
] as const;

/** MIN and MAX give the second operand when both are zero or one is a NaN: Wasm's pmin and pmax with operands exchanged. */
const extremes = [
  [0x5d, 'min'],
  [0x5f, 'max'],
] as const;

function arithmeticRows(format: Format): Row[] {
  const { prefix, suffix, element, vector, size } = format;
  const type = size === 'x' ? vector : element;
  const opcode = (byte: number): string => `${prefix} 0F ${hex(byte)}`;
  return [
    ...plain.map(([byte, name]) =>
      sseRow(
        opcode(byte),
        name + suffix,
        `V${size}+,W${size}`,
        combine((e, a, b) => e.op(`${type}.${name}`, a, b)),
      ),
    ),
    ...extremes.map(([byte, name]) => {
      const operation = inFormat(format, (e, v, a, b) => e.op(`${v}.p${name}`, b, a));
      return sseRow(opcode(byte), name + suffix, `V${size}+,W${size}`, combine(operation));
    }),
    sseRow(
      opcode(0x51),
      `sqrt${suffix}`,
      `V${size}=,W${size}`,
      combine((e, a) => e.op(`${type}.sqrt`, a)),
    ),
    sseRow(opcode(0xc2), `cmp${suffix}`, `V${size}+,W${size},Ib`, compare(format)),
  ];
}

/** The four predicates that the low two bits of the immediate name; bit 2 negates (SDM 2A, CMPPD, table 3-1). */
function compare(format: Format): Body {
  return (e, _x, _w, a, b, predicate) => {
    const bit = (n: number): Val => e.op('i32.and', predicate, e.i32(n));
    const holds = inFormat(format, (_e, v, p, q) => {
      const test = (name: string) => (): Val => e.op(`${v}.${name}`, p, q);
      const unordered = (): Val => e.op('v128.or', e.op(`${v}.ne`, p, p), e.op(`${v}.ne`, q, q));
      const high = (): Val => e.choose('v128', bit(1), unordered, test('le'));
      const low = (): Val => e.choose('v128', bit(1), test('lt'), test('eq'));
      const positive = e.choose('v128', bit(2), high, low);
      return e.choose(
        'v128',
        bit(4),
        () => e.op('v128.not', positive),
        () => positive,
      );
    });
    return holds(e, a, b);
  };
}

/** Denormals become zeros of the same sign, as the approximations treat them (SDM 2B, RCPPS). */
function withoutDenormals(e: WasmEmitter, vector: Val): Val {
  const isSmall = e.op('f32x4.lt', e.op('f32x4.abs', vector), splat32(e, 0x0080_0000));
  return e.op('v128.andnot', vector, e.op('v128.and', isSmall, splat32(e, 0x7fff_ffff)));
}

const one = (e: WasmEmitter): Val => splat32(e, 0x3f80_0000);

/** More exact than the processor's tables, which promise a relative error of 1.5 * 2^-12. */
const reciprocal: VectorOperation = (e, a) => withoutDenormals(e, e.op('f32x4.div', one(e), withoutDenormals(e, a)));
const reciprocalRoot: VectorOperation = (e, a) => e.op('f32x4.div', one(e), e.op('f32x4.sqrt', withoutDenormals(e, a)));

const approximations: readonly Row[] = singleFormats.flatMap((format) => {
  const { prefix, suffix, size } = format;
  const approximate = (operation: VectorOperation): Body => combine(inFormat(format, (e, _v, a) => operation(e, a)));
  return [
    sseRow(`${prefix} 0F 53`, `rcp${suffix}`, `V${size}=,W${size}`, approximate(reciprocal)),
    sseRow(`${prefix} 0F 52`, `rsqrt${suffix}`, `V${size}=,W${size}`, approximate(reciprocalRoot)),
  ];
});

/** ZF, PF and CF: 111 unordered, 000 greater, 001 less, 100 equal; OF, SF and AF are cleared. */
const compareFlags =
  (type: 'f32' | 'f64'): Body =>
  (e, x, _w, a, b) => {
    const isNotBelow = e.op(`${type}.ge`, a, b);
    const isLess = e.op(`${type}.lt`, a, b);
    const differs = e.op('i32.or', isLess, e.op(`${type}.gt`, a, b));
    const isOrdered = e.op('i32.or', isLess, isNotBelow);
    const carry = e.op('i64.extend_i32_s', e.op('i32.sub', isNotBelow, e.i32(1)));
    x.setFlags({
      zero: e.op('i64.extend_i32_u', differs),
      sign: e.op('i64.extend_i32_u', isOrdered),
      carry: e.op('i64.shl', carry, e.i64(62n)), // CF, and OF = bit 63 xor bit 62 clear.
    });
  };

/** The signalling and the quiet comparisons differ in exceptions only. */
const flagRows: readonly Row[] = ['ucomis', 'comis'].flatMap((name, i) => [
  sseRow(`NP 0F ${hex(0x2e + i)}`, `${name}s`, 'Vss,Wss', compareFlags('f32')),
  sseRow(`66 0F ${hex(0x2e + i)}`, `${name}d`, 'Vsd,Wsd', compareFlags('f64')),
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
