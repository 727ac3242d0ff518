import { emitTargetProbe, exit, pointOffsetShift, record } from '../interpreter/index.ts';
import { asVal, type Val, Value, WasmEmitter } from '../isa/index.ts';
import { layout, modeKey, upperPart } from '../isa/x86/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import { type FlagForm, flagForm } from './flag-forms.ts';
import type { FrameState, RegionFrame } from './frame.ts';
import type { RegionImports } from './imports.ts';
import { loadLink } from './links.ts';
import type { RegionPlace } from './position.ts';
import type { FormSet, RegisterSet } from './touches.ts';

/** Parameters of a region's function. */
export const parameter = { record: 0, budget: 1, frames: 2 } as const;
/** Further ones of a region with several entries. */
export const dispatchParameter = { rip: 3, codePage: 4 } as const;

/** Code that is found without a look-up: where its record is noted, and its page, counted from the entry's. */
export interface Link {
  readonly place: number;
  readonly page: number;
  /** Whether the page is mapped as it was must be asked first. */
  readonly isFar: boolean;
}

/** `layout.upperPart` of a mode. */
export const upperPartOf = (mode: number): bigint =>
  (mode & modeKey.codeMask) === modeKey.code64 ? upperPart.code64 : upperPart.others;

/** Pushes what the handler of a record is called with. Handlers of the interpreter need the flags as words. */
function pushCall(
  e: WasmEmitter,
  { firstRegion, settleFlags }: Pick<RegionImports, 'firstRegion' | 'settleFlags'>,
  { target, budget, frames }: { target: Val; budget: Val; frames: Val },
): void {
  const handler = e.loadMemory('i32.load16_u', target, record.handler);
  e.rarely(e.op('i32.lt_u', handler, e.i32(firstRegion)), () => e.body.call(settleFlags));
  e.push(target, budget, frames, handler);
}

/**
 * A module's own copy of the first part of the core's `lookup`, (rip, budget, frames): most targets are found without
 * leaving the module's instance, and V8 may inline it. `lookup` is the core's.
 */
export function emitOwnLookup(body: FunctionBody, imports: Omit<RegionImports, 'lookup'>, lookup: number): void {
  const e = new WasmEmitter(body);
  const rip = asVal(Value.local('i64', 0));
  emitTargetProbe(e, rip, (target) => {
    e.storeMemory('i64.store', e.i32(0), layout.codePage, e.op('i64.and', rip, e.i64(-4096n)));
    const [budget, frames] = [asVal(Value.local('i32', 1)), asVal(Value.local('i32', 2))];
    pushCall(e, imports, { target, budget, frames });
    body.returnCallIndirect(imports.regionType);
  });
  body.get(0).get(1).get(2).returnCall(lookup);
}

interface FlagWay {
  readonly depth: number;
  readonly store: () => void;
  isTaken: boolean;
}

/** A point where a region may be left, as one number: offset of the instruction, instructions to charge, exit code. */
const point = { codeBits: 3, countBits: pointOffsetShift - 3 } as const;
const registerCount = 16;

const packPoint = (code: number, offset: number, count: number): number => {
  if (count >= 1 << point.countBits) throw new RangeError(`Cannot leave a region: ${count} instructions to charge`);
  return (offset << pointOffsetShift) | (count << point.codeBits) | code;
};

/** Takes retired instructions off the budget. `isCounted`: for statistics too. */
export function chargeBudget(e: WasmEmitter, count: Val, isCounted: boolean): void {
  e.push(e.op('i32.sub', asVal(Value.local('i32', parameter.budget)), count));
  e.body.set(parameter.budget);
  if (!isCounted) return;
  const sum = e.op('i32.add', e.loadMemory('i32.load', e.i32(0), layout.translatedCount), count);
  e.storeMemory('i32.store', e.i32(0), layout.translatedCount, sum);
}

/**
 * The ways out of a region, shared by all places that take them. Rare ones say by constants what is newer in locals than
 * in memory, so that each place is small; the frequent ones have stored it already.
 */
export class RegionExits {
  readonly #e: WasmEmitter;
  readonly #frame: RegionFrame;
  readonly #imports: RegionImports;
  readonly #place: Pick<RegionPlace, 'mode' | 'slot'>;
  /** Mask of the bits of RIP that count. */
  readonly #wrap: (rip: Val) => Val;
  readonly #point: number;
  readonly #mask: number;
  readonly #vectors: number;
  readonly #rip: number;
  readonly #depths = { rare: 0, leave: 0, return: 0 };
  /** Ways to the rare exit that store flags before: by form, or by the forms of dynamic flags. */
  readonly #flagWays = new Map<string, FlagWay>();
  /** Depth of the way that was prepared. */
  #way = 0;
  #isVector = false;

