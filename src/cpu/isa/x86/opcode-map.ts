import type { Width } from '../index.ts';
import type { Row } from './row.ts';
import {
  formsOf,
  hasModrm,
  operandSizesOf,
  parseOperands,
  type StackShape,
  stackShapes,
  usesVexRegister,
  type Variant,
  variantOf,
} from './variant.ts';

export type MandatoryPrefix = 'NP' | '66' | 'F3' | 'F2';

/** A row as the decoder meets it at one opcode. */
export class Candidate {
  readonly row: Row;
  /** What its VEX prefix says; undefined: it has none. */
  readonly vex: VexForm | undefined;
  readonly prefix: MandatoryPrefix | undefined;
  readonly digit: number | undefined;
  /** A whole ModRM byte that must follow. */
  readonly modrm: number | undefined;
  readonly allowsRegister: boolean;
  readonly allowsMemory: boolean;
  readonly hasModrm: boolean;
  readonly #variants: (Variant | undefined)[] = [];

  constructor(row: Row, { vex, prefix, digit, modrm }: Parsed) {
    const codes = parseOperands(row.operands);
    const forms = formsOf(row, codes);
    this.row = row;
    this.vex = vex && { ...vex, usesRegister: usesVexRegister(codes) };
    this.prefix = prefix;
    this.digit = digit;
    this.modrm = modrm;
    this.allowsRegister = forms.includes('register');
    this.allowsMemory = forms.includes('memory');
    this.hasModrm = modrm !== undefined || hasModrm(row, codes);
  }

  /** The shape at `variantIndex`, made when it is asked for: most guests never use most of them. */
  variantAt(index: number): Variant | undefined {
    this.#variants[index] ??= this.#makeVariant(index);
    return this.#variants[index];
  }

  /** All of its shapes, by `variantIndex`. */
  get variants(): (Variant | undefined)[] {
    return Array.from({ length: stackShapes.length * shapesPerStack }, (_, index) => this.variantAt(index));
  }

  #makeVariant(index: number): Variant | undefined {
    const { row } = this;
    const stack = stackShapes[Math.floor(index / shapesPerStack)] as StackShape;
    const operandSize = operandSizes[(index % shapesPerStack) >> 1] as Width;
    const isMemory = index % 2 === 1;
    if (row.only !== undefined && (row.only === 'mode64') !== (stack === 'rsp')) return undefined;
    if (!operandSizesOf(row, stack).includes(operandSize)) return undefined;
    if (!(isMemory ? this.allowsMemory : this.allowsRegister)) return undefined;
    return variantOf(row, { operandSize, form: isMemory ? 'memory' : 'register', stack });
  }
}

/** Fields of a VEX prefix that an instruction fixes (SDM 2A, 2.3.5 and 3.1.1.2). Undefined: any value. */
export interface VexForm {
  readonly length: 128 | 256 | undefined;
  readonly isWide: boolean | undefined;
  /** VEX.vvvv names an operand; else it must be 1111b. */
  readonly usesRegister: boolean;
}

/** Those with VEX have the escape bytes in their prefix. */
export type OpcodeMapName = '' | '0F' | '0F38' | '0F3A' | 'VEX.0F' | 'VEX.0F38' | 'VEX.0F3A';
export type OpcodeMap = readonly (readonly Candidate[])[];

const operandSizes: readonly Width[] = [16, 32, 64];
/** Each operand size as a register and as a memory form. */
const shapesPerStack = 6;

/** Where a candidate has its shape for a stack shape, an operand size and a form. */
export const variantIndex = (stack: number, size: Width, isMemory: boolean): number =>
  stack * shapesPerStack + (size === 16 ? 0 : size === 32 ? 2 : 4) + Number(isMemory);

interface Parsed {
  readonly vex: Omit<VexForm, 'usesRegister'> | undefined;
  readonly map: OpcodeMapName;
  readonly bytes: readonly number[];
  readonly prefix: MandatoryPrefix | undefined;
  readonly digit: number | undefined;
  readonly modrm: number | undefined;
}

