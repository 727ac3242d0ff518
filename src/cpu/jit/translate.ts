import { exit, record } from '../interpreter/index.ts';
import { asVal, type Val, Value, WasmEmitter } from '../isa/index.ts';
import { effectsOf, emitInstruction, layout, modeKey } from '../isa/x86/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import { type BlockFacts, factsOf } from './dataflow.ts';
import { emitDispatch } from './dispatch.ts';
import { dispatchParameter, parameter, RegionExits, upperPartOf } from './exits.ts';
import { type FlagForm, formsIn } from './flag-forms.ts';
import { RegionFrame } from './frame.ts';
import type { RegionImports } from './imports.ts';
import { linkPlaces } from './links.ts';
import type { RegionPlace } from './position.ts';
import { emitProfile } from './profile.ts';
import type { PlacedInstruction, Region, RegionBlock } from './region.ts';
import { stackUseOf } from './stack-use.ts';
import { type Structure, structureOf } from './structure.ts';
import { emitTameEntry } from './tame-entry.ts';
import { JitTarget } from './target.ts';
import { type FormSet, formOf, memoryForms, type Touches, touchesOf, wordForms } from './touches.ts';

const vectorUndefined = 6;
const vectorGeneralProtection = 13;

/** Writes a region as the body of one function. */
export function translateRegion(body: FunctionBody, region: Region, place: RegionPlace, imports: RegionImports): void {
  new RegionWriter(body, region, place, imports).write();
}

/** Targets of a dispatch count twice: each has a label of its own then, as a merge has. */
const successors = ({ taken, next, targets = [], inlined = [] }: RegionBlock): number[] =>
  [taken, next, ...inlined.map(({ entry }) => entry), ...targets, ...targets].filter((edge) => edge !== undefined);

/** Forms besides words that the instructions of a region give flags. */
function flagOriginsOf(touches: readonly (readonly Touches[])[]): FlagForm[] {
  let forms: FormSet = 0;
  for (const block of touches) for (const { flagForms } of block) forms |= flagForms;
  return formsIn(forms & ~(memoryForms | wordForms));
}

/** Sets of forms that flags have where several ways meet. */
const dynamicForms = (facts: readonly BlockFacts[]): Set<FormSet> =>
  new Set(
    facts.filter(({ forms, readsFlags }) => !readsFlags && formOf(forms) === undefined).map(({ forms }) => forms),
  );

class RegionWriter {
  readonly #body: FunctionBody;
  readonly #e: WasmEmitter;
  readonly #region: Region;
  readonly #place: RegionPlace;
  readonly #imports: RegionImports;
  readonly #structure: Structure;
  readonly #touches: readonly (readonly Touches[])[];
  readonly #facts: readonly BlockFacts[];
  readonly #frame: RegionFrame;
  readonly #exits: RegionExits;
  readonly #target: JitTarget;
  /** Depth of the Wasm block or loop that a branch to a node means. */
  readonly #labels = new Map<number, number>();
  /** Instructions of the path so far that are not charged yet. */
  #pending = 0;

