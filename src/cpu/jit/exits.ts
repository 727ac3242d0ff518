import { emitTargetProbe, exit, pointOffsetShift, record } from '../interpreter/index.ts';
import { asVal, type Val, Value, type WasmEmitter } from '../isa/index.ts';
import { layout } from '../isa/x86/index.ts';
import { flagForm } from './flag-forms.ts';
import type { RegionFrame } from './frame.ts';
import type { RegionImports } from './imports.ts';
import type { RegisterSet } from './touches.ts';

/** Parameters of a region's function. */
export const parameter = { record: 0, budget: 1, frames: 2 } as const;
/** Further ones of a region with several entries. */
export const dispatchParameter = { rip: 3, codePage: 4 } as const;

/** Code that is found without a look-up: its record, and its page, counted from the entry's. */
export interface Link {
  readonly record: number;
  readonly page: number;
}

/** A point where a region may be left, as one number: offset of the instruction, instructions to charge, exit code. */
const point = { codeBits: 3, countBits: pointOffsetShift - 3 } as const;
const registerCount = 16;
/** The mask of an exit: general registers in bits 0 to 15, then the form of the flags. */
const flagShift = 16;

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
  /** Mask of the bits of RIP that count. */
  readonly #wrap: (rip: Val) => Val;
  readonly #point: number;
  readonly #mask: number;
  readonly #vectors: number;
  readonly #rip: number;
  readonly #depths = { rare: 0, leave: 0, return: 0 };
  #isVector = false;

  constructor(e: WasmEmitter, frame: RegionFrame, imports: RegionImports, wrap: (rip: Val) => Val) {
    this.#e = e;
    this.#frame = frame;
    this.#imports = imports;
    this.#wrap = wrap;
    this.#point = e.body.local('i32');
    this.#mask = e.body.local('i32');
    this.#vectors = e.body.local('i32');
    this.#rip = e.body.local('i64');
  }

  open(): void {
    const { body } = this.#e;
    for (const name of ['return', 'leave', 'rare'] as const) {
      body.block();
      this.#depths[name] = body.depth;
    }
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
    body.br(body.depth - this.#depths.rare);
    this.#frame.noteRare();
  }

  /** Takes it when what lies on the Wasm stack is not zero. */
  takeIf(): void {
    const { body } = this.#e;
    body.hint(false).brIf(body.depth - this.#depths.rare);
  }

  /** Sets what an exit from here needs; leaves its point on the Wasm stack. */
  prepare(code: number, offset: number, count: number): void {
    const { body } = this.#e;
    const { dirty, flags } = this.#frame.state;
    const [general, vectors] = [dirty & 0xffff, dirty >>> registerCount];
    if (flags === flagForm.dynamic) {
      const form = this.#e.op('i32.shl', this.#frame.flagLocals.kind(), this.#e.i32(flagShift));
      this.#e.push(this.#e.op('i32.or', form, this.#e.i32(general)));
      body.set(this.#mask);
    } else body.i32((Math.max(0, flags) << flagShift) | general).set(this.#mask);
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
    this.#enter(link, asVal(Value.local('i32', parameter.frames)));
    e.body.returnCallIndirect(this.#regionType);
  }

  /** Calls the code of a record in a page of the region; its result is on the Wasm stack. */
  callTo(link: Link, frames: Val): void {
    this.#enter(link, frames);
    this.#e.body.callIndirect(this.#regionType);
  }

  /** Pushes what the handler of a record is called with. Handlers of the interpreter need the flags as words. */
  #enter({ record: target, page }: Link, frames: Val): void {
    const e = this.#e;
    if (page !== 0) {
      const codePage = e.op('i64.add', this.#frame.codePage(), e.i64(BigInt(page * 4096)));
      e.storeMemory('i64.store', e.i32(0), layout.codePage, this.#wrap(codePage));
    }
    this.#pushCall(e.i32(target), frames);
  }

  #pushCall(target: Val, frames: Val): void {
    const e = this.#e;
    const handler = e.loadMemory('i32.load16_u', target, record.handler);
    e.rarely(e.op('i32.lt_u', handler, e.i32(this.#imports.firstRegion)), () => e.body.call(this.#imports.settleFlags));
    e.push(target, asVal(Value.local('i32', parameter.budget)), frames, handler);
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
    body.unreachable().end();
    this.#closeRare(countsInstructions);
    body.end();
    this.#leaveOnAttention();
    this.#leaveByTargetCache();
    body.get(this.#rip).get(parameter.budget).get(parameter.frames).returnCall(lookup);
    body.end();
    this.#leaveOnAttention();
    body.i32(0).get(this.#rip).memory('i64.store', layout.rip).get(parameter.budget).return();
    body.unreachable();
  }

  /** What the core's `lookup` does first, without the way there. */
  #leaveByTargetCache(): void {
    const e = this.#e;
    const rip = asVal(Value.local('i64', this.#rip));
    emitTargetProbe(e, rip, (found) => {
      e.storeMemory('i64.store', e.i32(0), layout.codePage, e.op('i64.and', rip, e.i64(-4096n)));
      this.#pushCall(found, asVal(Value.local('i32', parameter.frames)));
      e.body.returnCallIndirect(this.#regionType);
    });
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
    this.#storeFlags();
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

  #storeFlags(): void {
    const { flagLocals, origins } = this.#frame;
    const form = this.#e.op('i32.shr_u', asVal(Value.local('i32', this.#mask)), this.#e.i32(flagShift));
    flagLocals.storeByKind(form, origins);
  }

  /** Whether to leave generated code: the slice is over or something wants attention. */
  attention(): Val {
    const e = this.#e;
    const isOver = e.op('i32.le_s', asVal(Value.local('i32', parameter.budget)), e.i32(0));
    return e.op('i32.or', isOver, e.loadMemory('i32.load', e.i32(0), layout.attention));
  }

  #leaveOnAttention(): void {
    const e = this.#e;
    e.rarely(this.attention(), () => this.#exit(e.i32(exit.attention)));
  }
}
