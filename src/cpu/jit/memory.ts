import type { Val, WasmEmitter } from '../isa/index.ts';
import { accessKind, accessOf, layout, type MemoryType, tlb, type WritableMemory } from '../isa/x86/index.ts';
import { type Opcode, opcodes, type WasmType } from '../wasm/index.ts';
import type { RegionFrame } from './frame.ts';
import type { RegionImports } from './imports.ts';

const entryShift = 12 - Math.log2(tlb.entryBytes);
const opcode = (name: string): Opcode => {
  const found = opcodes.get(name);
  if (!found) throw new RangeError(`Cannot emit "${name}": no such Wasm instruction`);
  return found;
};
const op = {
  add: opcode('i32.add'),
  and: opcode('i32.and'),
  isZero: opcode('i32.eqz'),
  wrap: opcode('i32.wrap_i64'),
  add64: opcode('i64.add'),
  and64: opcode('i64.and'),
  equal64: opcode('i64.eq'),
  shiftRight: opcode('i32.shr_u'),
} as const;

const pairBytes = 32;
const entryMask = (tlb.entries - 1) * tlb.entryBytes;

/** An access, and what becomes of its address in both ways. */
interface Access {
  readonly linear: Val;
  readonly bytes: number;
  readonly kind: number;
  readonly isRead: boolean;
  readonly result: WasmType;
  readonly then: () => void;
}

/** The instruction that accesses memory, as the ways out of the region see it. */
export interface RunningInstruction {
  /** Sets what an exit for its fault needs, and leaves the exit's point on the Wasm stack. */
  prepareFault(): void;
  /** Takes that exit when what lies on the Wasm stack, an i32, is not zero. */
  faultIf(): void;
}

/**
 * Guest memory as a region accesses it: through the TLB inline, through the core where that misses. This is most of a
 * region's code, so it is written for the Wasm stack, without a local for each step.
 */
export class RegionMemory {
  readonly #e: WasmEmitter;
  readonly #frame: RegionFrame;
  readonly #imports: RegionImports;
  readonly #running: RunningInstruction;
  readonly #entry: number;
  /**
   * The tag that was compared. V8 makes a load that is used once a part of the comparison, and then loads all the same,
   * since loads may trap: one load of three more. So it is used twice, where that costs nothing.
   */
  readonly #tag: number;
  /** Where a write that missed the TLB was done, 0 when none did since the last check. */
  readonly #slow: number;
  #wrote = false;
  /** An address that lies in the stack, most likely. */
  stackAddress: Val | undefined;

  constructor(e: WasmEmitter, frame: RegionFrame, imports: RegionImports, running: RunningInstruction) {
    this.#e = e;
    this.#frame = frame;
    this.#imports = imports;
    this.#running = running;
    this.#entry = e.body.local('i32');
    this.#tag = e.body.local('i64');
    this.#slow = e.body.local('i32');
  }

