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

/** Handlers of variants, by the variants' keys. */
class Handlers {
  readonly keys: readonly string[];
  readonly #byKey: ReadonlyMap<string, number>;
  readonly #byVariant = new Map<Variant, number>();

  constructor(keys: readonly string[], first: number) {
    this.keys = keys;
    this.#byKey = new Map(keys.map((key, i) => [key, first + i]));
  }

  indexOf(variant: Variant): number | undefined {
    const known = this.#byVariant.get(variant);
    if (known !== undefined) return known;
    const index = this.#byKey.get(variant.key);
    if (index !== undefined) this.#byVariant.set(variant, index);
    return index;
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
  readonly #plain: Handlers;
  #further: Handlers | undefined;

  /**
   * `functions`: how many the function table has between the handlers and the further ones. `keys`: of the handlers but for
   * the further ones, where they are known; making all variants takes some time.
   */
  constructor(functions: number, keys = keysOf(handlerVariants())) {
    this.#plain = new Handlers(keys, specialHandlers.length);
    this.firstFurther = this.size + functions;
    this.firstRegion = this.firstFurther + furtherSlots;
  }

  /** Handlers but for the further ones. */
  get size(): number {
    return specialHandlers.length + this.#plain.keys.length;
  }

  /** Function table index of a variant's handler. */
  indexOf(variant: Variant): number {
    const index = (isVex(variant) ? this.#furtherHandlers : this.#plain).indexOf(variant);
    if (index === undefined) throw new RangeError(`Cannot find handler: "${variant.row.name}" is not in the tables`);
    return index;
  }

  get #furtherHandlers(): Handlers {
    this.#further ??= new Handlers(keysOf(furtherVariants()), this.firstFurther);
    return this.#further;
  }
}

/** One variant for each handler that the interpreter has from the start. */
export const handlerVariants = (): Variant[] => distinct(variantsOf(false));

/** The same of the further ones. */
export function furtherVariants(): Variant[] {
  const variants = distinct(variantsOf(true));
  if (variants.length <= furtherSlots) return variants;
  throw new RangeError(`Cannot place ${variants.length} further handlers: there is room for ${furtherSlots}`);
}

export const keysOf = (variants: readonly Variant[]): string[] => variants.map(({ key }) => key);

/** The first one of each key. */
function distinct(variants: Iterable<Variant>): Variant[] {
  const byKey = new Map<string, Variant>();
  for (const variant of variants) if (!byKey.has(variant.key)) byKey.set(variant.key, variant);
  return [...byKey.values()];
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
