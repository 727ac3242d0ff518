import type { Width } from '../index.ts';
import type { Row } from './row.ts';
import { formsOf, hasModrm, operandSizesOf, type StackShape, stackShapes, type Variant, variantOf } from './variant.ts';

export type MandatoryPrefix = 'NP' | '66' | 'F3' | 'F2';

/** A row as the decoder meets it at one opcode. */
export interface Candidate {
  readonly row: Row;
  readonly prefix: MandatoryPrefix | undefined;
  readonly digit: number | undefined;
  /** A whole ModRM byte that must follow. */
  readonly modrm: number | undefined;
  readonly allowsRegister: boolean;
  readonly allowsMemory: boolean;
  readonly hasModrm: boolean;
  /** By stack shape, then operand size (16, 32, 64), then form (register, memory). */
  readonly variants: readonly (Variant | undefined)[];
}

export type OpcodeMapName = '' | '0F' | '0F38' | '0F3A';
export type OpcodeMap = readonly (readonly Candidate[])[];

export const variantIndex = (stack: number, size: Width, isMemory: boolean): number =>
  stack * 6 + (size === 16 ? 0 : size === 32 ? 2 : 4) + Number(isMemory);

interface Parsed {
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

function parseOpcode(text: string): Parsed {
  const tokens = text.split(' ');
  const isPrefix = /^(NP|F3|F2|66)$/.test(tokens[0] ?? '') && tokens.length > 1;
  const prefix = isPrefix ? (tokens.shift() as MandatoryPrefix) : undefined;
  const slash = tokens.find((token) => token.startsWith('/'));
  const digit = slash === undefined ? undefined : Number(slash.slice(1));
  const bytes = tokens.filter((token) => !token.startsWith('/'));
  const map = takeMap(bytes);
  const [first = '', modrm] = bytes;
  const opcode = Number.parseInt(first, 16);
  const isRange = first.endsWith('+r');
  const opcodes = isRange ? Array.from({ length: 8 }, (_, i) => opcode + i) : [opcode];
  return { map, bytes: opcodes, prefix, digit, modrm: modrm === undefined ? undefined : Number.parseInt(modrm, 16) };
}

function* stackShapesOf(row: Row): Generator<StackShape> {
  for (const stack of stackShapes) {
    if (row.only === 'mode64' && stack !== 'rsp') continue;
    if (row.only === 'legacy' && stack === 'rsp') continue;
    yield stack;
  }
}

function variantsOf(row: Row): (Variant | undefined)[] {
  const variants: (Variant | undefined)[] = new Array(18).fill(undefined);
  for (const stack of stackShapesOf(row)) {
    for (const operandSize of operandSizesOf(row, stack)) {
      for (const form of formsOf(row)) {
        const index = variantIndex(stackShapes.indexOf(stack), operandSize, form === 'memory');
        variants[index] = variantOf(row, { operandSize, form, stack });
      }
    }
  }
  return variants;
}

/** The opcode maps of these rows. Throws RangeError when two rows claim the same encoding. */
export function buildOpcodeMaps(rows: readonly Row[]): Readonly<Record<OpcodeMapName, OpcodeMap>> {
  const empty = (): Candidate[][] => Array.from({ length: 256 }, () => []);
  const maps = { '': empty(), '0F': empty(), '0F38': empty(), '0F3A': empty() };
  for (const row of rows) {
    const parsed = parseOpcode(row.opcode);
    const forms = formsOf(row);
    const candidate: Candidate = {
      row,
      prefix: parsed.prefix,
      digit: parsed.digit,
      modrm: parsed.modrm,
      allowsRegister: forms.includes('register'),
      allowsMemory: forms.includes('memory'),
      hasModrm: hasModrm(row) || parsed.modrm !== undefined,
      variants: variantsOf(row),
    };
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
  return (a.allowsRegister && b.allowsRegister) || (a.allowsMemory && b.allowsMemory);
}
