import { exit } from '../interpreter/index.ts';
import { asVal, type BranchWatcher, type Val, Value, type WasmEmitter } from '../isa/index.ts';
import { type FlagVals, layout } from '../isa/x86/index.ts';
import type { Usage } from './usage.ts';

const registerCount = 16;
/** Parameters of every region: the record that led here, and the budget. */
const budget = 1;

interface FlagLocals {
  readonly zero: number;
  readonly sign: number;
  readonly carry: number;
}

/** The locals of a region's function, its one way in and its one way out. */
export class RegionFrame implements BranchWatcher {
  readonly #e: WasmEmitter;
  readonly #usage: Usage;
  readonly #registers: number[];
  readonly #flagLocals: FlagLocals;
  readonly #codePage: number;
  readonly #bank: number;
  readonly #rip: number;
  readonly #code: number;
  readonly #stale: number;
  #exitDepth = 0;
  /** The flags while it is known what they came from, in this stretch of code. */
  #known: FlagVals | undefined;
  readonly #saved: (FlagVals | undefined)[] = [];

  constructor(e: WasmEmitter, usage: Usage) {
    const { body } = e;
    this.#e = e;
    this.#usage = usage;
    this.#registers = Array.from({ length: registerCount }, () => body.local('i64'));
    this.#flagLocals = { zero: body.local('i64'), sign: body.local('i64'), carry: body.local('i64') };
    this.#codePage = body.local('i64');
    this.#bank = body.local('i32');
    this.#rip = body.local('i64');
    this.#code = body.local('i32');
    this.#stale = body.local('i32');
  }

  enter(): void {
    const { body } = this.#e;
    const zero = this.#e.i32(0);
    this.#e.storeMemory('i32.store', zero, layout.codeDropped, zero);
    body.i32(0).memory('i64.load', layout.codePage).set(this.#codePage);
    body.i32(0).memory('i32.load', layout.tlbBank).set(this.#bank);
    this.reload();
    body.block();
    this.#exitDepth = body.depth;
  }

  /** Closes the function: state goes back to memory, and execution goes on or returns. `lookup` is the core's. */
  finish(lookup: number): void {
    const { body } = this.#e;
    body.unreachable().end();
    this.spill();
    body.i32(0).get(budget).memory('i32.store', layout.budget);
    body.i32(0).get(this.#rip).memory('i64.store', layout.rip);
    body.get(this.#code).if().get(this.#code).return().end();
    this.#pushAttention();
    body.if().i32(exit.attention).return().end();
    body.get(this.#rip).get(budget).returnCall(lookup);
  }

  // Registers.

  /** A copy: later writes to the register do not change it. */
  register(number: number): Val {
    if (!this.#usage.read.has(number)) throw new RangeError(`Cannot read register ${number}: the usage lacks it`);
    return this.#copy(this.#registers[number] as number);
  }

  setRegister(number: number, value: Val): void {
    if (!this.#usage.written.has(number)) throw new RangeError(`Cannot write register ${number}: the usage lacks it`);
    this.#e.push(value);
    this.#e.body.set(this.#registers[number] as number);
  }

  codePage(): Val {
    return asVal(Value.local('i64', this.#codePage));
  }

  tlbBank(): Val {
    return asVal(Value.local('i32', this.#bank));
  }

  #copy(local: number): Val {
    this.#e.body.get(local);
    return this.#e.pop('i64');
  }

  // Flags.

  flags(): FlagVals {
    if (this.#known) return this.#known;
    const { zero, sign, carry } = this.#flagLocals;
    return { zero: this.#copy(zero), sign: this.#copy(sign), carry: this.#copy(carry) };
  }

  setFlags(flags: FlagVals): void {
    const { zero, sign, carry } = this.#flagLocals;
    this.#e.push(flags.zero, flags.sign, flags.carry);
    this.#e.body.set(carry).set(sign).set(zero);
    this.#known = flags;
  }

  /** At the start of code that is reached from several places. */
  forgetFlags(): void {
    this.#known = undefined;
  }

  begin(): void {
    this.#saved.push(this.#known);
  }

  otherwise(): void {
    this.#changedInBranch();
    this.#known = this.#saved.at(-1);
  }

  end(): void {
    this.#changedInBranch();
    this.#known = this.#saved.pop();
  }

  /** Flags set in a branch are known there only: behind it the locals hold whichever was set last. */
  #changedInBranch(): void {
    if (this.#known !== this.#saved.at(-1)) this.#saved[this.#saved.length - 1] = undefined;
  }

  // Memory copies.

  spill(): void {
    const { body } = this.#e;
    for (const number of this.#usage.written) {
      body
        .i32(0)
        .get(this.#registers[number] as number)
        .memory('i64.store', layout.gpr + 8 * number);
    }
    if (!this.#usage.writesFlags) return;
    body.i32(0).get(this.#flagLocals.zero).memory('i64.store', layout.flagZero);
    body.i32(0).get(this.#flagLocals.sign).memory('i64.store', layout.flagSign);
    body.i32(0).get(this.#flagLocals.carry).memory('i64.store', layout.flagCarry);
  }

  reload(): void {
    const { body } = this.#e;
    for (const number of this.#usage.read) {
      body
        .i32(0)
        .memory('i64.load', layout.gpr + 8 * number)
        .set(this.#registers[number] as number);
    }
    this.#known = undefined;
    if (!this.#usage.usesFlags) return;
    body.i32(0).memory('i64.load', layout.flagZero).set(this.#flagLocals.zero);
    body.i32(0).memory('i64.load', layout.flagSign).set(this.#flagLocals.sign);
    body.i32(0).memory('i64.load', layout.flagCarry).set(this.#flagLocals.carry);
  }

  // Ways out.

  charge(instructions: number): void {
    if (instructions === 0) return;
    const left = this.#e.op('i32.sub', asVal(Value.local('i32', budget)), this.#e.i32(instructions));
    this.#e.push(left);
    this.#e.body.set(budget);
  }

  leave(code: number, rip: Val): void {
    const { body } = this.#e;
    this.#e.push(rip);
    body
      .set(this.#rip)
      .i32(code)
      .set(this.#code)
      .br(body.depth - this.#exitDepth);
  }

  /** Back edges look up from their work now and then. */
  leaveOnAttention(rip: () => Val): void {
    this.#pushAttention();
    this.#e.when(this.#e.pop('i32'), () => this.leave(exit.attention, rip()));
  }

  #pushAttention(): void {
    const e = this.#e;
    const isOver = e.op('i32.le_s', asVal(Value.local('i32', budget)), e.i32(0));
    const attention = e.loadMemory('i32.load', e.i32(0), layout.attention);
    e.push(e.op('i32.or', isOver, attention));
  }

  /** After anything that may have written code: remembers whether some was dropped. */
  noteStale(): void {
    this.#e.body.i32(0).memory('i32.load', layout.codeDropped).set(this.#stale);
  }

  whenStale(leave: () => void): void {
    this.#e.when(asVal(Value.local('i32', this.#stale)), leave);
  }
}
