/** XMM registers whose elements need no test for denormals (`X86Target.isTame`): sets of registers, by elements. */
import type { FloatElements, MemoryType } from '../isa/x86/index.ts';

export type TameVectors = Readonly<Record<FloatElements, number>>;
export const noTameVectors: TameVectors = { ss: 0, sd: 0, ps: 0, pd: 0 };

/** The first element of a tame vector is tame. */
const first = { ps: 'ss', pd: 'sd', ss: 'ss', sd: 'sd' } as const satisfies Record<FloatElements, FloatElements>;

export function withTame(tame: TameVectors, number: number, elements: FloatElements): TameVectors {
  const bit = 1 << number;
  const one = first[elements];
  return { ...tame, [elements]: tame[elements] | bit, [one]: tame[one] | bit };
}

interface VectorWrite {
  readonly number: number;
  readonly type: MemoryType;
  /** What is tame of the value. */
  readonly elements: FloatElements | undefined;
  /** The register that the value was, as a whole. */
  readonly source: number | undefined;
}

/** A write of one element leaves what is above it. */
export function tameAfterWrite(tame: TameVectors, { number, type, elements, source }: VectorWrite): TameVectors {
  const bit = 1 << number;
  const without: TameVectors = {
    ss: tame.ss & ~bit,
    sd: tame.sd & ~bit,
    ps: tame.ps & ~bit,
    pd: tame.pd & ~bit,
  };
  if (type === 'v128' && source !== undefined) {
    const copied = (set: number): number => ((set >> source) & 1) << number;
    return {
      ss: without.ss | copied(tame.ss),
      sd: without.sd | copied(tame.sd),
      ps: without.ps | copied(tame.ps),
      pd: without.pd | copied(tame.pd),
    };
  }
  if (elements === undefined) return without;
  const vector = elements === 'sd' ? 'pd' : elements === 'ss' ? 'ps' : undefined;
  const keepsVector = vector !== undefined && type !== 'v128' && (tame[vector] & bit) !== 0;
  return withTame(without, number, keepsVector ? vector : elements);
}

export const includesTame = (all: TameVectors, some: TameVectors): boolean =>
  ((some.ss & ~all.ss) | (some.sd & ~all.sd) | (some.ps & ~all.ps) | (some.pd & ~all.pd)) === 0;
