import type { Width } from '../index.ts';
import type { Row } from './row.ts';
import type { Body, MemoryType, Shape } from './target.ts';

export type RecordField = 'r1' | 'r2' | 'r3' | 'immediate';

/** Where a decoded instruction holds the number of a register operand. */
export type RegisterSource = 'rm' | 'reg' | 'opcode' | 'accumulator' | 'vex';

/** The same of an XMM register; the accumulator's number is that of XMM0. */
export type VectorSource = 'rm' | 'reg' | 'accumulator' | 'vex' | 'immediate';

export type VariantOperand = { readonly access: 'read' | 'write' | 'read-write' } & (
  | { readonly kind: 'register'; readonly width: Width; readonly source: RegisterSource; readonly field: RecordField }
  | {
      readonly kind: 'vector';
      readonly type: MemoryType;
      readonly source: VectorSource;
      readonly field: RecordField;
      /** A write of at most 128 bits clears the upper half of the YMM register. */
      readonly clearsHigh: boolean;
    }
  | { readonly kind: 'mmx'; readonly type: 32 | 64; readonly source: 'rm' | 'reg'; readonly field: RecordField }
  | { readonly kind: 'memory'; readonly type: MemoryType; readonly isAligned: boolean; readonly isDirect: boolean }
  | { readonly kind: 'address'; readonly isLinear: boolean; readonly bytes: number }
  | { readonly kind: 'immediate'; readonly width: Width; readonly encoding: ImmediateEncoding }
  | { readonly kind: 'number'; readonly source: 'rm' | 'reg' | 'vex'; readonly field: RecordField }
  | { readonly kind: 'relative'; readonly encoding: 'b' | 'z' }
  | { readonly kind: 'untouched' }
);

/** b, w: zero-extended; s: 8 bits sign-extended; z: 16 or 32 bits sign-extended; v: whole operand size; far: offset and selector. */
export type ImmediateEncoding = 'b' | 'w' | 's' | 'z' | 'v' | 'far' | 'form';

/** One shape of a row: everything about it that is known when an engine is generated. */
export interface Variant {
  readonly row: Row;
  readonly shape: Shape;
  readonly operands: readonly VariantOperand[];
  /** Equal for variants that mean the same and take their operands from the same fields. */
  readonly key: string;
}

export type StackShape = Shape['stack'];
export const stackShapes: readonly StackShape[] = ['rsp', 'esp', 'segmented'];

/** An operand code of a row, taken apart. */
export interface Code {
  readonly letter: string;
  readonly size: string;
  readonly access: 'read' | 'write' | 'read-write';
}

export function parseOperands(operands: string): Code[] {
  if (operands === '') return [];
  return operands.split(',').map((text) => {
    const mark = text.at(-1);
    const access = mark === '+' ? 'read-write' : mark === '=' ? 'write' : 'read';
    const bare = access === 'read' ? text : text.slice(0, -1);
    return { letter: bare[0] ?? '', size: bare.slice(1), access };
  });
}

const fixedWidths: Record<string, Width> = { b: 8, w: 16, d: 32, q: 64 };

/** Width in bits of an operand size code when the operand size is `operandSize`. */
function widthOf(size: string, operandSize: Width): Width {
  const fixed = fixedWidths[size];
  if (fixed) return fixed;
  if (size === 'z') return operandSize === 64 ? 32 : operandSize;
  if (size === 'y' || size === 'c') return operandSize === 64 ? 64 : 32;
  return operandSize;
}

/** How much the instruction accesses at a linear address. */
function addressedBytes(size: string, operandSize: Width): number {
  if (size === 'a') return (2 * operandSize) / 8;
  if (size === 'c') return (2 * widthOf('y', operandSize)) / 8;
  return widthOf(size, operandSize) / 8 + (size === 'p' ? 2 : 0);
}

const vectorTypes: Record<string, MemoryType> = {
  x: 'v128',
  u: 'v128',
  q: 64,
  d: 32,
  w: 16,
  sd: 'f64',
  ss: 'f32',
  zq: 'v128.low64',
  zd: 'v128.low32',
  qq: 'v256',
  qx: 'v256',
};
function vectorType(size: string): MemoryType {
  const type = vectorTypes[size];
  if (type === undefined) throw new RangeError(`Cannot read operand code: vector size "${size}" is not one`);
  return type;
}

/** Letters whose operand is in the r/m field, and those of the reg field. */
const modrmOperands = 'EMRNLBTWUQHGSCKVP';
export const hasModrm = (row: Row, codes = parseOperands(row.operands)): boolean =>
  row.opcode.includes('/') || codes.some(({ letter }) => modrmOperands.includes(letter));

/** Whether VEX.vvvv names an operand. */
export const usesVexRegister = (codes: readonly Code[]): boolean => codes.some(({ letter }) => 'hbk'.includes(letter));

/** Which forms of the r/m operand a row has. */
export function formsOf(row: Row, codes = parseOperands(row.operands)): readonly ('register' | 'memory')[] {
  if (codes.some(({ letter, size }) => 'RBUH'.includes(letter) || (letter === 'T' && size === 'r'))) {
    return ['register'];
  }
  if (codes.some(({ letter }) => 'MNL'.includes(letter))) return ['memory'];
  return hasModrm(row, codes) ? ['register', 'memory'] : ['register'];
}