  constructor(body: FunctionBody, region: Region, place: RegionPlace, imports: RegionImports) {
    this.#body = body;
    this.#e = new WasmEmitter(body);
    this.#region = region;
    this.#place = place;
    this.#imports = imports;
    this.#structure = structureOf({ successors: region.blocks.map(successors) });
    this.#touches = region.blocks.map(({ instructions }) =>
      instructions.map(({ instruction }) => touchesOf(instruction)),
    );
    this.#facts = factsOf(region, this.#touches);
    const stack = stackUseOf(region);
    this.#frame = new RegionFrame(this.#e, {
      usesStack: stack.isUsed,
      settleFlags: imports.settleFlags,
    });
    this.#e.branches = this.#frame;
    const wraps = (place.mode & modeKey.codeMask) !== modeKey.code64;
    this.#exits = new RegionExits(this.#e, this.#frame, imports, place, (rip) =>
      wraps ? this.#e.op('i64.and', rip, this.#e.i64(0xffffffffn)) : rip,
    );
    const parts = { e: this.#e, frame: this.#frame, exits: this.#exits, imports, stack };
    const places = linkPlaces(region, place);
    this.#target = new JitTarget(parts, place, (offset) => {
      const at = places.get(offset);
      if (at === undefined) return undefined;
      const page = offset >> 12;
      return { place: at, page, isFar: !region.pages.some(({ index }) => index === page) };
    });
  }

  write(): void {
    if (this.#place.hasEntries) this.#frame.enterAt(dispatchParameter.codePage);
    else this.#frame.enter();
    if (this.#region.pages.length > 1) this.#verifyPages();
    if (this.#mayChangeCode()) this.#e.storeMemory('i32.store', this.#e.i32(0), layout.codeDropped, this.#e.i32(0));
    emitTameEntry(this.#e, this.#frame, this.#imports, this.#facts[0] as BlockFacts);
    this.#exits.open(flagOriginsOf(this.#touches), dynamicForms(this.#facts));
    this.#tree(0);
    this.#exits.close(this.#imports);
  }

  #mayChangeCode(): boolean {
    return this.#region.blocks.some(({ instructions }) =>
      instructions.some(({ instruction: { variant } }) => {
        const effects = variant && effectsOf(variant);
        return effects !== undefined && (effects.stores || effects.helpers.size > 0);
      }),
    );
  }

  /** Where the further pages are mapped otherwise than when this was translated, the interpreter goes on with the block. */
  #verifyPages(): void {
    const e = this.#e;
    const isHigh = e.op('i64.ge_u', this.#frame.codePage(), e.i64(upperPartOf(this.#place.mode)));
    const key = e.loadMemory('i32.load', e.op('i32.shl', isHigh, e.i32(2)), layout.lookupKey);
    const verified = e.loadMemory('i32.load', e.i32(0), layout.regionKeys + 4 * this.#place.slot);
    e.rarely(e.op('i32.ne', key, verified), () => {
      const page = e.loadMemory('i64.load', e.i32(0), layout.codePage);
      this.#storeCodePage();
      e.push(e.i32(this.#place.slot));
      this.#body.call(this.#imports.verify);
      e.when(e.op('i32.eqz', e.pop('i32')), () => {
        e.storeMemory('i64.store', e.i32(0), layout.codePage, page);
        const local = (name: keyof typeof parameter) => asVal(Value.local('i32', parameter[name]));
        const first = e.op('i32.add', local('record'), e.i32(record.bytes));
        this.#body.call(this.#imports.settleFlags);
        e.push(first, local('budget'), local('frames'), e.loadMemory('i32.load16_u', first, record.handler));
        this.#body.returnCallIndirect(this.#imports.regionType);
      });
    });
    if (this.#place.hasEntries) this.#storeCodePage();
  }

  /** A region that is entered in one of several pages goes by its first. */
  #storeCodePage(): void {
    this.#e.storeMemory('i64.store', this.#e.i32(0), layout.codePage, this.#frame.codePage());
  }

  /** A node and everything that it dominates. */
  #tree(node: number): void {
    const merges = this.#structure.merges[node] ?? [];
    if (!this.#structure.isLoopHeader[node]) {
      this.#within(node, merges);
      return;
    }
    // Branches forward to a header went to a block that is closed by now: from here on its label is the loop.
    if (!this.#structure.isMerge[node]) this.#meet(node);
    this.#body.loop();
    this.#labels.set(node, this.#body.depth);
    this.#within(node, merges);
    this.#labels.delete(node);
    this.#body.unreachable().end();
  }

  #within(node: number, merges: readonly number[]): void {
    const [last, ...rest] = merges;
    if (last === undefined) {
      this.#block(node);
      return;
    }
    this.#body.block();
    this.#labels.set(last, this.#body.depth);
    this.#within(node, rest);
    this.#body.unreachable().end();
    this.#labels.delete(last);
    this.#frame.arrive(this.#facts[last] as BlockFacts);
    this.#pending = 0;
    this.#tree(last);
  }

  #block(node: number): void {
    const { instructions, end, next, targets } = this.#region.blocks[node] as RegionBlock;
    if (targets) {
      this.#dispatch(node, targets);
      return;
    }
    for (const [index, placed] of instructions.entries()) {
      if (this.#instruction(node, placed, index)) return;
    }
    this.#edge(node, next, end, instructions.length);
  }

  /** Goes on with the target at the RIP that was set before, or leaves. */
  #dispatch(node: number, targets: readonly number[]): void {
    const e = this.#e;
    e.releaseResults();
    if (!this.#structure.isLoopHeader[node]) this.#meet(node);
    const { state } = this.#frame;
    e.rarely(this.#exits.attention(), () => this.#leaveDispatch());
    this.#frame.state = state;
    const delta = e.op('i64.sub', this.#dispatchRip(), this.#frame.codePage());
    const offsets = targets.map((target) => ({
      offset: this.#region.blocks[target]?.instructions[0]?.offset ?? 0,
      label: this.#labels.get(target) as number,
    }));
    emitDispatch(e, delta, offsets);
    emitProfile(e, this.#place.slot, this.#dispatchRip(), this.#imports);
    this.#leaveDispatch();
  }

  #goDispatch(rip: Val): void {
    this.#e.push(rip);
    this.#body.set(dispatchParameter.rip);
    this.#meet(0);
    this.#body.br(this.#body.depth - (this.#labels.get(0) as number));
  }

  #leaveDispatch(): void {
    this.#frame.spill();
    this.#exits.leave(this.#dispatchRip());
  }

  #dispatchRip(): Val {
    return asVal(Value.local('i64', dispatchParameter.rip));
  }

  /** True when the flow does not go on behind it. */
  #instruction(node: number, placed: PlacedInstruction, index: number): boolean {
    const { instruction, offset } = placed;
    const block = this.#region.blocks[node] as RegionBlock;
    const { taken, next, inlined = [], returnsTo } = block;
    const behind = offset + instruction.length;
    const pending = this.#pending;
    const follow = (go: () => void) => () => {
      this.#pending = pending;
      go();
      this.#pending = pending;
    };
    const flow = {
      taken: follow(() => this.#edge(node, taken, behind + instruction.relative, index + 1, true)),
      next: follow(() => this.#edge(node, next, behind, index + 1)),
      returned: () => {
        this.#pending = 0;
        this.#edge(node, next, behind, 0);
      },
      inlined: inlined.map(({ entry, offset, isFar }) => ({
        offset,
        isFar,
        go: follow(() => this.#edge(node, entry, offset, index + 1)),
      })),
      returnsTo:
        returnsTo === undefined
          ? undefined
          : { offset: returnsTo, go: follow(() => this.#edge(node, next, returnsTo, index + 1)) },
      dispatch:
        block.flow === 'indirect' && taken === 0
          ? (rip: Val) => {
              this.#pending = pending + index + 1;
              this.#goDispatch(rip);
              this.#pending = pending;
            }
          : undefined,
    };
    const { variant } = instruction;
    this.#place.mark?.(offset, instruction, this.#body.code.length);
    this.#frame.beginInstruction((this.#touches[node] ?? [])[index] as Touches);
    const done = pending + index;
    this.#target.begin({ instruction, offset, done, flow }, variant?.shape ?? this.#target.shape);
    if (!variant) {
      const vector = instruction.fault ?? vectorUndefined;
      this.#target.raise(vector, vector === vectorGeneralProtection ? 0 : -1);
      return true;
    }
    const { results } = emitInstruction(this.#e, this.#target, variant);
    if (variant.row.ends) {
      if (results > 0) this.#target.jump(this.#target.nextRip());
      return true;
    }
    this.#target.finish(() => this.#exits.rare(exit.lookup, behind, done + 1));
    return false;
  }

  /** From the end of a block to another, or out of the region. */
  #edge(from: number, to: number | undefined, offset: number, executed: number, isTaken = false): void {
    if (to === undefined) {
      this.#target.leaveFor(offset, this.#pending + executed, isTaken);
      return;
    }
    const { order, isMerge } = this.#structure;
    const start = this.#region.blocks[to]?.instructions[0]?.offset ?? 0;
    if (this.#structure.isIrreducible(from, to)) {
      if (this.#region.blocks[0]?.targets?.includes(to)) {
        this.#pending += executed;
        this.#goDispatch(this.#target.ripAt(start));
        return;
      }
      this.#exits.rare(exit.lookup, start, this.#pending + executed);
      return;
    }
    this.#pending += executed;
    const isBackward = (order[to] as number) <= (order[from] as number);
    if (!isBackward && !isMerge[to]) {
      this.#tree(to);
      return;
    }
    this.#meet(to);
    if (isBackward) {
      this.#e.push(this.#exits.attention());
      this.#body.hint(false).if();
      this.#exits.rare(exit.attention, start, 0);
      this.#body.end();
    }
    this.#body.br(this.#body.depth - (this.#labels.get(to) as number));
  }

  /** Brings locals and budget to what a block that is reached from several places begins with. */
  #meet(node: number): void {
    const facts = this.#facts[node] as BlockFacts;
    this.#target.charge(this.#pending);
    this.#pending = 0;
    this.#frame.prepare(facts);
    this.#frame.arrive(facts);
  }
}
