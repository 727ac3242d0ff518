import type { Val, WasmEmitter, Width } from '../index.ts';
import { flagsOf } from './arithmetic-flags.ts';
import type { FlagOrigin, FlagVals } from './target.ts';

/**
 * The forms that flags may have, as numbers. From `firstOrigin` on a number stands for what the flags came from: its
 * operands are kept, and nothing is computed before something asks for a flag.
 */
export const flagForm = {
  /** Three words (see flags.ts). */
  words: 0,
  firstOrigin: 2,
} as const;
export type FlagForm = number;

const kinds: readonly FlagOrigin['kind'][] = ['sum', 'difference', 'logic', 'increment', 'decrement'];
const widths: readonly Width[] = [8, 16, 32, 64];

export const originForm = ({ kind, width }: Pick<FlagOrigin, 'kind' | 'width'>): FlagForm =>
  flagForm.firstOrigin + kinds.indexOf(kind) * widths.length + widths.indexOf(width);

export const originForms: readonly FlagForm[] = kinds.flatMap((kind) =>
  widths.map((width) => originForm({ kind, width })),
);

/** Forms of 64-bit operations end with these bits, counted from `firstOrigin`. */
export const wideFormBits = widths.length - 1;
/** INC and DEC keep CF (an i64, 0 or 1) where the others keep their second operand. */
export const firstCarryForm: FlagForm = originForm({ kind: 'increment', width: 8 });

export function originOfForm(form: FlagForm): Pick<FlagOrigin, 'kind' | 'width'> {
  const at = form - flagForm.firstOrigin;
  const [kind, width] = [kinds[Math.floor(at / widths.length)], widths[at % widths.length]];
  if (kind === undefined || width === undefined) throw new RangeError(`Cannot tell flags: there is no form ${form}`);
  return { kind, width };
}

/** The operands of an origin: of the width's Wasm type; `carry` is an i64. */
export interface FlagOperands {
  a(width: Width): Val;
  b(width: Width): Val;
  carry(): Val;
}

export function flagsOfForm(e: WasmEmitter, form: FlagForm, operands: FlagOperands): FlagVals {
  const { kind, width } = originOfForm(form);
  switch (kind) {
    case 'logic':
      return flagsOf(e, { kind, width, result: operands.a(width) });
    case 'sum':
    case 'difference':
      return flagsOf(e, { kind, width, a: operands.a(width), b: operands.b(width) });
    default:
      return flagsOf(e, { kind, width, result: operands.a(width), carry: operands.carry() });
  }
}
