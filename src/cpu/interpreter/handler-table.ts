import { type Candidate, type OpcodeMap, type Variant, x86OpcodeMaps } from '../isa/x86/index.ts';

/** Handlers besides those of instruction variants, in table order from 0. */
export const specialHandlers = [
  /** Raises vector r1; displacement: error code or -1. */
  'fault',
  /** End of a block that was cut short. */
  'continue',
  /** The block was dropped: look its code up again. */
  'resynchronize',
  /** Checks that the next page is still the one that a page-crossing instruction was decoded from. */
  'crossing',
  /** Address temporary = base + index << scale + displacement, wrapped to the mode, plus a segment base. */
  'address',
  /** The same, wrapped to 32 bits. */
  'address32',
  /** The same, wrapped to 16 bits. */
  'address16',
  /** The same with a segment's limit and rights checked. */
  'addressSegment',
  /** Address temporary = 64-bit immediate plus a segment base. */
  'addressDirect',
  /** Counts how often its block is entered: the immediate is what is left. */
  'count',
] as const;
export type SpecialHandler = (typeof specialHandlers)[number];

export const specialIndex = (name: SpecialHandler): number => specialHandlers.indexOf(name);

/** One handler for each distinct variant of the instruction tables. */
export class HandlerTable {
  readonly variants: readonly Variant[];
  readonly #indexOf = new Map<Variant, number>();

  constructor() {
    const byKey = new Map<string, number>();
    const variants: Variant[] = [];
    for (const variant of allVariants()) {
      let index = byKey.get(variant.key);
      if (index === undefined) {
        index = specialHandlers.length + variants.length;
        byKey.set(variant.key, index);
        variants.push(variant);
      }
      this.#indexOf.set(variant, index);
    }
    this.variants = variants;
  }

  /** Handlers in all. */
  get size(): number {
    return specialHandlers.length + this.variants.length;
  }

  /** Function table index of a variant's handler. */
  indexOf(variant: Variant): number {
    const index = this.#indexOf.get(variant);
    if (index === undefined) throw new RangeError(`Cannot find handler: "${variant.row.name}" is not in the tables`);
    return index;
  }
}

function* allVariants(): Generator<Variant> {
  const maps: readonly OpcodeMap[] = Object.values(x86OpcodeMaps);
  const candidates = new Set<Candidate>(maps.flat(2));
  for (const candidate of candidates) {
    for (const variant of candidate.variants) if (variant) yield variant;
  }
}
