/** VEX forms of SSE instructions, made from their rows: three operands, and bodies applied to each half of 256 bits (SDM 1, 14.1). */
import type { Val, WasmEmitter } from '../../index.ts';
import { layout } from '../layout.ts';
import { exceptionMasks } from '../mxcsr.ts';
import { type Row, type RowOptions, row } from '../row.ts';
import type { Body, BodyResult, FloatElements, X86Target } from '../target.ts';
import { parseOperands } from '../variant.ts';

export type VexLength = 128 | 256 | 'LIG';

/** A row of the AVX unit. `opcode` begins with the fields of its VEX prefix. */
export function avxRow(opcode: string, name: string, operands: string, body: Body, options: RowOptions = {}): Row {
  // The lengths of strings are in general registers that no operand names.
  const hasWidth = /[A-Z]y/.test(operands) || /^vpcmpestr/.test(name);
  return row(opcode, name, operands, body, { unit: 'avx', ...(hasWidth ? {} : { width: 32 }), ...options });
}

const legacyOpcode = /^(NP|66|F2|F3) 0F( 38| 3A)? (.*)$/;

/** The opcode of an SSE row behind a VEX prefix. */
export function vexOpcode({ opcode, name }: Row, length: VexLength, w?: 0 | 1): string {
  const [, prefix, map = '', rest] = legacyOpcode.exec(opcode) ?? [];
  if (prefix === undefined) throw new RangeError(`Cannot give ${name} a VEX prefix: its opcode is "${opcode}"`);
  return `VEX.${length}.${prefix}.0F${map.trim()}${w === undefined ? '' : `.W${w}`} ${rest}`;
}

/** What an operand's size code stands for at the low end of a vector. */
const elements: Readonly<Record<string, { readonly lanes: string; readonly tame: FloatElements | undefined }>> = {
  ss: { lanes: 'f32x4', tame: 'ss' },
  sd: { lanes: 'f64x2', tame: 'sd' },
  d: { lanes: 'i32x4', tame: undefined },
  q: { lanes: 'i64x2', tame: undefined },
};

function elementOf(size: string): { readonly lanes: string; readonly tame: FloatElements | undefined } {
  const element = elements[size];
  if (!element) throw new RangeError(`Cannot merge an element of size "${size}"`);
  return element;
}

/** The low element of a vector, as tame as that is. */
function lowElement(e: WasmEmitter, x: X86Target, size: string, vector: Val): Val {
  const { lanes, tame } = elementOf(size);
  const value = e.lane(`${lanes}.extract_lane`, 0, vector);
  if (tame && x.isTame(vector, tame)) x.noteTame(value, tame);
  return value;
}

function withLowElement(e: WasmEmitter, x: X86Target, size: string, vector: Val, value: Val): Val {
  const { lanes, tame } = elementOf(size);
  const result = e.lane(`${lanes}.replace_lane`, 0, vector, value);
  const whole = tame === 'ss' ? 'ps' : 'pd';
  if (tame && x.isTame(value, tame)) x.noteTame(result, x.isTame(vector, whole) ? whole : tame);
  return result;
}

/** In a scalar form what is above the element comes from the first source. `reads`: the element is a source too. */
const merging =
  (body: Body, size: string, reads: boolean): Body =>
  (e, x, w, ...operands) => {
    const [first, ...rest] = operands as [Val, ...Val[]];
    const low = reads ? [lowElement(e, x, size, first)] : [];
    const value = body(e, x, w, ...low, ...rest) as Val;
    if (reads && elementOf(size).tame) x.noteTame(first, elementOf(size).tame as FloatElements);
    return withLowElement(e, x, size, first, value);
  };

/** Memory operands need no alignment, but where the instruction moves aligned vectors. */
const unaligned = (operands: readonly string[], isAligned: boolean): string[] =>
  operands.map((operand) => (isAligned ? operand : operand.replace(/^([WM])x/, '$1u')));

export interface Derived {
  readonly operands: string;
  readonly body: Body;
}