  constructor(
    e: WasmEmitter,
    frame: RegionFrame,
    imports: RegionImports,
    place: Pick<RegionPlace, 'mode' | 'slot'>,
    wrap: (rip: Val) => Val,
  ) {
    this.#e = e;
    this.#place = place;
    this.#frame = frame;
    this.#imports = imports;
    this.#wrap = wrap;
    this.#point = e.body.local('i32');
    this.#mask = e.body.local('i32');
    this.#vectors = e.body.local('i32');
    this.#rip = e.body.local('i64');
  }

  /**
   * `forms`: that flags have in the region; `dynamic`: sets of them that they may have where several ways meet. Each has a
   * way out of its own: what another would store need not be kept by code that leaves on this one.
   */
  open(forms: readonly FlagForm[], dynamic: ReadonlySet<FormSet>): void {
    const { body } = this.#e;
    for (const name of ['return', 'leave', 'rare'] as const) {
      body.block();
      this.#depths[name] = body.depth;
    }
    const { flagLocals } = this.#frame;
    this.#openWay(`${flagForm.words}`, () => flagLocals.storeWords());
    for (const form of forms) this.#openWay(`${form}`, () => flagLocals.storeOrigin(form));
    for (const set of dynamic) this.#openWay(`${flagForm.dynamic} ${set}`, () => flagLocals.storeByKind(set));
  }

