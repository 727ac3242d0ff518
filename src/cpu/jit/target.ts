import { exit } from '../interpreter/index.ts';
import type { Val, WasmEmitter, Width } from '../isa/index.ts';
import {
  accessOf,
  emitSegmentAddress,
  type FlagVals,
  type FloatElements,
  layout,
  type MemoryType,
  modeKey,
  type OperandSource,
  type Shape,
  segment,
  sharedFunction,
  stateAccess,
  takeResults,
  type VariantOperand,
  type WritableMemory,
  type X86Target,
} from '../isa/x86/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import { emitEffectiveAddress, isSegmented } from './address.ts';
import { RegionCalls, type RunningCall } from './calls.ts';
import { chargeBudget, type Link, type RegionExits } from './exits.ts';
import type { RegionFrame } from './frame.ts';
import { readGeneral, readHighByte, writeGeneral, writeHighByte } from './general-registers.ts';
import type { RegionImports } from './imports.ts';
import { RegionMemory } from './memory.ts';
import type { InstructionFlow, Position, RegionPlace } from './position.ts';
import { emitProfile } from './profile.ts';
import type { StackUse } from './stack-use.ts';
import { TameValues } from './tame-values.ts';
import { readVector, writeVector } from './vectors.ts';

export interface TargetParts {
  readonly e: WasmEmitter;
  readonly frame: RegionFrame;
  readonly exits: RegionExits;
  readonly imports: RegionImports;
  readonly stack: StackUse;
}

type AddressedOperand = VariantOperand & { kind: 'memory' | 'address' };

/**
 * A translated region's view of the processor: operands are constants, registers and flags are Wasm locals (`RegionFrame`),
 * everything else lies in linear memory as for the interpreter.
 */
export class JitTarget implements X86Target, OperandSource {
  shape: Shape = { width: 64, code: 64, stack: 'rsp' };
  readonly #e: WasmEmitter;
  readonly #body: FunctionBody;
  readonly #frame: RegionFrame;
  readonly #exits: RegionExits;
  readonly #imports: RegionImports;
  readonly #stack: StackUse;
  readonly #memory: RegionMemory;
  readonly #mode: number;
  readonly #is64: boolean;
  readonly #linkTo: (offset: number) => Link | undefined;
  readonly #slot: number;
  readonly #calls: RegionCalls;
  #position: Position | undefined;
  #immediates = 0;
  #stores = false;
  readonly #tame: TameValues;