function resolve(
  code: Code,
  { operandSize, isMemory, isVex }: { operandSize: Width; isMemory: boolean; isVex: boolean },
  nextField: () => RecordField,
): VariantOperand {
  const { letter, size, access } = code;
  const vector = (source: VectorSource, field: RecordField = nextField()): VariantOperand => {
    const type = vectorType(size);
    return { kind: 'vector', access, type, source, field, clearsHigh: isVex && type !== 'v256' };
  };
  const memory = (type: MemoryType, isDirect = false): VariantOperand => ({
    kind: 'memory',
    access,
    type,
    isAligned: size === 'x' || size === 'qx',
    isDirect,
  });
  const register = (source: RegisterSource): VariantOperand => ({
    kind: 'register',
    access,
    source,
    width: widthOf(letter === 'E' && size === 'z' ? 'z' : size, operandSize),
    field: nextField(),
  });
  switch (letter) {
    case 'E':
      return isMemory ? memory(widthOf(size, operandSize)) : register('rm');
    case 'M':
      return memory(vectorTypes[size] ?? widthOf(size, operandSize));
    case 'R':
      return register('rm');
    case 'G':
      return register('reg');
    case 'Z':
      return register('opcode');
    case 'b':
      return register('vex');
    case 'A':
      return register('accumulator');
    case 'O':
      return memory(widthOf(size, operandSize), true);
    case 'L':
      return { kind: 'address', access, isLinear: false, bytes: 0 };
    case 'N':
      return { kind: 'address', access, isLinear: true, bytes: addressedBytes(size, operandSize) };
    case 'I':
      return {
        kind: 'immediate',
        access,
        width: immediateWidth(size, operandSize),
        encoding: size as ImmediateEncoding,
      };
    case 'F':
      return { kind: 'immediate', access, width: 32, encoding: 'far' };
    case 'J':
      return { kind: 'relative', access, encoding: size as 'b' | 'z' };
    case 'S':
    case 'C':
    case 'K':
      return { kind: 'number', access, source: 'reg', field: nextField() };
    case 'k':
      return { kind: 'number', access, source: 'vex', field: nextField() };
    case 'B':
      return { kind: 'number', access, source: 'rm', field: nextField() };
    case 'V':
      return vector('reg');
    case 'W':
    case 'U':
      if (isMemory) return memory(vectorType(size));
      return vector('rm');
    case 'h':
      return vector('vex');
    case 'l':
      return vector('immediate', 'immediate');
    case 'X':
      return vector('accumulator');
    case 'P':
      return { kind: 'mmx', access, type: size === 'd' ? 32 : 64, source: 'reg', field: nextField() };
    case 'Q':
    case 'H':
      if (isMemory) return memory(size === 'd' ? 32 : 64);
      return { kind: 'mmx', access, type: size === 'd' ? 32 : 64, source: 'rm', field: nextField() };
    case 'T':
      return { kind: 'untouched', access };
    default:
      throw new RangeError(`Cannot read operand code: "${letter}${size}" is not one`);
  }
}

function immediateWidth(size: string, operandSize: Width): Width {
  if (size === 'b') return 8;
  if (size === 'w') return 16;
  return operandSize;
}

const bodyIds = new Map<Body, number>();
/** Bodies are numbered as they come. */
function bodyId(body: Body): number {
  const known = bodyIds.get(body);
  if (known !== undefined) return known;
  bodyIds.set(body, bodyIds.size);
  return bodyIds.size - 1;
}

/** Of what the shapes of a row, and their keys, are made: rows with equal texts have equal ones. */
export const shapesText = ({ opcode, operands, body, width, only, sizes, usesStack, ends, repeats }: Row): string =>
  [opcode, operands, bodyId(body), width, only, sizes, usesStack, ends, repeats].join();

export interface VariantChoice {
  readonly operandSize: Width;
  readonly form: 'register' | 'memory';
  readonly stack: StackShape;
}

/** The shape of `row` for one operand size, r/m form and stack. */
export function variantOf(row: Row, { operandSize, form, stack }: VariantChoice): Variant {
  const fields: RecordField[] = ['r1', 'r2', 'r3'];
  const nextField = (): RecordField => {
    const field = fields.shift();
    if (!field) throw new RangeError(`Cannot place operands of "${row.name}": more than three registers`);
    return field;
  };
  const codes = parseOperands(row.operands);
  const isVex = row.opcode.startsWith('VEX.');
  const context = { operandSize, isMemory: form === 'memory', isVex };
  const operands = codes.map((code) => resolve(code, context, nextField));
  if (row.repeats) operands.push({ kind: 'immediate', access: 'read', width: 32, encoding: 'form' });
  const width = row.width ?? bodyWidth(codes, operandSize);
  const shape: Shape = { width, code: stack === 'rsp' ? 64 : 32, stack };
  const shown = operands.map((o) => JSON.stringify(o)).join('');
  const stackKey = row.usesStack ? stack : '';
  return { row, shape, operands, key: `${bodyId(row.body)}:${width}:${stackKey}:${row.ends ?? ''}:${shown}` };
}

function bodyWidth(codes: readonly Code[], operandSize: Width): Width {
  if (codes.some((code) => code.letter === 'K')) return operandSize;
  const general = codes.filter((code) => !'SCKkBTVWUXPQHhl'.includes(code.letter));
  const sized = general.find((code) => 'vzy'.includes(code.size) && code.size !== '');
  if (sized) return sized.size === 'y' ? widthOf('y', operandSize) : operandSize;
  const first = general.find((code) => !'IJ'.includes(code.letter));
  return first ? widthOf(first.size, operandSize) : operandSize;
}

/** Operand sizes that a row has with this stack shape (64-bit mode has the `rsp` shape). */
export function operandSizesOf(row: Row, stack: StackShape): readonly Width[] {
  if (stack !== 'rsp') return [16, 32];
  if (row.sizes === 'branch') return [64];
  return row.sizes === 'stack' ? [16, 64] : [16, 32, 64];
}
