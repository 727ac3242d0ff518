/** Every form of every instruction, as the definitions have them: what the coverage report counts. */
import { type Candidate, type Variant, x86Families, x86OpcodeMaps } from '../../cpu/isa/x86/index.ts';
import type { Row } from '../../cpu/isa/x86/row.ts';
import { stackShapes } from '../../cpu/isa/x86/variant.ts';
import { type ExecutionMode, modesOf } from './modes.ts';

/** A definition in one shape: what an engine has a handler for, in one of the modes where it means something else. */
export interface Form {
  readonly id: string;
  readonly family: string;
  readonly row: Row;
  /** Absent: it means the same in all modes. */
  readonly mode: ExecutionMode | undefined;
}

const variantsPerStack = 6;
const [size16, size32] = [0, 2];

/**
 * Whether code can have this operand size: a mandatory prefix of 66 is no operand-size prefix, and NP allows none, so
 * with either 64-bit code has no 16 bits, and a legacy code segment only its own size.
 */
function isReachable({ prefix, row }: Candidate, index: number): boolean {
  const size = (index % variantsPerStack) & ~1;
  const isLong = index < variantsPerStack;
  if (prefix !== '66' && prefix !== 'NP') return true;
  if (isLong) return size !== size16 || row.sizes !== undefined;
  return size === size16 || size === size32;
}

/** How a variant is told from the others of its row. */
function describeVariant({ shape, operands }: Variant, stack: string): string {
  const shown = operands.map((operand) => {
    switch (operand.kind) {
      case 'memory':
        return `m${operand.type}`;
      case 'register':
        return `r${operand.width}`;
      case 'vector':
        return operand.type === 'v128' ? 'xmm' : `xmm.${operand.type}`;
      case 'immediate':
        return operand.encoding === 'form' ? '' : `imm${operand.width}`;
      case 'address':
        return operand.isLinear ? `m:${operand.bytes}` : 'address';
      default:
        return operand.kind;
    }
  });
  return [shape.width, shown.filter((text) => text !== '').join(','), stack].filter((text) => text !== '').join(' ');
}

/** Operand size prefixes and REX.W change nothing of these (SDM 2, by mnemonic). */
const sizeless = new Set(
  (
    'nop pause ud0 ud1 ud2 cmc clc stc cld std cli sti clac stac sahf lahf salc int3 int1 into hlt clts invd wbinvd ' +
    'swapgs syscall sysenter cpuid rdtsc rdtscp rdpmc rdmsr wrmsr vmcall vmmcall xgetbv xsetbv'
  ).split(' '),
);

const keyOf = ({ opcode, operands, only, name }: Row, variant: Variant, mode: ExecutionMode | undefined): string =>
  [opcode, operands, only, name, variant.key, mode].join('|');

const byKey = new Map<string, Form>();

/** The forms of a row; the variants that are the same one lead to it. */
function formsOfCandidate(family: string, candidate: Candidate): Form[] {
  const { row } = candidate;
  const found = new Map<string, Form>();
  for (const [index, variant] of candidate.variants.entries()) {
    if (!variant || !isReachable(candidate, index)) continue;
    const stack = stackShapes[Math.floor(index / variantsPerStack)] ?? 'rsp';
    const isSizeless = sizeless.has(row.name);
    for (const mode of modesOf(row, stack)) {
      const meaning = `${isSizeless ? '' : variant.key} ${mode ?? ''}`;
      const text = isSizeless ? '' : describeVariant(variant, row.usesStack ? stack : '');
      const id = [row.name, `(${row.opcode})`, text, row.only ?? '', mode ?? '']
        .filter((part) => part !== '')
        .join(' ');
      const form = found.get(meaning) ?? { id, family, row, mode };
      found.set(meaning, form);
      byKey.set(keyOf(row, variant, mode), form);
    }
  }
  return [...found.values()];
}

function allForms(): Form[] {
  const candidates = new Map<Row, Candidate>();
  for (const map of Object.values(x86OpcodeMaps)) for (const each of map.flat()) candidates.set(each.row, each);
  return Object.entries(x86Families).flatMap(([family, rows]) =>
    rows.flatMap((row) => {
      const candidate = candidates.get(row);
      return candidate ? formsOfCandidate(family, candidate) : [];
    }),
  );
}

export const forms: readonly Form[] = allForms();

/** The form that a decoded instruction has in a mode. */
export const formOf = (variant: Variant, mode: ExecutionMode): Form | undefined =>
  byKey.get(keyOf(variant.row, variant, undefined)) ?? byKey.get(keyOf(variant.row, variant, mode));
