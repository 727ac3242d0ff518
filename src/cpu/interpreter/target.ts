import { asVal, type Operand, type Val, Value, type WasmEmitter, type Width } from '../isa/index.ts';
import {
  accessKind,
  accessOf,
  emitTlbProbe,
  type FlagVals,
  flagWords,
  layout,
  type MemoryType,
  type OperandSource,
  type RecordField,
  type Shape,
  sharedFunction,
  stateAccess,
  takeResults,
  type VariantOperand,
  type WritableMemory,
  type X86Target,
} from '../isa/x86/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import { exit, link, record } from './record.ts';

const pairBytes = 32;
const zeroBytes: readonly number[] = new Array(16).fill(0);

/** Locals of every handler. */
const ip = 0;
const budget = 1;
const frames = 2;

/** What handlers call besides their own code. */
export interface CoreFunctions {
  /**
   * Function type of handlers: (record, budget, frames left) -> what is left of the budget, more than 0, when the guest
   * has returned from a call and goes on at `layout.rip`; 0 when generated code is to be left, for `layout.exitCode`.
   */
  readonly handlerType: number;
  /** (rip i64, budget, frames) -> as a handler: goes on at `rip`. */
  readonly lookup: number;
  /** The same when the target cache does not know. */
  readonly lookupSlowly: number;
  /** Gives the flags that translated code left the form of words. */
  readonly settleFlags: number;
  readonly slowAccess: number;
  readonly flushBounce: number;
  readonly raise: number;
  /** Writes the call of a helper, or of a shared function, whose arguments are on the Wasm stack. */
  callHelper(body: FunctionBody, name: string): void;
  callShared(body: FunctionBody, name: string): void;
}

/** The interpreter's view of the processor: operands are dug out of the record, state lies in linear memory. */
export class InterpreterTarget implements X86Target, OperandSource {
  readonly shape: Shape;
  readonly #e: WasmEmitter;
  readonly #body: FunctionBody;
  readonly #core: CoreFunctions;

  constructor(e: WasmEmitter, core: CoreFunctions, shape: Shape) {
    this.#e = e;
    this.#body = e.body;
    this.#core = core;
    this.shape = shape;
  }

  // The record.

