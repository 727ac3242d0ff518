import type { Operand, Val, WasmEmitter, Width } from '../isa/index.ts';
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
  takeResults,
  type VariantOperand,
  type WritableMemory,
  type X86Target,
} from '../isa/x86/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import { ControlFlow } from './control-flow.ts';
import type { CoreFunctions } from './core-functions.ts';
import { RunningRecord } from './running-record.ts';

const pairBytes = 32;
const zeroBytes: readonly number[] = new Array(16).fill(0);

/** The interpreter's view of the processor: operands are dug out of the record, state lies in linear memory. */
export class InterpreterTarget implements X86Target, OperandSource {
  readonly shape: Shape;
  readonly record: RunningRecord;
  readonly flow: ControlFlow;
  readonly #e: WasmEmitter;
  readonly #body: FunctionBody;
  readonly #core: CoreFunctions;

  constructor(e: WasmEmitter, core: CoreFunctions, shape: Shape) {
    this.#e = e;
    this.#body = e.body;
    this.#core = core;
    this.shape = shape;
    this.record = new RunningRecord(e);
    this.flow = new ControlFlow(e, core, this.record, shape);
  }

  // Operands.

  field(name: RecordField): Operand {
    return this.record.field(name);
  }

  immediate(width: Width, isWhole: boolean): Operand {
    return this.record.immediate(width, isWhole);
  }

  /** Linear address of a memory operand: a base register (or the address temporary) and a displacement. */
  operandAddress(): Val {
    const base = this.#e.loadMemory('i64.load', this.field('r3'), 0);
    return this.wrapAddress(this.#e.op('i64.add', base, this.record.displacement()));
  }

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
    return this.record.displacement32();
  }

  branchForm(): Val {
    return this.field('r1');
  }

  number({ field }: VariantOperand & { kind: 'number' }): Val {
    return this.field(field);
  }

  // Registers and state.

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
    return this.record.state(type, offset);
  }

  setState(type: 'i32' | 'i64' | 'u16', offset: number, value: Val): void {
    this.record.setState(type, offset, value);
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
    return this.record.wrapAddress(linear);
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
    this.record.storeRip();
    e.push(low, high, e.i32(bytes), e.i32(kind));
    this.#body.call(this.#core.slowAccess);
    const host = e.pop('i32');
    e.rarely(e.op('i32.eqz', host), () => this.flow.leaveWithFault());
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
    this.record.storeRip();
    this.setState('i64', layout.nextRip, this.nextRip());
    e.push(...[...args, e.i32(0), e.i32(0), e.i32(0)].slice(0, 3));
    this.#core.callHelper(this.#body, name);
    const result = e.pop('i32');
    e.rarely(this.state('i32', layout.faulted), () => this.flow.leaveWithFault());
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
    this.#e.rarely(condition, () => this.flow.leaveWithFault());
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
    this.record.storeRip();
    this.#e.push(vector, errorCode);
    this.#body.call(this.#core.raise);
    this.flow.leaveWithFault();
  }

  // Position and control flow.

  rip(): Val {
    return this.record.rip();
  }

  nextRip(): Val {
    return this.record.nextRip();
  }

  jump(target: Val): void {
    this.flow.jump(target);
  }

  return(target: Val): void {
    this.flow.return(target);
  }

  call(target: Val): void {
    this.flow.call(target);
  }

  callRelative(): void {
    this.flow.callRelative();
  }

  jumpRelative(): void {
    this.flow.jumpRelative();
  }

  fallThrough(): void {
    this.flow.fallThrough();
  }
}