  #openWay(name: string, store: () => void): void {
    this.#e.body.block();
    this.#flagWays.set(name, { depth: this.#e.body.depth, store, isTaken: false });
  }

  #wayFor({ flags, forms }: FrameState): number {
    const isInMemory = flags <= 0 && flags !== flagForm.dynamic;
    if (isInMemory) return this.#depths.rare;
    const way = this.#flagWays.get(flags === flagForm.dynamic ? `${flags} ${forms}` : `${flags}`);
    if (!way) throw new RangeError(`Cannot leave a region: its flags have form ${flags}, which it does not know`);
    way.isTaken = true;
    return way.depth;
  }

  /** Leaves for what `code` (an `exit`) says, at an offset, so many instructions of its path being done. */
  rare(code: number, offset: number, count: number): void {
    this.prepare(code, offset, count);
    this.#e.body.drop();
    this.take();
  }

  /** Takes the exit that was prepared. */
  take(): void {
    const { body } = this.#e;
    body.br(body.depth - this.#way);
    this.#frame.noteRare();
  }

  /** Takes it when what lies on the Wasm stack is not zero. */
  takeIf(): void {
    const { body } = this.#e;
    body.hint(false).brIf(body.depth - this.#way);
  }

  /** Sets what an exit from here needs; leaves its point on the Wasm stack. */
  prepare(code: number, offset: number, count: number): void {
    const { body } = this.#e;
    const { state } = this.#frame;
    const [general, vectors] = [state.dirty & 0xffff, state.dirty >>> registerCount];
    this.#way = this.#wayFor(state);
    body.i32(general).set(this.#mask);
    if (vectors !== 0) this.#isVector = true;
    if (this.#isVector) body.i32(vectors).set(this.#vectors);
    body.i32(packPoint(code, offset, count)).tee(this.#point);
  }

  /** Goes on at a RIP; everything is stored and charged. */
  leave(rip: Val): void {
    this.#go(rip, 'leave');
  }

  /** As `leave`, to the code of a record in a page of the region. */
  leaveTo(rip: Val, link: Link): void {
    const e = this.#e;
    e.rarely(this.attention(), () => this.leave(rip));
    if (link.isFar) {
      e.rarely(this.isUnlinked(), () => {
        this.countMiss();
        this.leave(rip);
      });
    }
    this.#enter(link, asVal(Value.local('i32', parameter.frames)));
    e.body.returnCallIndirect(this.#regionType);
  }

  /** Calls the code at a RIP, with a record where it has one; its result is on the Wasm stack. */
  call(rip: Val, frames: Val, link: Link | undefined): void {
    const { body } = this.#e;
    const lookUp = (): void => {
      this.#e.push(rip, asVal(Value.local('i32', parameter.budget)), frames);
      body.call(this.#imports.lookup);
    };
    if (!link) {
      lookUp();
      return;
    }
    if (link.isFar) {
      this.#e.push(this.isUnlinked());
      body.hint(false).if('i32');
      this.countMiss();
      lookUp();
      body.else();
    }
    this.#enter(link, frames);
    body.callIndirect(this.#regionType);
    if (link.isFar) body.end();
  }

  /** Whether the pages that the region leads to have not been found mapped as they were, since translations changed. */
  isUnlinked(): Val {
    const e = this.#e;
    const { mode, slot } = this.#place;
    const isHigh = e.op('i64.ge_u', this.#frame.codePage(), e.i64(upperPartOf(mode)));
    const key = e.loadMemory('i32.load', e.op('i32.shl', isHigh, e.i32(2)), layout.lookupKey);
    return e.op('i32.ne', key, e.loadMemory('i32.load', e.i32(0), layout.linkKeys + 4 * slot));
  }

  countMiss(): void {
    const e = this.#e;
    const { slot } = this.#place;
    const left = e.op('i32.sub', e.loadMemory('i32.load', e.i32(0), layout.linkMisses + 4 * slot), e.i32(1));
    e.storeMemory('i32.store', e.i32(0), layout.linkMisses + 4 * slot, left);
    e.rarely(e.op('i32.eqz', left), () => {
      e.push(e.i32(~slot));
      e.body.call(this.#imports.verify);
      e.body.drop();
    });
  }

  /** Pushes what the handler of a record is called with. Handlers of the interpreter need the flags as words. */
  #enter({ place, page }: Link, frames: Val): void {
    const e = this.#e;
    if (page !== 0) {
      const codePage = e.op('i64.add', this.#frame.codePage(), e.i64(BigInt(page * 4096)));
      e.storeMemory('i64.store', e.i32(0), layout.codePage, this.#wrap(codePage));
    }
    pushCall(e, this.#imports, {
      target: loadLink(e, place),
      budget: asVal(Value.local('i32', parameter.budget)),
      frames,
    });
  }

  get #regionType(): number {
    return this.#imports.regionType;
  }

  /** Returns to whoever called this code; everything is stored and charged. */
  return(rip: Val): void {
    this.#go(rip, 'return');
  }

  #go(rip: Val, way: 'leave' | 'return'): void {
    const { body } = this.#e;
    this.#e.push(rip);
    body.set(this.#rip).br(body.depth - this.#depths[way]);
  }

  /** Closes the function. */
  close({ lookup, countsInstructions }: RegionImports): void {
    const { body } = this.#e;
    body.unreachable();
    for (const way of [...this.#flagWays.values()].reverse()) {
      body.end();
      if (!way.isTaken) continue;
      way.store();
      body.br(body.depth - this.#depths.rare);
    }
    body.end();
    this.#closeRare(countsInstructions);
    body.end();
    this.#leaveOnAttention();
    body.get(this.#rip).get(parameter.budget).get(parameter.frames).returnCall(lookup);
    body.end();
    this.#leaveOnAttention();
    body.i32(0).get(this.#rip).memory('i64.store', layout.rip).get(parameter.budget).return();
    body.unreachable();
  }

  #closeRare(countsInstructions: boolean): void {
    const e = this.#e;
    const { body } = e;
    const at = asVal(Value.local('i32', this.#point));
    const count = e.op('i32.and', e.op('i32.shr_u', at, e.i32(point.codeBits)), e.i32((1 << point.countBits) - 1));
    chargeBudget(e, count, countsInstructions);
    const offset = e.op('i64.extend_i32_s', e.op('i32.shr_s', at, e.i32(pointOffsetShift)));
    e.push(this.#wrap(e.op('i64.add', this.#frame.codePage(), offset)));
    body.set(this.#rip);
    this.#storeMasked(this.#frame.everDirty & 0xffff, this.#mask, 0);
    if (this.#isVector) this.#storeMasked(this.#frame.everDirty >>> registerCount, this.#vectors, registerCount);
    const code = e.op('i32.and', at, e.i32((1 << point.codeBits) - 1));
    e.when(code, () => this.#exit(code)); // exit.lookup: leaves as the frequent ways do.
  }

  #exit(code: Val): void {
    const e = this.#e;
    e.storeMemory('i64.store', e.i32(0), layout.rip, asVal(Value.local('i64', this.#rip)));
    e.storeMemory('i32.store', e.i32(0), layout.budget, asVal(Value.local('i32', parameter.budget)));
    e.storeMemory('i32.store', e.i32(0), layout.exitCode, code);
    e.body.i32(0).return();
  }

  #storeMasked(registers: RegisterSet, mask: number, first: number): void {
    const e = this.#e;
    for (let bit = 0; bit < registerCount; bit++) {
      if (!(registers & (1 << bit))) continue;
      const isDirty = e.op('i32.and', asVal(Value.local('i32', mask)), e.i32(1 << bit));
      e.push(isDirty);
      e.body.if();
      this.#frame.storeRegister(first + bit);
      e.body.end();
    }
  }

  /** Whether to leave generated code: the slice is over or something wants attention. */
  attention(): Val {
    const e = this.#e;
    const wanted = e.loadMemory('i32.load', e.i32(0), layout.attention);
    return e.op('i32.le_s', asVal(Value.local('i32', parameter.budget)), wanted);
  }

  #leaveOnAttention(): void {
    const e = this.#e;
    e.rarely(this.attention(), () => this.#exit(e.i32(exit.attention)));
  }
}