  load(type: MemoryType, linear: Val, onStack?: 'stack'): Val {
    const { load, bytes } = accessOf(type);
    this.settle();
    const result = this.#typeOf(type);
    this.#probe(linear, bytes, accessKind.read | (onStack ? accessKind.onStack : 0), result, () => {
      this.#e.body.memory(load, 0);
    });
    return this.#e.pop(result);
  }

  #typeOf(type: MemoryType): WasmType {
    if (type === 'f32' || type === 'f64') return type;
    if (type === 64) return 'i64';
    return typeof type === 'number' ? 'i32' : 'v128';
  }

  writable(type: MemoryType, linear: Val, access: 'write' | 'read-write', onStack?: 'stack'): WritableMemory {
    const e = this.#e;
    const { load, store, bytes } = accessOf(type);
    this.settle();
    this.#probe(linear, bytes, accessKind[access] | (onStack ? accessKind.onStack : 0), 'i32', () => {});
    const host = e.pop('i32');
    return {
      read: () => e.loadMemory(load, host, 0),
      write: (value) => {
        e.storeMemory(store, host, 0, value);
        this.#wrote = true;
      },
    };
  }

  loadPair(linear: Val): readonly [Val, Val] {
    const e = this.#e;
    this.settle();
    this.#probe(linear, pairBytes, accessKind.read, 'i32', () => {});
    const host = e.pop('i32');
    return [e.loadMemory('v128.load', host, 0), e.loadMemory('v128.load', host, pairBytes / 2)];
  }

  storePair(linear: Val, low: Val, high: Val): void {
    const e = this.#e;
    this.settle();
    this.#probe(linear, pairBytes, accessKind.write, 'i32', () => {});
    const host = e.pop('i32');
    e.storeMemory('v128.store', host, 0, low);
    e.storeMemory('v128.store', host, pairBytes / 2, high);
    this.#wrote = true;
  }

  /** Leaves what `then` makes of the address of the access in linear memory, which is on the Wasm stack, there. */
  #probe(linear: Val, bytes: number, kind: number, result: WasmType, then: () => void): void {
    const isRead = (kind & ~accessKind.onStack) === accessKind.read;
    const access = { linear, bytes, kind, isRead, result, then };
    this.#frame.begin();
    if (kind & accessKind.onStack || linear === this.stackAddress) this.#probeStack(access);
    else this.#probeTlb(access);
    this.#frame.end();
  }

  /**
   * The stack's page is in locals: most accesses of a function are to it. They are aligned, so one comparison tells both that
   * the access begins in that page and that it does not leave it.
   */
  #probeStack(access: Access): void {
    const e = this.#e;
    const { body } = e;
    const { stackPage, stackAddend } = this.#frame;
    const { linear, bytes, result, then } = access;
    e.push(linear);
    body
      .i64(-4096n | BigInt(bytes - 1))
      .op(op.and64)
      .get(stackPage)
      .op(op.equal64)
      .hint(true)
      .if(result);
    e.push(linear);
    body.op(op.wrap).get(stackAddend).op(op.add);
    then();
    body.else();
    this.#miss(access, this.#imports.stackAccess);
    this.#frame.loadStackPage();
    body.end();
  }

  #probeTlb(access: Access): void {
    const e = this.#e;
    const { body } = e;
    const { linear, bytes, isRead, result, then } = access;
    // The tag must be the page of the last byte: that of the entry only when the access stays in its page.
    e.push(linear);
    if (bytes > 1) body.i64(BigInt(bytes - 1)).op(op.add64);
    body.i64(-4096n).op(op.and64);
    e.push(linear);
    body.op(op.wrap).i32(entryShift).op(op.shiftRight).i32(entryMask).op(op.and);
    e.push(this.#frame.tlbBank());
    body.op(op.add).tee(this.#entry);
    body
      .memory('i64.load', isRead ? tlb.readTag : tlb.writeTag)
      .tee(this.#tag)
      .op(op.equal64)
      .hint(true)
      .if(result);
    e.push(linear);
    body.op(op.wrap).get(this.#entry).memory('i32.load', tlb.addend).op(op.add);
    then();
    body.else();
    body.i32(0).get(this.#tag).memory('i64.store', layout.missedTag);
    this.#miss(access, this.#imports.access);
    body.end();
  }

  #miss({ linear, bytes, kind, isRead, then }: Access, access: number): void {
    const { body } = this.#e;
    const host = isRead ? this.#entry : this.#slow;
    this.#e.push(linear);
    this.#running.prepareFault();
    body
      .i32(bytes | (kind << 8))
      .call(access)
      .tee(host)
      .op(op.isZero);
    this.#running.faultIf();
    body.get(host);
    then();
  }

  /** After a write, before its instruction does anything else that goes through the bounce buffer, or ends. */
  settle(): void {
    if (!this.#wrote) return;
    if (!this.#frame.isInBranch) this.#wrote = false; // The other way through the body has to look, too.
    this.#whenSlow(() => {
      this.#flush();
      this.#e.body.drop().i32(0).set(this.#slow);
    });
  }

  /** Code that another way through the instruction does not come by: what that has to look after is as it was. */
  apart(emit: () => void): void {
    const wrote = this.#wrote;
    emit();
    this.#wrote = wrote;
  }

  /** After an instruction that wrote: `leave` is taken when translated code was dropped by that. */
  finish(leave: () => void): void {
    this.#wrote = false;
    this.#whenSlow(() => {
      const { body } = this.#e;
      this.#flush();
      body.i32(0).set(this.#slow).hint(false).if();
      leave();
      body.end();
    });
  }

  #whenSlow(then: () => void): void {
    const { body } = this.#e;
    body.get(this.#slow).hint(false).if();
    then();
    body.end();
  }

  /** Carries the bounce buffer to where it belongs; leaves on the Wasm stack whether code was dropped. */
  #flush(): void {
    this.#e.body.get(this.#slow).call(this.#imports.afterWrite);
  }

  /** After a helper, which may have changed code. */
  noteHelper(): void {
    // A write that was begun before keeps its place.
    this.#e.body.get(this.#slow).i32(helperPlace).get(this.#slow).select().set(this.#slow);
  }
}

/** No place that a write is done at: nothing to carry. */
const helperPlace = 1;
