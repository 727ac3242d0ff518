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
  readonly variant: Variant;
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

function* formsOfCandidate(family: string, candidate: Candidate): Generator<Form> {
  const { row } = candidate;
  const seen = new Set<string>();
  for (const [index, variant] of candidate.variants.entries()) {
    if (!variant || !isReachable(candidate, index)) continue;
    const stack = stackShapes[Math.floor(index / variantsPerStack)] ?? 'rsp';
    for (const mode of modesOf(row, stack)) {
      const key = `${variant.key} ${mode ?? ''}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const text = describeVariant(variant, row.usesStack ? stack : '');
      const id = [row.name, `(${row.opcode})`, text, row.only ?? '', mode ?? '']
        .filter((part) => part !== '')
        .join(' ');
      yield { id, family, row, variant, mode };
    }
  }
}

function* allForms(): Generator<Form> {
  const candidates = new Map<Row, Candidate>();
  for (const map of Object.values(x86OpcodeMaps)) for (const each of map.flat()) candidates.set(each.row, each);
  for (const [family, rows] of Object.entries(x86Families)) {
    for (const row of rows) {
      const candidate = candidates.get(row);
      if (candidate) yield* formsOfCandidate(family, candidate);
    }
  }
}

export const forms: readonly Form[] = [...allForms()];

const byVariant = new Map<string, Form>();
const keyOf = (row: Row, variant: Variant, mode: ExecutionMode | undefined): string =>
  `${row.opcode}|${row.operands}|${row.only ?? ''}|${row.name}|${variant.key}|${mode ?? ''}`;
for (const form of forms) byVariant.set(keyOf(form.row, form.variant, form.mode), form);

/** The form that a decoded instruction has in a mode. */
export const formOf = (variant: Variant, mode: ExecutionMode): Form | undefined =>
  byVariant.get(keyOf(variant.row, variant, undefined)) ?? byVariant.get(keyOf(variant.row, variant, mode));