/** Takes the escape bytes off the front. */
function takeMap(bytes: string[]): OpcodeMapName {
  if (bytes[0] !== '0F') return '';
  const second = bytes[1];
  const map = second === '38' || second === '3A' ? (`0F${second}` as const) : '0F';
  bytes.splice(0, map === '0F' ? 1 : 2);
  return map;
}

const vexLengths = { LZ: 128, '128': 128, '256': 256, LIG: undefined } as const;

/** "VEX.128.66.0F38.W0": length, mandatory prefix, map and, when it matters, W. */
function parseVex(
  text: string,
): (Pick<Parsed, 'vex'> & { readonly prefix: MandatoryPrefix; readonly map: OpcodeMapName }) | undefined {
  if (!text.startsWith('VEX.')) return undefined;
  const [, length, prefix, map, w] = text.split('.');
  return {
    vex: { length: vexLengths[length as keyof typeof vexLengths], isWide: w === undefined ? undefined : w === 'W1' },
    prefix: prefix as MandatoryPrefix,
    map: `VEX.${map}` as OpcodeMapName,
  };
}

const mandatoryPrefixes: readonly string[] = ['NP', '66', 'F3', 'F2'];

function parseOpcode(text: string): Parsed {
  const tokens = text.split(' ');
  const vex = parseVex(tokens[0] ?? '');
  if (vex) tokens.shift();
  const isPrefix = tokens.length > 1 && mandatoryPrefixes.includes(tokens[0] ?? '');
  const prefix = vex?.prefix ?? (isPrefix ? (tokens.shift() as MandatoryPrefix) : undefined);
  const slash = tokens.find((token) => token.startsWith('/'));
  const digit = slash === undefined ? undefined : Number(slash.slice(1));
  const bytes = tokens.filter((token) => !token.startsWith('/'));
  const map = vex?.map ?? takeMap(bytes);
  const [first = '', modrm] = bytes;
  const opcode = Number.parseInt(first, 16);
  const isRange = first.endsWith('+r');
  const opcodes = isRange ? Array.from({ length: 8 }, (_, i) => opcode + i) : [opcode];
  const whole = modrm === undefined ? undefined : Number.parseInt(modrm, 16);
  return { map, bytes: opcodes, prefix, digit, modrm: whole, vex: vex?.vex };
}

/** The opcode maps of these rows. Throws RangeError when two rows claim the same encoding. */
export function buildOpcodeMaps(rows: readonly Row[]): Readonly<Record<OpcodeMapName, OpcodeMap>> {
  const empty = (): Candidate[][] => Array.from({ length: 256 }, () => []);
  const maps = {
    '': empty(),
    '0F': empty(),
    '0F38': empty(),
    '0F3A': empty(),
    'VEX.0F': empty(),
    'VEX.0F38': empty(),
    'VEX.0F3A': empty(),
  };
  for (const row of rows) {
    const parsed = parseOpcode(row.opcode);
    const candidate = new Candidate(row, parsed);
    for (const byte of parsed.bytes) add(maps[parsed.map][byte] ?? [], candidate);
  }
  return maps;
}

function add(list: Candidate[], candidate: Candidate): void {
  const clash = list.find((other) => overlaps(other, candidate));
  if (clash) {
    const [a, b] = [clash.row, candidate.row];
    throw new RangeError(`Cannot define ${b.opcode} ${b.name}: ${a.opcode} ${a.name} has the same encoding`);
  }
  // A whole ModRM byte is more specific than a digit, a mandatory prefix than none.
  const weight = (c: Candidate): number => (c.modrm === undefined ? 0 : 2) + (c.prefix === undefined ? 0 : 1);
  list.push(candidate);
  list.sort((a, b) => weight(b) - weight(a));
}

function overlaps(a: Candidate, b: Candidate): boolean {
  if (a.prefix !== b.prefix || a.digit !== b.digit || a.modrm !== b.modrm) return false;
  if (a.row.only && b.row.only && a.row.only !== b.row.only) return false;
  const differ = (p: unknown, q: unknown): boolean => p !== undefined && q !== undefined && p !== q;
  if (differ(a.vex?.length, b.vex?.length) || differ(a.vex?.isWide, b.vex?.isWide)) return false;
  return (a.allowsRegister && b.allowsRegister) || (a.allowsMemory && b.allowsMemory);
}
