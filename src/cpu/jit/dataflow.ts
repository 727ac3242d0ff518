import type { Region } from './region.ts';
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
}

/** A block's own part. A barrier, a call of a helper or of guest code, has everything go through memory. */
interface Summary {
  readonly exposed: RegisterSet;
  readonly replaced: RegisterSet;
  readonly written: RegisterSet;
  readonly exposesFlags: boolean;
  readonly replacesFlags: boolean;
  readonly hasBarrier: boolean;
  /** As `hasBarrier`, where the callee is in the region. */
  readonly hasHelper: boolean;
  readonly isCall: boolean;
  readonly forms: FormSet;
  readonly replacesForm: boolean;
}

/** `touches`: of the instructions of each block. */
export function factsOf({ blocks }: Region, touches: readonly (readonly Touches[])[]): readonly BlockFacts[] {
  const summaries = blocks.map((block, i) => summarize(touches[i] ?? [], block.flow === 'call'));
  const facts: MutableFacts[] = blocks.map(() => ({ live: 0, dirty: 0, readsFlags: false, forms: 0 }));
  if (facts[0]) facts[0].forms = memoryForms;
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (let i = blocks.length - 1; i >= 0; i--) {
      const block = blocks[i] as Region['blocks'][number];
      const own = summaries[i] as Summary;
      const here = facts[i] as MutableFacts;
      let { live, readsFlags } = { live: own.exposed, readsFlags: own.exposesFlags };
      const formsOut = formsBehind(own, here);
      const dirtyOut = own.isCall ? 0 : own.written | (own.hasBarrier ? 0 : here.dirty);
      if (block.targets) isChanged = joinTargets(block.targets, i, facts) || isChanged;
      for (const { entry } of block.inlined ?? []) {
        const to = facts[entry] as MutableFacts;
        if (!own.hasHelper) {
          live |= to.live & ~own.replaced;
          readsFlags ||= to.readsFlags && !own.replacesFlags;
        }
        const dirty = to.dirty | own.written | (own.hasHelper ? 0 : here.dirty);
        const forms = to.forms | own.forms | (own.replacesForm ? 0 : here.forms) | (to.readsFlags ? wordForms : 0);
        isChanged ||= dirty !== to.dirty || forms !== to.forms;
        Object.assign(to, { dirty, forms });
      }
      for (const edge of [block.taken, block.next]) {
        const to = edge === undefined ? undefined : facts[edge];
        if (!to) continue;
        if (!own.hasBarrier) {
          live |= to.live & ~own.replaced;
          readsFlags ||= to.readsFlags && !own.replacesFlags;
        }
        const forms = to.forms | formsOut | (to.readsFlags ? wordForms : 0);
        isChanged ||= (to.dirty | dirtyOut) !== to.dirty || forms !== to.forms;
        to.dirty |= dirtyOut;
        to.forms = forms;
      }
      live |= here.live;
      readsFlags ||= here.readsFlags;
      isChanged ||= live !== here.live || readsFlags !== here.readsFlags;
      here.live = live;
      here.readsFlags = readsFlags;
    }
  }
  return facts;
}

function formsBehind(own: Summary, { forms }: BlockFacts): FormSet {
  if (own.isCall) return memoryForms;
  return own.forms | (own.replacesForm ? 0 : forms);
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

function summarize(touches: readonly Touches[], isCall: boolean): Summary {
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
  const hasHelper = hasBarrier;
  hasBarrier ||= isCall;
  return {
    exposed,
    replaced,
    written,
    exposesFlags,
    replacesFlags,
    hasBarrier,
    hasHelper,
    isCall,
    forms,
    replacesForm,
  };
}