  /** `linkTo`: how the code at an offset is found without a look-up. */
  constructor(
    { e, frame, exits, imports, stack }: TargetParts,
    place: RegionPlace,
    linkTo: (offset: number) => Link | undefined,
  ) {
    this.#e = e;
    this.#linkTo = linkTo;
    this.#slot = place.slot;
    this.#body = e.body;
    this.#frame = frame;
    this.#tame = new TameValues(frame);
    this.#exits = exits;
    this.#imports = imports;
    this.#stack = stack;
    this.#mode = place.mode;
    this.#is64 = (place.mode & modeKey.codeMask) === modeKey.code64;
    this.#memory = new RegionMemory(e, frame, imports, {
      prepareFault: () => this.#exits.prepare(exit.translatedFault, this.#here.offset, this.#here.done),
      faultIf: () => this.#exits.takeIf(),
    });
    this.#calls = new RegionCalls({ e, frame, exits, imports, memory: this.#memory }, place);
  }

  begin(position: Position, shape: Shape): void {
    this.#position = position;
    this.shape = shape;
    this.#immediates = 0;
    this.#stores = false;
    this.#tame.beginInstruction();
  }

  /** After an instruction: `leave` is taken when it wrote memory and that changed translated code. */
  finish(leave: () => void): void {
    if (this.#stores) this.#memory.finish(leave);
  }

  get #here(): Position {
    if (!this.#position) throw new RangeError('Cannot translate: no instruction has begun');
    return this.#position;
  }

  // Operands.

  readRegister({ width, source }: VariantOperand & { kind: 'register' }): Val {
    const number = this.#here.instruction.registers[source];
    if (this.#isHighByte(width, number)) return readHighByte(this.#e, this.#frame, number - 4);
    return this.register(width, number);
  }

  writeRegister({ width, source }: VariantOperand & { kind: 'register' }, value: Val): void {
    const number = this.#here.instruction.registers[source];
    if (this.#isHighByte(width, number)) writeHighByte(this.#e, this.#frame, number - 4, value);
    else this.setRegister(width, number, value);
  }

  #isHighByte(width: Width, number: number): boolean {
    return width === 8 && !this.#here.instruction.hasRex && number >= 4 && number < 8;
  }

  readVector(operand: VariantOperand & { kind: 'vector' }): Val {
    const number = this.#here.instruction.registers[operand.source];
    const value = readVector(this.#e, this.#frame.vector(number), operand.type);
    this.#tame.noteRead(number, value);
    return value;
  }

  writeVector(operand: VariantOperand & { kind: 'vector' }, value: Val): void {
    const number = this.#here.instruction.registers[operand.source];
    writeVector(this.#e, this.#frame, number, operand.type, value);
    this.#tame.noteWrite(number, operand.type, value);
  }

  readVectorHigh({ source }: VariantOperand & { kind: 'vector' }): Val {
    return this.#frame.vectorHigh(this.#here.instruction.registers[source]);
  }

  writeVectorHigh({ source }: VariantOperand & { kind: 'vector' }, value: Val | undefined): void {
    this.#frame.setVectorHigh(this.#here.instruction.registers[source], value);
  }

  isTame(value: Val, elements: FloatElements): boolean {
    return this.#tame.isTame(value, elements);
  }

  noteTame(value: Val, elements: FloatElements): void {
    this.#tame.noteTame(value, elements);
  }

  vectorOffset({ source }: VariantOperand & { kind: 'mmx' }): Val {
    return this.#e.i32((this.#here.instruction.registers[source] & 7) * 16);
  }

  number({ source }: VariantOperand & { kind: 'number' }): Val {
    const { instruction } = this.#here;
    const isSegment = instruction.variant?.row.operands.includes('S') ?? false;
    const number = instruction.registers[source];
    return this.#e.i32(isSegment ? number & 7 : number);
  }

  immediate(width: Width): Val {
    const value = this.#here.instruction.immediates[this.#immediates++] ?? 0;
    return this.#e.constant(width, value);
  }

  secondImmediate(): Val {
    return this.#e.i32(Number(this.#here.instruction.immediates[this.#immediates++] ?? 0));
  }

  branchForm(): Val {
    return this.#e.i32(Number(this.#here.instruction.immediates[0] ?? 0) & 0xff);
  }

  operandAddress(): Val {
    const { instruction } = this.#here;
    const { memory, variant } = instruction;
    if (!memory || !variant) throw new RangeError('Cannot translate: the instruction has no memory operand');
    const operand = variant.operands.find((o) => o.kind === 'memory' || o.kind === 'address');
    const offset = emitEffectiveAddress(this.#e, this.#frame, instruction, memory, this.#here.offset);
    const isAddressOnly = operand?.kind === 'address' && !operand.isLinear;
    if (isAddressOnly) return offset;
    if (!isSegmented(this.#mode, memory) && this.#stack.isNear(memory)) this.#memory.stackAddress = offset;
    if (this.#is64) {
      if (memory.segment < segment.fs) return offset;
      return this.#e.op('i64.add', offset, this.state('i64', layout.segmentBase + 8 * memory.segment));
    }
    if (!isSegmented(this.#mode, memory)) return offset;
    return this.#segmented(memory.segment, offset, operand);
  }

  #segmented(number: number, offset: Val, operand: AddressedOperand | undefined): Val {
    const e = this.#e;
    const bytes = operand?.kind === 'memory' ? accessOf(operand.type).bytes : (operand?.bytes ?? 1);
    const kind = operand ? kindOf[operand.access] : kindOf.read;
    return emitSegmentAddress(e, this, { number: e.i32(number), kind: e.i32(kind), bytes: e.i32(bytes), offset });
  }

  requireAligned(linear: Val, bytes: 16 | 32): void {
    const low = this.#e.op('i32.and', this.#e.op('i32.wrap_i64', linear), this.#e.i32(bytes - 1));
    this.#e.when(low, () => this.raise(13, 0));
  }

  // Registers and state.

  register(width: Width, number: number): Val {
    return readGeneral(this.#e, this.#frame, width, number);
  }

  setRegister(width: Width, number: number, value: Val): void {
    writeGeneral(this.#e, this.#frame, width, number, value);
  }

  state(type: 'i32' | 'i64' | 'u16', offset: number): Val {
    return this.#e.loadMemory(stateAccess[type].load, this.#e.i32(0), offset);
  }

  setState(type: 'i32' | 'i64' | 'u16', offset: number, value: Val): void {
    this.#e.storeMemory(stateAccess[type].store, this.#e.i32(0), offset, value);
    if (offset === layout.tlbBank) this.#frame.loadBank();
  }

  flags(): FlagVals {
    return this.#frame.flags();
  }

  setFlags(flags: FlagVals): void {
    this.#frame.setFlags(flags);
  }

  // Memory.

  wrapAddress(linear: Val): Val {
    return this.#is64 ? linear : this.#e.op('i64.and', linear, this.#e.i64(0xffffffffn));
  }

  load(type: MemoryType, linear: Val, onStack?: 'stack'): Val {
    return this.#memory.load(type, linear, onStack);
  }

  store(type: MemoryType, linear: Val, value: Val, onStack?: 'stack'): void {
    this.writable(type, linear, 'write', onStack).write(value);
  }

  writable(type: MemoryType, linear: Val, access: 'write' | 'read-write', onStack?: 'stack'): WritableMemory {
    this.#stores = true;
    return this.#memory.writable(type, linear, access, onStack);
  }

  loadPair(linear: Val): readonly [Val, Val] {
    return this.#memory.loadPair(linear);
  }

  storePair(linear: Val, low: Val, high: Val): void {
    this.#stores = true;
    this.#memory.storePair(linear, low, high);
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
    this.#memory.settle();
    this.setState('i64', layout.rip, this.rip());
    this.setState('i64', layout.nextRip, this.nextRip());
    this.#frame.spillForHelper();
    e.push(...[...args, e.i32(0), e.i32(0), e.i32(0)].slice(0, 3), e.i32(this.#imports.helperSlot(name)));
    this.#body.callIndirect(this.#imports.regionType);
    const result = e.pop('i32');
    this.#frame.forget('helper');
    this.#memory.noteHelper();
    this.#stores = true;
    e.rarely(this.state('i32', layout.faulted), () => this.#leaveWithFault());
    return result;
  }

  unitHelper(name: string, ...args: readonly Val[]): Val {
    const e = this.#e;
    this.#memory.settle();
    this.setState('i64', layout.rip, this.rip());
    e.push(...[...args, e.i32(0), e.i32(0), e.i32(0)].slice(0, 3), e.i32(this.#imports.helperSlot(name)));
    this.#body.callIndirect(this.#imports.regionType);
    const result = e.pop('i32');
    this.#frame.forgetTame();
    this.faultIf(this.state('i32', layout.faulted));
    return result;
  }

  shared(name: string, ...args: readonly Val[]): readonly Val[] {
    const { slot, type } = this.#imports.shared(name);
    this.#e.push(...args, this.#e.i32(slot));
    this.#body.callIndirect(type);
    return takeResults(this.#e, sharedFunction(name));
  }

  faultIf(condition: Val): void {
    this.#exits.prepare(exit.translatedFault, this.#here.offset, this.#here.done);
    this.#body.drop();
    this.#e.push(condition);
    this.#exits.takeIf();
  }

  helperEnds(name: string, ...args: readonly Val[]): void {
    this.helper(name, ...args);
    this.jump(this.state('i64', layout.nextRip));
  }

  raise(vector: number, errorCode = -1): void {
    this.#memory.settle(); // A call that finds its target illegal has pushed already.
    this.setState('i64', layout.rip, this.rip());
    this.#e.push(this.#e.i32(vector), this.#e.i32(errorCode));
    this.#body.call(this.#imports.raise);
    this.#leaveWithFault();
  }

  #leaveWithFault(): void {
    this.#exits.rare(exit.translatedFault, this.#here.offset, this.#here.done);
  }

  // Position and control flow.

  ripAt(offset: number): Val {
    return this.wrapAddress(this.#e.op('i64.add', this.#frame.codePage(), this.#e.i64(BigInt(offset))));
  }

  nextRip(): Val {
    return this.ripAt(this.#here.offset + this.#here.instruction.length);
  }

  rip(): Val {
    return this.ripAt(this.#here.offset);
  }

  charge(instructions: number): void {
    if (instructions === 0) return;
    chargeBudget(this.#e, this.#e.i32(instructions), this.#imports.countsInstructions);
  }

  jump(target: Val): void {
    this.#memory.settle();
    const { instruction, flow } = this.#here;
    if (instruction.variant?.row.name === 'jmp_indirect') {
      if (flow.dispatch) {
        this.#follow(() => flow.dispatch?.(target));
        return;
      }
      emitProfile(this.#e, this.#slot, target, this.#imports);
    }
    this.#frame.spill();
    this.charge(this.#here.done + 1);
    this.#exits.leave(target);
  }

  return(target: Val): void {
    const { returnsTo } = this.#here.flow;
    if (returnsTo) {
      this.#e.push(this.#e.op('i64.eq', target, this.ripAt(returnsTo.offset)));
      this.#body.hint(true).if();
      this.#follow(() => returnsTo.go());
      this.#body.end();
    }
    this.#frame.spill();
    this.charge(this.#here.done + 1);
    this.#exits.return(target);
  }

  /** Leaves for the instruction at an offset, `executed` instructions of the path being done. */
  leaveFor(offset: number, executed: number, isTaken = false): void {
    this.#frame.spill();
    this.charge(executed);
    const rip = this.ripAt(offset);
    // Branches of 16 bits clear the upper half of EIP when they are taken (SDM 2A, Jcc).
    const is16 = isTaken && this.shape.width === 16;
    const link = is16 ? undefined : this.#linkTo(offset);
    if (link) this.#exits.leaveTo(rip, link);
    else this.#exits.leave(is16 ? this.#e.op('i64.and', rip, this.#e.i64(0xffffn)) : rip);
  }

  call(target: Val): void {
    this.#calls.indirect(this.#runningCall, target);
  }

  callRelative(): void {
    const { instruction, offset } = this.#here;
    const targetOffset = offset + instruction.length + instruction.relative;
    const target = this.ripAt(targetOffset);
    if (this.shape.width === 16) {
      const wrapped = this.#e.op('i64.and', target, this.#e.i64(0xffffn));
      this.#calls.direct({ ...this.#runningCall, inlined: [] }, wrapped, undefined);
    } else this.#calls.direct(this.#runningCall, target, this.#linkTo(targetOffset));
  }

  get #runningCall(): RunningCall {
    const { done, flow } = this.#here;
    return {
      done: done + 1,
      inlined: flow.inlined,
      ripAt: (offset) => this.ripAt(offset),
      nextRip: () => this.nextRip(),
      charge: (instructions) => this.charge(instructions),
      follow: (go) => this.#follow(go),
    };
  }

  jumpRelative(): void {
    this.#follow((flow) => flow.taken());
  }

  fallThrough(): void {
    this.#follow((flow) => flow.next());
  }

  /** The other instructions of the region may be written meanwhile; this one goes on afterwards with what it knew. */
  #follow(go: (flow: InstructionFlow) => void): void {
    const position = this.#here;
    const { shape } = this;
    const { state } = this.#frame;
    const results = this.#e.resultsInUse();
    const depth = this.#frame.leaveBranches();
    go(position.flow);
    this.#frame.comeBack(depth);
    this.#position = position;
    this.shape = shape;
    this.#frame.state = state;
    this.#e.restoreResults(results);
  }
}

const kindOf = { read: 0, write: 1, 'read-write': 2 } as const;
