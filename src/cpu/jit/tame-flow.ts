import { effectsOf, type Instruction } from '../isa/x86/index.ts';
import type { Region } from './region.ts';
import { noTameVectors, type TameVectors, tameAfterWrite, withTame } from './tame-vectors.ts';

/** As `JitTarget` and `RegionFrame` follow it while an instruction is written. */
function afterInstruction(before: TameVectors, { variant, registers }: Instruction): TameVectors {
  if (!variant) return before;
  const { tamed, vectorWrites, callsAnyHelper } = effectsOf(variant);
  let tame = callsAnyHelper ? noTameVectors : before;
  for (const { operand, elements } of tamed) tame = withTame(tame, registers[operand.source], elements);
  for (const { operand, elements, source } of vectorWrites) {
    const number = registers[operand.source];
    const from = source && registers[source.source];
    tame = tameAfterWrite(tame, { number, type: operand.type, elements, source: from });
  }
  return tame;
}

const intersect = (a: TameVectors, b: TameVectors): TameVectors => ({
  ss: a.ss & b.ss,
  sd: a.sd & b.sd,
  ps: a.ps & b.ps,
  pd: a.pd & b.pd,
});

export const areSame = (a: TameVectors, b: TameVectors): boolean =>
  a.ss === b.ss && a.sd === b.sd && a.ps === b.ps && a.pd === b.pd;

const everything: TameVectors = { ss: 0xffff, sd: 0xffff, ps: 0xffff, pd: 0xffff };

/** What some instruction of the region would test. */
function testedIn({ blocks }: Region): TameVectors {
  let tested = noTameVectors;
  for (const { instructions } of blocks) {
    for (const { instruction } of instructions) {
      const { variant, registers } = instruction;
      if (!variant) continue;
      for (const { operand, elements } of effectsOf(variant).tamed) {
        tested = withTame(tested, registers[operand.source], elements);
      }
    }
  }
  return tested;
}

/**
 * Which vectors are tame where each block begins, whatever way led there. Those of the first are to be tested where the
 * region is entered: what a loop that begins there tests, and leaves tame where it goes round.
 */
export function tameVectorsOf(region: Region): readonly TameVectors[] {
  const { blocks } = region;
  const tested = testedIn(region);
  if (areSame(tested, noTameVectors)) return blocks.map(() => noTameVectors);
  const { facts, isLoop } = follow(region, blocks[0]?.targets ? noTameVectors : everything);
  const wanted = isLoop ? intersect(facts[0] ?? noTameVectors, tested) : noTameVectors;
  return follow(region, wanted).facts;
}

/** `isLoop`: some way leads back to the first block. */
function follow({ blocks }: Region, atEntry: TameVectors): { facts: readonly TameVectors[]; isLoop: boolean } {
  // Undefined where no way has been followed to yet.
  const facts = new Array<TameVectors | undefined>(blocks.length).fill(undefined);
  let isLoop = false;
  const waiting = [0];
  const arrive = (to: number, tame: TameVectors): void => {
    isLoop ||= to === 0;
    const known = facts[to];
    const joined = known ? intersect(known, tame) : tame;
    if (known && areSame(known, joined)) return;
    facts[to] = joined;
    waiting.push(to);
  };
  facts[0] = atEntry;
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    const block = blocks[number];
    if (!block) continue;
    const { flow, taken, next, inlined = [], targets = [], instructions } = block;
    let tame = facts[number] ?? noTameVectors;
    for (const { instruction } of instructions) tame = afterInstruction(tame, instruction);
    for (const target of targets) arrive(target, noTameVectors);
    for (const { entry } of inlined) arrive(entry, tame);
    const behind = flow === 'call' ? noTameVectors : tame;
    for (const to of [taken, next]) if (to !== undefined) arrive(to, behind);
    // Where an indirect jump is dispatched within the region, all is to be tested again.
    if (flow === 'indirect') for (const target of blocks[0]?.targets ?? []) arrive(target, noTameVectors);
  }
  return { facts: facts.map((tame) => tame ?? noTameVectors), isLoop };
}
