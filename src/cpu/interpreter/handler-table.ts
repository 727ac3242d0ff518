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

/** Places for further handlers: more than there are. */
const furtherSlots = 2048;

/** Variants that have a handler of their own, and where that is. */
class Handlers {
  readonly variants: readonly Variant[];
  readonly indexOf = new Map<Variant, number>();

  constructor(all: Iterable<Variant>, first: number) {
    const byKey = new Map<string, number>();
    const variants: Variant[] = [];
    for (const variant of all) {
      let index = byKey.get(variant.key);
      if (index === undefined) {
        index = first + variants.length;
        byKey.set(variant.key, index);
        variants.push(variant);
      }
      this.indexOf.set(variant, index);
    }
    this.variants = variants;
  }
}

/**
 * One handler for each distinct variant of the instruction tables. Further ones, of instructions with a VEX prefix, are nearly
 * half as many again: they are made when a guest uses the first of them.
 */
export class HandlerTable {
  /** Index of the first further handler, and of what comes behind them. */
  readonly firstFurther: number;
  readonly firstRegion: number;
  readonly #plain = new Handlers(variantsOf(false), specialHandlers.length);
  #further: Handlers | undefined;

  /** `functions`: how many the function table has between the handlers and the further ones. */
  constructor(functions: number) {
    this.firstFurther = this.size + functions;
    this.firstRegion = this.firstFurther + furtherSlots;
  }

  get variants(): readonly Variant[] {
    return this.#plain.variants;
  }

  get furtherVariants(): readonly Variant[] {
    return this.#furtherHandlers.variants;
  }

  get #furtherHandlers(): Handlers {
    if (!this.#further) {
      this.#further = new Handlers(variantsOf(true), this.firstFurther);
      const count = this.#further.variants.length;
      if (count > furtherSlots)
        throw new RangeError(`Cannot place ${count} further handlers: there is room for ${furtherSlots}`);
    }
    return this.#further;
  }

  /** Handlers but for the further ones. */
  get size(): number {
    return specialHandlers.length + this.variants.length;
  }

  /** Function table index of a variant's handler. */
  indexOf(variant: Variant): number {
    const isFurther = isVex(variant);
    const { indexOf } = isFurther ? this.#furtherHandlers : this.#plain;
    const index = indexOf.get(variant);
    if (index === undefined) throw new RangeError(`Cannot find handler: "${variant.row.name}" is not in the tables`);
    return index;
  }
}

const isVex = ({ row }: Pick<Variant, 'row'>): boolean => row.opcode.startsWith('VEX.');

function* variantsOf(areFurther: boolean): Generator<Variant> {
  const maps: readonly OpcodeMap[] = Object.values(x86OpcodeMaps);
  const candidates = new Set<Candidate>(maps.flat(2));
  for (const candidate of candidates) {
    if (isVex(candidate) !== areFurther) continue;
    for (const variant of candidate.variants) if (variant) yield variant;
  }
}