  get #record(): Operand {
    return asVal(Value.local('i32', ip));
  }

  /** A field of the running record. */
  field(name: RecordField): Operand {
    return this.#e.loadMemory('i32.load8_u', this.#record, record[name]);
  }

  displacement(): Operand {
    return this.#e.loadMemory('i64.load32_s', this.#record, record.displacement);
  }

  displacement32(): Operand {
    return this.#e.loadMemory('i32.load', this.#record, record.displacement);
  }

  /** The immediate in the operand's width; wider than the field only when it takes the displacement's place too. */
  immediate(width: Width, isWhole: boolean): Operand {
    if (width === 64) {
      return isWhole
        ? this.#e.loadMemory('i64.load', this.#record, record.displacement)
        : this.#e.loadMemory('i64.load32_s', this.#record, record.immediate);
    }
    return this.#e.loadMemory('i32.load', this.#record, record.immediate);
  }

  /** Linear address of a memory operand: a base register (or the address temporary) and a displacement. */
  operandAddress(): Val {
    const base = this.#e.loadMemory('i64.load', this.field('r3'), 0);
    return this.wrapAddress(this.#e.op('i64.add', base, this.displacement()));
  }

  // Registers and state.

  readRegister({ width, field }: VariantOperand & { kind: 'register' }): Val {
    return this.registerAt(width, this.field(field));
  }

  writeRegister({ width, field }: VariantOperand & { kind: 'register' }, value: Val): void {
    this.setRegisterAt(width, this.field(field), value);
  }

  vectorOffset({ field }: VariantOperand & { kind: 'mmx' }): Val {
    return this.field(field);
  }

  readVector({ type, field }: VariantOperand & { kind: 'vector' }): Val {
    return this.#e.loadMemory(accessOf(type).load, this.field(field), layout.xmm);
  }

  writeVector({ type, field }: VariantOperand & { kind: 'vector' }, value: Val): void {
    this.#e.storeMemory(accessOf(type).store, this.field(field), layout.xmm, value);
  }

  readVectorHigh({ field }: VariantOperand & { kind: 'vector' }): Val {
    return this.#e.loadMemory('v128.load', this.field(field), layout.ymmHigh);
  }

  writeVectorHigh({ field }: VariantOperand & { kind: 'vector' }, value: Val | undefined): void {
    this.#e.storeMemory('v128.store', this.field(field), layout.ymmHigh, value ?? this.#e.v128(zeroBytes));
  }

  secondImmediate(): Val {
    return this.displacement32();
  }

  branchForm(): Val {
    return this.field('r1');
  }

  number({ field }: VariantOperand & { kind: 'number' }): Val {
    return this.field(field);
  }

  /** A register by the offset that a record field holds. */
  registerAt(width: Width, offset: Val): Val {
    return this.#e.loadMemory(accessOf(width).load, offset, layout.gpr);
  }

  /** Writes to 32-bit registers clear the upper half (SDM 1, 3.4.1.1). */
  setRegisterAt(width: Width, offset: Val, value: Val): void {
    if (width === 32) this.#e.storeMemory('i64.store', offset, layout.gpr, this.#e.op('i64.extend_i32_u', value));
    else this.#e.storeMemory(accessOf(width).store, offset, layout.gpr, value);
  }

  register(width: Width, number: number): Val {
    return this.registerAt(width, this.#e.i32(number * 8));
  }

  setRegister(width: Width, number: number, value: Val): void {
    this.setRegisterAt(width, this.#e.i32(number * 8), value);
  }

  state(type: 'i32' | 'i64' | 'u16', offset: number): Val {
    return this.#e.loadMemory(stateAccess[type].load, this.#e.i32(0), offset);
  }

  setState(type: 'i32' | 'i64' | 'u16', offset: number, value: Val): void {
    this.#e.storeMemory(stateAccess[type].store, this.#e.i32(0), offset, value);
  }

  flags(): FlagVals {
    return {
      zero: this.state('i64', layout.flagZero),
      sign: this.state('i64', layout.flagSign),
      carry: this.state('i64', layout.flagCarry),
    };
  }

  setFlags(flags: FlagVals): void {
    const { zero, sign, carry } = flagWords(flags);
    this.setState('i64', layout.flagZero, zero);
    this.setState('i64', layout.flagSign, sign);
    this.setState('i64', layout.flagCarry, carry);
  }

  /** Each handler stands alone. */
  isTame(): boolean {
    return false;
  }

  noteTame(): void {}

  // Memory.

  wrapAddress(linear: Val): Val {
    return this.#e.op('i64.and', linear, this.state('i64', layout.addressMask));
  }

  load(type: MemoryType, linear: Val, onStack?: 'stack'): Val {
    const access = accessOf(type);
    const host = this.#host(linear, access.bytes, accessKind.read | (onStack ? accessKind.onStack : 0));
    return this.#e.loadMemory(access.load, host, 0);
  }

  store(type: MemoryType, linear: Val, value: Val, onStack?: 'stack'): void {
    this.writable(type, linear, 'write', onStack).write(value);
  }

  writable(type: MemoryType, linear: Val, access: 'write' | 'read-write', onStack?: 'stack'): WritableMemory {
    const { load, store, bytes } = accessOf(type);
    const host = this.#host(linear, bytes, accessKind[access] | (onStack ? accessKind.onStack : 0));
    return {
      read: () => this.#e.loadMemory(load, host, 0),
      write: (value) => {
        this.#e.storeMemory(store, host, 0, value);
        this.#flushFrom(host);
      },
    };
  }

  /** After a write at an address in linear memory. */
  #flushFrom(host: Val): void {
    this.#e.rarely(this.#e.op('i32.eq', host, this.#e.i32(layout.bounce)), () =>
      this.#body.call(this.#core.flushBounce),
    );
  }

  loadPair(linear: Val): readonly [Val, Val] {
    const host = this.#host(linear, pairBytes, accessKind.read);
    return [this.#e.loadMemory('v128.load', host, 0), this.#e.loadMemory('v128.load', host, pairBytes / 2)];
  }

  storePair(linear: Val, low: Val, high: Val): void {
    const host = this.#host(linear, pairBytes, accessKind.write);
    this.#e.storeMemory('v128.store', host, 0, low);
    this.#e.storeMemory('v128.store', host, pairBytes / 2, high);
    this.#flushFrom(host);
  }

  requireAligned(linear: Val, bytes: 16 | 32): void {
    const low = this.#e.op('i32.and', this.#e.op('i32.wrap_i64', linear), this.#e.i32(bytes - 1));
    this.#e.when(low, () => this.#raise(13, 0));
  }

  #host(linear: Val, bytes: number, kind: number): Val {
    const isRead = (kind & ~accessKind.onStack) === accessKind.read;
    const bank = this.state('i32', layout.tlbBank);
    const miss = (low: Val, high: Val): Val => this.#slowHost(low, high, bytes, kind);
    return emitTlbProbe(this.#e, { bank, linear, bytes, isRead, miss });
  }

  #slowHost(low: Val, high: Val, bytes: number, kind: number): Val {
    const e = this.#e;
    this.#storeRip();
    e.push(low, high, e.i32(bytes), e.i32(kind));
    this.#body.call(this.#core.slowAccess);
    const host = e.pop('i32');
    e.rarely(e.op('i32.eqz', host), () => this.#exitWithFault());
    return host;
  }

  // Helpers and faults.

  setHelperArgument(value: Val, index = 0): void {
    this.setState('i64', layout.helper + 8 * index, value);
  }

  helperResult(index = 0): Val {
    return this.state('i64', layout.helper + 8 * index);
  }

  helper(name: string, ...args: readonly Val[]): Val {
    const e = this.#e;
    this.#storeRip();
    this.setState('i64', layout.nextRip, this.nextRip());
    e.push(...[...args, e.i32(0), e.i32(0), e.i32(0)].slice(0, 3));
    this.#core.callHelper(this.#body, name);
    const result = e.pop('i32');
    e.rarely(this.state('i32', layout.faulted), () => this.#exitWithFault());
    return result;
  }

  unitHelper(name: string, ...args: readonly Val[]): Val {
    return this.helper(name, ...args);
  }

  shared(name: string, ...args: readonly Val[]): readonly Val[] {
    this.#e.push(...args);
    this.#core.callShared(this.#body, name);
    return takeResults(this.#e, sharedFunction(name));
  }

  faultIf(condition: Val): void {
    this.#e.rarely(condition, () => this.#exitWithFault());
  }

  helperEnds(name: string, ...args: readonly Val[]): void {
    this.helper(name, ...args);
    this.jump(this.state('i64', layout.nextRip));
  }

  raise(vector: number, errorCode = -1): void {
    this.#raise(vector, errorCode);
  }

  #raise(vector: number, errorCode: number): void {
    this.raiseWith(this.#e.i32(vector), this.#e.i32(errorCode));
  }

  /** `errorCode` -1: none. */
  raiseWith(vector: Val, errorCode: Val): void {
    this.#storeRip();
    this.#e.push(vector, errorCode);
    this.#body.call(this.#core.raise);
    this.#exitWithFault();
  }

  #exitWithFault(): void {
    this.setState('i32', layout.exitRecord, this.#record);
    this.#leave(exit.fault);
  }

  #leave(code: number): void {
    this.setState('i32', layout.budget, this.#budget);
    this.setState('i32', layout.exitCode, this.#e.i32(code));
    this.#body.i32(0).return();
  }

  get #budget(): Val {
    return asVal(Value.local('i32', budget));
  }

  get #frames(): Val {
    return asVal(Value.local('i32', frames));
  }

  // Position and control flow.

  #pageOffset(): Val {
    const position = this.#e.loadMemory('i32.load16_u', this.#record, record.position);
    return this.#e.op('i32.and', position, this.#e.i32(0xfff));
  }

  #ripAt(pageOffset: Val): Val {
    const e = this.#e;
    return this.wrapAddress(e.op('i64.add', this.state('i64', layout.codePage), e.op('i64.extend_i32_u', pageOffset)));
  }

  /** Address of the running instruction. */
  rip(): Val {
    return this.#ripAt(this.#pageOffset());
  }

  nextRip(): Val {
    const e = this.#e;
    const position = e.loadMemory('i32.load16_u', this.#record, record.position);
    const length = e.op('i32.shr_u', position, e.i32(12));
    return this.#ripAt(e.op('i32.add', e.op('i32.and', position, e.i32(0xfff)), length));
  }

  #storeRip(): void {
    this.setState('i64', layout.rip, this.rip());
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
    this.#e.rarely(this.state('i32', layout.flagForm), () => this.#body.call(this.#core.settleFlags));
  }

  dispatchNext(): void {
    this.dispatch(this.#e.op('i32.add', this.#record, this.#e.i32(record.bytes)));
  }

  /** Takes the instructions begun so far, less `unfinished`, from the budget. */
  charge(unfinished = 0): void {
    const e = this.#e;
    const count = e.loadMemory('i32.load8_u', this.#record, record.count);
    const left = e.op('i32.sub', asVal(Value.local('i32', budget)), count);
    e.push(unfinished === 0 ? left : e.op('i32.add', left, e.i32(unfinished)));
    this.#body.set(budget);
  }

  /** Leaves generated code when the slice is over or something wants attention; `rip` is where to go on. */
  #leaveOnAttention(rip: () => Val): void {
    const e = this.#e;
    const isWanted = e.op('i32.le_s', asVal(Value.local('i32', budget)), this.state('i32', layout.attention));
    e.rarely(isWanted, () => {
      this.setState('i64', layout.rip, rip());
      this.#leave(exit.attention);
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
    this.setState('i64', layout.rip, target);
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
    const linked = e.loadMemory('i32.load', this.#record, record.immediate);
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
    const behind = this.nextRip();
    const page = this.state('i64', layout.codePage);
    const epoch = this.state('i32', layout.fetchEpoch);
    const result = invoke();
    const isElsewhere = e.op('i64.ne', this.state('i64', layout.rip), behind);
    const isOther = e.op('i32.or', isElsewhere, e.op('i32.ne', this.state('i32', layout.fetchEpoch), epoch));
    e.rarely(e.op('i32.or', e.op('i32.eqz', result), isOther), () => {
      e.push(result);
      this.#body.return();
    });
    e.push(result);
    this.#body.set(budget);
    this.setState('i64', layout.codePage, page);
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
    const linked = e.loadMemory('i32.load', this.#record, at + record.immediate);
    e.when(e.op('i32.gt_u', linked, e.i32(link.lookup)), () => this.dispatch(linked));
    e.when(e.op('i32.eq', linked, e.i32(link.lookup)), () => this.#lookup(this.#linkTarget(at)));
    this.#leaveForLink(at);
  }

  /** RIP of the branch target in the record `at` bytes on. */
  #linkTarget(at: number): Val {
    const e = this.#e;
    const displacement = e.loadMemory('i64.load32_s', this.#record, at + record.displacement);
    const wrapped = this.wrapAddress(e.op('i64.add', this.state('i64', layout.codePage), displacement));
    return this.shape.width === 16 && at === 0 ? e.op('i64.and', wrapped, e.i64(0xffffn)) : wrapped;
  }

  #leaveForLink(at: number): void {
    this.setState('i64', layout.rip, this.#linkTarget(at));
    this.setState('i32', layout.exitRecord, this.#e.op('i32.add', this.#record, this.#e.i32(at + record.immediate)));
    this.#leave(exit.link);
  }

  /** Looks the running instruction up again: its block is stale. */
  resynchronize(): void {
    this.charge(1);
    this.#lookup(this.rip(), this.#core.lookupSlowly);
  }

  leave(code: number): void {
    this.#leave(code);
  }

  setImmediate(value: Val): void {
    this.#e.storeMemory('i32.store', this.#record, record.immediate, value);
  }

  leaveHot(): void {
    this.#storeRip();
    this.setState('i32', layout.exitRecord, this.#record);
    this.#leave(exit.hot);
  }

  storeRip(): void {
    this.#storeRip();
  }
}