/** Operands and body of a row's form of 128 bits, or of one element. `body` replaces the row's own. */
export function deriveNarrow({ operands, body: own, name }: Row, body = own): Derived {
  const isAligned = /^mov(ap|dqa|nt)/.test(name);
  const [first = '', ...rest] = unaligned(operands.split(','), isAligned);
  const [code] = parseOperands(operands);
  if (!code || code.access === 'read') return { operands: [first, ...rest].join(), body };
  const { letter, size, access } = code;
  if (letter === 'U' && access === 'read-write') return { operands: ['hx=,Ux', ...rest].join(), body };
  if (letter !== 'V') return { operands: [first, ...rest].join(), body };
  const isWhole = size === 'x' || size === 'u';
  if (isWhole && access === 'write') return { operands: [first, ...rest].join(), body };
  const merged = isWhole ? body : merging(body, size, access === 'read-write');
  return { operands: ['Vx=', 'hx', ...rest].join(), body: merged };
}

/** Values of operands, one or two for each, with the halves told apart. */
type Halved = Val | readonly [Val, Val];

/** How an instruction of 256 bits takes its operands: `p` a pair of halves, `s` something that both halves use. */
function halved(pattern: string, values: readonly Val[]): Halved[] {
  const rest = [...values];
  return [...pattern].map((kind) => {
    const low = rest.shift() as Val;
    return kind === 'p' ? [low, rest.shift() as Val] : low;
  });
}

const half = (operand: Halved, index: 0 | 1): Val => (Array.isArray(operand) ? operand[index] : operand) as Val;

/** Runs a body on both halves of its operands. `adapt` makes the high half's own of an operand that both use. */
export const byHalves =
  (pattern: string, body: Body, adapt?: (e: WasmEmitter, shared: Val) => Val): Body =>
  (e, x, w, ...values) => {
    const operands = halved(pattern, values);
    const high = operands.map((operand) => {
      const value = half(operand, 1);
      return adapt && !Array.isArray(operand) ? adapt(e, value) : value;
    });
    const low = body(e, x, w, ...operands.map((operand) => half(operand, 0))) as Val;
    return [low, body(e, x, w, ...high) as Val];
  };

/**
 * Exceptions of all elements are reported together. While some are not masked, those of one half must not be reported before
 * the other half is known (SDM 1, 14.5.2): flags are held back.
 */
export const together =
  (body: Body): Body =>
  (e, x, w, ...values) => {
    const masks = e.op('i32.and', x.state('i32', layout.mxcsr), e.i32(exceptionMasks));
    const isUnmasked = e.op('i32.ne', masks, e.i32(exceptionMasks));
    e.when(isUnmasked, () => void x.shared('sse.hold'), undefined, false);
    const results: BodyResult = body(e, x, w, ...values);
    e.when(
      isUnmasked,
      () => {
        const [faulted] = x.shared('sse.release', x.rip());
        x.faultIf(faulted as Val);
      },
      undefined,
      false,
    );
    return results;
  };

/** Operands of a lane-wise form of 256 bits, and the pattern that `byHalves` takes them by. */
export function deriveWide({ operands, name }: Row): { readonly operands: string; readonly pattern: string } {
  const isAligned = /^mov(ap|dqa|nt)/.test(name);
  const codes = parseOperands(operands);
  const wide: string[] = [];
  let pattern = '';
  for (const { letter, access } of codes) {
    const isVector = 'VWUM'.includes(letter);
    const size = isAligned && 'WM'.includes(letter) ? 'qx' : 'qq';
    if (letter === 'V' && access === 'read-write') wide.push('Vqq=', 'hqq');
    else if (letter === 'U' && access === 'read-write') wide.push('hqq=', 'Uqq');
    else if (isVector) wide.push(`${letter}${size}${access === 'write' ? '=' : ''}`);
    else wide.push('Ib');
    if (access !== 'write') pattern += isVector ? 'p' : 's';
  }
  return { operands: wide.join(), pattern };
}
