import type { Region, RegionBlock } from './region.ts';
import { tameVectorsOf } from './tame-flow.ts';
import { noTameVectors, type TameVectors } from './tame-vectors.ts';
import { type FormSet, memoryForms, type RegisterSet, type Touches, wordForms } from './touches.ts';

/** What holds where a basic block begins, whatever way led there. */
export interface BlockFacts {
  /** Registers that are read before they are replaced. */
  readonly live: RegisterSet;
  /** Registers whose locals may be newer than memory. */
  readonly dirty: RegisterSet;
  readonly readsFlags: boolean;
  /** Forms that the flags may have. */
  readonly forms: FormSet;
  /** Vectors that need no test for denormals. */
  readonly tame: TameVectors;
}

/** A block's own part. A barrier, a call of a helper, has everything go through memory. */
interface Summary {
  readonly exposed: RegisterSet;
  readonly replaced: RegisterSet;
  readonly written: RegisterSet;
  readonly exposesFlags: boolean;
  readonly replacesFlags: boolean;
  readonly hasBarrier: boolean;
  readonly forms: FormSet;
  readonly replacesForm: boolean;
}

/** `touches`: of the instructions of each block. */
export function factsOf(region: Region, touches: readonly (readonly Touches[])[]): readonly BlockFacts[] {
  const { blocks } = region;
  const tame = tameVectorsOf(region);
  const summaries = blocks.map((_, i) => summarize(touches[i] ?? []));
  const facts: MutableFacts[] = blocks.map((_, i) => ({
    live: 0,
    dirty: 0,
    readsFlags: false,
    forms: 0,
    tame: tame[i] ?? noTameVectors,
  }));
  if (facts[0]) facts[0].forms = memoryForms;
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (let i = blocks.length - 1; i >= 0; i--) {
      const block = blocks[i] as RegionBlock;
      const own = summaries[i] as Summary;
      const here = facts[i] as MutableFacts;
      if (block.targets) isChanged = joinTargets(block.targets, i, facts) || isChanged;
      let { live, readsFlags } = { live: here.live | own.exposed, readsFlags: here.readsFlags || own.exposesFlags };
      for (const { to, isBehindCall } of edgesOf(block)) {
        const there = facts[to] as MutableFacts;
        if (!own.hasBarrier && !isBehindCall) {
          live |= there.live & ~own.replaced;
          readsFlags ||= there.readsFlags && !own.replacesFlags;
        }
        isChanged = arrive(there, isBehindCall ? afterCall : after(own, here)) || isChanged;
      }
      isChanged ||= live !== here.live || readsFlags !== here.readsFlags;
      here.live = live;
      here.readsFlags = readsFlags;
    }
  }
  return facts;
}

/** Where the flow goes on; what is behind a call of guest code finds everything in memory. */
function edgesOf({ flow, taken, next, inlined = [] }: RegionBlock): { to: number; isBehindCall: boolean }[] {
  const isBehindCall = flow === 'call';
  const edges = inlined.map(({ entry }) => ({ to: entry, isBehindCall: false }));
  for (const to of [taken, next]) if (to !== undefined) edges.push({ to, isBehindCall });
  return edges;
}

type Leaving = Pick<BlockFacts, 'dirty' | 'forms'>;

const afterCall: Leaving = { dirty: 0, forms: memoryForms };

const after = (own: Summary, here: Leaving): Leaving => ({
  dirty: own.written | (own.hasBarrier ? 0 : here.dirty),
  forms: own.forms | (own.replacesForm ? 0 : here.forms),
});

/** Whether that was news. */
function arrive(there: MutableFacts, leaving: Leaving): boolean {
  const dirty = there.dirty | leaving.dirty;
  const forms = there.forms | leaving.forms | (there.readsFlags ? wordForms : 0);
  const isNews = dirty !== there.dirty || forms !== there.forms;
  there.dirty = dirty;
  there.forms = forms;
  return isNews;
}

type MutableFacts = { -readonly [Key in keyof BlockFacts]: BlockFacts[Key] };

/** A dispatching block and its targets begin with the same in locals: nothing is to be done between them. */
function joinTargets(targets: readonly number[], dispatch: number, facts: readonly MutableFacts[]): boolean {
  const all = [dispatch, ...targets].map((i) => facts[i] as MutableFacts);
  const dirty = all.reduce((set, one) => set | one.dirty, 0);
  const live = all.reduce((set, one) => set | one.live, 0);
  const readsFlags = all.some((one) => one.readsFlags);
  const forms = all.reduce((set, one) => set | one.forms, readsFlags ? wordForms : 0);
  let isChanged = false;
  for (const one of all) {
    isChanged ||= one.dirty !== dirty || one.live !== live || one.readsFlags !== readsFlags || one.forms !== forms;
    Object.assign(one, { dirty, live, readsFlags, forms });
  }
  return isChanged;
}

function summarize(touches: readonly Touches[]): Summary {
  let [exposed, replaced, written] = [0, 0, 0];
  let [exposesFlags, replacesFlags, hasBarrier] = [false, false, false];
  let [forms, replacesForm]: [FormSet, boolean] = [0, false];
  for (const one of touches) {
    if (!hasBarrier) {
      exposed |= one.reads & ~replaced;
      exposesFlags ||= one.readsFlags && !replacesFlags;
    }
    if (one.isBarrier) {
      hasBarrier = true;
      written = 0;
    }
    if (one.replacesForm) [forms, replacesForm] = [0, true];
    forms |= one.flagForms;
    replaced |= one.replaces;
    replacesFlags ||= one.replacesFlags;
    written |= one.writes;
  }
  return { exposed, replaced, written, exposesFlags, replacesFlags, hasBarrier, forms, replacesForm };
}
