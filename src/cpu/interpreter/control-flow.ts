import { asVal, type Val, Value, type WasmEmitter } from '../isa/index.ts';
import { layout, type Shape } from '../isa/x86/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import type { CoreFunctions } from './core-functions.ts';
import { exit, link, record } from './record.ts';
import type { RunningRecord } from './running-record.ts';

/** Locals of every handler, behind its record's address. */
const budget = 1;
const frames = 2;

/** How handlers go on: from record to record, by links and look-ups, into calls of the guest and out of generated code. */
export class ControlFlow {
  readonly #e: WasmEmitter;
  readonly #body: FunctionBody;
  readonly #core: CoreFunctions;
  readonly #record: RunningRecord;
  readonly #width: Shape['width'];

  constructor(e: WasmEmitter, core: CoreFunctions, running: RunningRecord, { width }: Shape) {
    this.#e = e;
    this.#body = e.body;
    this.#core = core;
    this.#record = running;
    this.#width = width;
  }

  get #budget(): Val {
    return asVal(Value.local('i32', budget));
  }

  get #frames(): Val {
    return asVal(Value.local('i32', frames));
  }

  /** Tail-calls the handler of the record at `address`. */
  dispatch(address: Val): void {
    const e = this.#e;
    e.push(address, this.#budget, this.#frames, e.loadMemory('i32.load16_u', address, record.handler));
    this.#body.returnCallIndirect(this.#core.handlerType);
  }

  /** The same from code that may have been translated, to any: handlers before `firstRegion` need the flags as words. */
  dispatchAny(address: Val, firstRegion: number): void {
    const e = this.#e;
    const handler = e.loadMemory('i32.load16_u', address, record.handler);
    e.when(e.op('i32.lt_u', handler, e.i32(firstRegion)), () => this.settleFlags());
    e.push(address, this.#budget, this.#frames, handler);
    this.#body.returnCallIndirect(this.#core.handlerType);
  }

  settleFlags(): void {
    this.#e.rarely(this.#record.state('i32', layout.flagForm), () => this.#body.call(this.#core.settleFlags));
  }

  dispatchNext(): void {
    this.dispatch(this.#e.op('i32.add', this.#record.address, this.#e.i32(record.bytes)));
  }

  /** Takes the instructions begun so far, less `unfinished`, from the budget. */
  charge(unfinished = 0): void {
    const e = this.#e;
    const count = e.loadMemory('i32.load8_u', this.#record.address, record.count);
    const left = e.op('i32.sub', this.#budget, count);
    e.push(unfinished === 0 ? left : e.op('i32.add', left, e.i32(unfinished)));
    this.#body.set(budget);
  }

  /** Leaves generated code when the slice is over or something wants attention; `rip` is where to go on. */
  #leaveOnAttention(rip: () => Val): void {
    const e = this.#e;
    const isWanted = e.op('i32.le_s', this.#budget, this.#record.state('i32', layout.attention));
    e.rarely(isWanted, () => {
      this.#record.setState('i64', layout.rip, rip());
      this.leave(exit.attention);
    });
  }

  jump(target: Val): void {
    this.charge();
    this.#leaveOnAttention(() => target);
    this.#lookup(target);
  }

  #lookup(rip: Val, by = this.#core.lookup): void {
    this.#e.push(rip, this.#budget, this.#frames);
    this.#body.returnCall(by);
  }

  return(target: Val): void {
    this.charge();
    this.#leaveOnAttention(() => target);
    this.#record.setState('i64', layout.rip, target);
    this.#e.push(this.#budget);
    this.#body.return();
  }

  call(target: Val): void {
    this.charge();
    this.#leaveOnAttention(() => target);
    this.#e.when(this.#e.op('i32.eqz', this.#frames), () => this.#lookup(target));
    this.#called(() => this.#callLookup(target));
  }

  callRelative(): void {
    const e = this.#e;
    e.when(e.op('i32.eqz', this.#frames), () => this.jumpRelative());
    this.charge();
    this.#leaveOnAttention(() => this.#linkTarget(0));
    const linked = e.loadMemory('i32.load', this.#record.address, record.immediate);
    e.when(e.isZero(32, linked), () => this.#leaveForLink(0));
    this.#called(() =>
      e.choose(
        'i32',
        e.op('i32.eq', linked, e.i32(link.lookup)),
        () => this.#callLookup(this.#linkTarget(0)),
        () => {
          e.push(linked, this.#budget, this.#fewerFrames(), e.loadMemory('i32.load16_u', linked, record.handler));
          this.#body.callIndirect(this.#core.handlerType);
          return e.pop('i32');
        },
      ),
    );
  }

  #fewerFrames(): Val {
    return this.#e.op('i32.sub', this.#frames, this.#e.i32(1));
  }

  #callLookup(target: Val): Val {
    this.#e.push(target, this.#budget, this.#fewerFrames());
    this.#body.call(this.#core.lookup);
    return this.#e.pop('i32');
  }

  /** Calls, and goes on behind the calling instruction when that is where the guest returns to. */
  #called(invoke: () => Val): void {
    const e = this.#e;
    const behind = this.#record.nextRip();
    const page = this.#record.state('i64', layout.codePage);
    const epoch = this.#record.state('i32', layout.fetchEpoch);
    const result = invoke();
    const isElsewhere = e.op('i64.ne', this.#record.state('i64', layout.rip), behind);
    const isOther = e.op('i32.or', isElsewhere, e.op('i32.ne', this.#record.state('i32', layout.fetchEpoch), epoch));
    e.rarely(e.op('i32.or', e.op('i32.eqz', result), isOther), () => {
      e.push(result);
      this.#body.return();
    });
    e.push(result);
    this.#body.set(budget);
    this.#record.setState('i64', layout.codePage, page);
    this.settleFlags();
    this.#goToLink(record.bytes);
  }

  jumpRelative(): void {
    this.#followLink(0);
  }

  /** The record behind this one holds the link. */
  fallThrough(): void {
    this.#followLink(record.bytes);
  }

  /** Goes on at the branch target whose link and displacement are in the record `at` bytes on. */
  #followLink(at: number): void {
    this.charge();
    this.#leaveOnAttention(() => this.#linkTarget(at));
    this.#goToLink(at);
  }

  #goToLink(at: number): void {
    const e = this.#e;
    const linked = e.loadMemory('i32.load', this.#record.address, at + record.immediate);
    e.when(e.op('i32.gt_u', linked, e.i32(link.lookup)), () => this.dispatch(linked));
    e.when(e.op('i32.eq', linked, e.i32(link.lookup)), () => this.#lookup(this.#linkTarget(at)));
    this.#leaveForLink(at);
  }

  /** RIP of the branch target in the record `at` bytes on. */
  #linkTarget(at: number): Val {
    const e = this.#e;
    const displacement = e.loadMemory('i64.load32_s', this.#record.address, at + record.displacement);
    const wrapped = this.#record.wrapAddress(e.op('i64.add', this.#record.state('i64', layout.codePage), displacement));
    return this.#width === 16 && at === 0 ? e.op('i64.and', wrapped, e.i64(0xffffn)) : wrapped;
  }

  #leaveForLink(at: number): void {
    this.#record.setState('i64', layout.rip, this.#linkTarget(at));
    this.#record.setState(
      'i32',
      layout.exitRecord,
      this.#e.op('i32.add', this.#record.address, this.#e.i32(at + record.immediate)),
    );
    this.leave(exit.link);
  }

  /** Looks the running instruction up again: its block is stale. */
  resynchronize(): void {
    this.charge(1);
    this.#lookup(this.#record.rip(), this.#core.lookupSlowly);
  }

  leaveHot(): void {
    this.#record.storeRip();
    this.#record.setState('i32', layout.exitRecord, this.#record.address);
    this.leave(exit.hot);
  }

  leaveWithFault(): void {
    this.#record.setState('i32', layout.exitRecord, this.#record.address);
    this.leave(exit.fault);
  }

  /** Leaves generated code for one of `exit`. */
  leave(code: number): void {
    this.#record.setState('i32', layout.budget, this.#budget);
    this.#record.setState('i32', layout.exitCode, this.#e.i32(code));
    this.#body.i32(0).return();
  }
}
