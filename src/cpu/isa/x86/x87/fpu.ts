/**
 * The x87 FPU of one vCPU: its registers in linear memory, the register stack, and exceptions.
 * SDM 1, chapter 8. Every helper begins with `fpu.start` (a waiting instruction) or touches no exception at all.
 */
import { layout } from '../layout.ts';
import { cell, exception, Float80Unit } from './unit.ts';

/** Guest memory by linear address, for operands too large for `layout.helper`. Both throw the guest's faults. */
export interface GuestLinear {
  read(linear: bigint, bytes: number): Uint8Array;
  /** Changes some of these bytes, all or nothing; `change` throws nothing. */
  update(linear: bigint, bytes: number, change: (data: Uint8Array) => void): void;
  /** All or nothing. */
  write(linear: bigint, data: Uint8Array): void;
}

export interface X87Host {
  /**
   * A waiting instruction found an unmasked exception pending. With CR0.NE set this throws #MF; without, FERR# goes
   * out (IRQ 13) and it throws whatever stops the instruction, or returns when IGNNE# lets it run.
   */
  raiseMathFault(): void;
  /** No exception that was reported is pending any more: FERR# falls. */
  endMathFault(): void;
  /** #GP(0). */
  raiseGeneralProtection(): never;
  /** XRSTOR takes the compacted format. */
  readonly hasCompaction: boolean;
  /** Mod and R/M of the running instruction's ModRM byte, in place; it has a memory operand. */
  addressingForm(): number;
}

export const status = { stackFault: 0x40, summary: 0x80, C0: 0x100, C1: 0x200, C2: 0x400, C3: 0x4000, busy: 0x8000 };
export const conditionCodes: number = status.C0 | status.C1 | status.C2 | status.C3;
const masks = 0x3f;

const controlIndex = layout.x87Control >> 1;
const statusIndex = layout.x87Status >> 1;
const tagIndex = layout.x87Tag >> 1;
const opcodeIndex = layout.x87Opcode >> 1;
const registerWord = layout.x87 >> 2;
const pointerWord = layout.x87InstructionPointer >> 2;
const dataPointerWord = layout.x87DataPointer >> 2;
const ripWord = layout.rip >> 2;
const eaWord = layout.ea >> 2;

export class X87 {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly bytes: Uint8Array;
  readonly unit: Float80Unit = new Float80Unit();
  readonly linear: GuestLinear;
  readonly host: X87Host;
  /** A store's effect on the FPU, held back until `x87Commit` because the store itself may fault. */
  #heldExceptions = 0;
  #heldOpcode = 0;
  #heldPop = false;
  /** `endMathFault` is due when nothing is pending; a restored processor may have reported what it does not know of. */
  #isReported = true;

  /** `buffer` is the vCPU's linear memory, which must not grow. */
  constructor(buffer: ArrayBufferLike, linear: GuestLinear, host: X87Host) {
    this.words = new Int32Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.linear = linear;
    this.host = host;
  }

  get control(): number {
    return this.halves[controlIndex]!;
  }
  get status(): number {
    return this.halves[statusIndex]!;
  }
  set status(value: number) {
    this.halves[statusIndex] = value;
  }
  /** One bit for each physical register, set when it holds something. */
  get tags(): number {
    return this.halves[tagIndex]!;
  }
  set tags(value: number) {
    this.halves[tagIndex] = value;
  }
  get opcode(): number {
    return this.halves[opcodeIndex]!;
  }
  set opcode(value: number) {
    this.halves[opcodeIndex] = value & 0x7ff;
  }
  get top(): number {
    return (this.halves[statusIndex]! >> 11) & 7;
  }
  set top(value: number) {
    this.halves[statusIndex] = (this.halves[statusIndex]! & ~0x3800) | ((value & 7) << 11);
  }

  /** Whether the next waiting instruction raises #MF. */
  pendingException(): boolean {
    return (this.halves[statusIndex]! & status.summary) !== 0;
  }

  /** Begins a waiting instruction: reports what is pending, then notes its address and clears the unit. */
  start(): void {
    const control = this.wait();
    const w = this.words;
    w[pointerWord] = w[ripWord]!;
    w[pointerWord + 1] = w[ripWord + 1]!;
    this.unit.begin(control);
  }

  /** Begins a waiting store, which changes nothing before its commit. */
  startStore(): void {
    this.unit.begin(this.wait());
    this.#heldExceptions = 0;
    this.#heldOpcode = 0;
    this.#heldPop = false;
  }

  wait(): number {
    if (this.halves[statusIndex]! & status.summary) this.#reportPending();
    return this.halves[controlIndex]!;
  }

  #reportPending(): void {
    this.#isReported = true;
    this.host.raiseMathFault();
  }

  #endReport(): void {
    if (!this.#isReported || this.pendingException()) return;
    this.#isReported = false;
    this.host.endMathFault();
  }

  /** Writes the control word; bit 6 reads as one, and what is now unmasked becomes pending. */
  setControl(value: number): void {
    this.halves[controlIndex] = (value & 0x1f3f) | 0x40;
    this.updateSummary();
  }

  /** ES and B follow from the exceptions and their masks. */
  updateSummary(): void {
    const sw = this.halves[statusIndex]! & ~(status.summary | status.busy);
    const isPending = (sw & ~this.control & masks) !== 0;
    this.halves[statusIndex] = isPending ? sw | status.summary | status.busy : sw;
    this.#endReport();
  }

  isEmpty(i: number): boolean {
    return ((this.halves[tagIndex]! >> ((this.top + i) & 7)) & 1) === 0;
  }

  /** Copies ST(i) into a cell of the unit. */
  load(i: number, to: number): void {
    const from = registerWord + (((this.top + i) & 7) << 2);
    const source = this.words;
    const w = this.unit.words;
    w[to] = source[from]!;
    w[to + 1] = source[from + 1]!;
    w[to + 2] = source[from + 2]! & 0xffff;
  }

  /** Copies a cell of the unit into ST(i), which becomes occupied. */
  store(i: number, from: number): void {
    const physical = (this.top + i) & 7;
    const to = registerWord + (physical << 2);
    const target = this.words;
    const w = this.unit.words;
    target[to] = w[from]!;
    target[to + 1] = w[from + 1]!;
    target[to + 2] = w[from + 2]! & 0xffff;
    this.halves[tagIndex]! |= 1 << physical;
  }

  /** ST(to) = ST(from), unchanged. */
  copy(from: number, to: number): void {
    const top = this.top;
    const physical = (top + to) & 7;
    const source = registerWord + (((top + from) & 7) << 2);
    const target = registerWord + (physical << 2);
    const w = this.words;
    w[target] = w[source]!;
    w[target + 1] = w[source + 1]!;
    w[target + 2] = w[source + 2]!;
    this.halves[tagIndex]! |= 1 << physical;
  }

  /** Exchanges the contents of two registers that are both occupied. */
  exchange(i: number, j: number): void {
    const top = this.top;
    const first = registerWord + (((top + i) & 7) << 2);
    const second = registerWord + (((top + j) & 7) << 2);
    const w = this.words;
    for (let k = 0; k < 3; k++) {
      const word = w[first + k]!;
      w[first + k] = w[second + k]!;
      w[second + k] = word;
    }
  }

  pop(): void {
    const sw = this.halves[statusIndex]!;
    const top = (sw >> 11) & 7;
    this.halves[tagIndex]! &= ~(1 << top);
    this.halves[statusIndex] = (sw & ~0x3800) | (((top + 1) & 7) << 11);
  }

  free(i: number): void {
    this.halves[tagIndex]! &= ~(1 << ((this.top + i) & 7));
  }

  /**
   * Ends an instruction: exceptions and C1 go into the status word. True when a register result is to be written:
   * an unmasked invalid operation, division by zero or denormal keeps the operands (SDM 1, 8.5).
   */
  finish(opcode: number): boolean {
    const u = this.unit;
    if (u.raised === 0) {
      const sw = this.halves[statusIndex]!;
      if (sw & status.C1) this.halves[statusIndex] = sw & ~status.C1;
      return true;
    }
    return this.#report(opcode);
  }

  #report(opcode: number): boolean {
    const u = this.unit;
    const unmasked = u.raised & ~u.control & (exception.IE | exception.ZE | exception.DE);
    if (unmasked & exception.DE) {
      u.raised &= exception.DE;
      u.roundedUp = 0;
    }
    this.raise(u.raised, u.roundedUp, opcode);
    return unmasked === 0;
  }

  /** Adds exceptions (and the stack-fault bit) to the status word and sets C1. */
  raise(exceptions: number, c1: number, opcode: number): void {
    let sw = (this.halves[statusIndex]! & ~status.C1) | exceptions | (c1 << 9);
    if (exceptions & ~this.control & masks) {
      sw |= status.summary | status.busy;
      this.#noteOpcode(opcode);
    }
    this.halves[statusIndex] = sw;
  }

  /** Opcode and data pointer change only with unmasked exceptions, as CPUID.7.0:EBX bit 6 says (SDM 1, 8.1.8). */
  #noteOpcode(opcode: number): void {
    this.opcode = opcode;
    if ((opcode & 0xff) >= 0xc0) return;
    this.opcode = opcode | this.host.addressingForm();
    const w = this.words;
    w[dataPointerWord] = w[eaWord]!;
    w[dataPointerWord + 1] = w[eaWord + 1]!;
  }

  /** A stack overflow (c1 = 1) or underflow (0). True when it is masked, and the default QNaN is the result. */
  stackFault(c1: number, opcode: number): boolean {
    this.raise(exception.IE | status.stackFault, c1, opcode);
    return (this.control & exception.IE) !== 0;
  }

  /** Plans what a store does to the FPU once its memory write has succeeded. */
  hold(exceptions: number, opcode: number, pops: boolean): void {
    this.#heldExceptions = exceptions;
    this.#heldOpcode = opcode;
    this.#heldPop = pops;
  }

  /** The rest of a store instruction, after its memory write. */
  commit(): void {
    const w = this.words;
    w[pointerWord] = w[ripWord]!;
    w[pointerWord + 1] = w[ripWord + 1]!;
    this.raise(this.#heldExceptions, this.unit.roundedUp, this.#heldOpcode);
    if (this.#heldPop) this.pop();
  }

  /** FNCLEX. */
  clearExceptions(): void {
    this.status &= 0x7f00;
    this.#endReport();
  }

  /** FNINIT; registers keep their contents. */
  initialize(): void {
    this.halves[controlIndex] = 0x37f;
    this.status = 0;
    this.tags = 0;
    this.opcode = 0;
    this.words.fill(0, pointerWord, pointerWord + 4);
    this.#endReport();
  }

  /** Puts the unit's default QNaN into ST(i). */
  storeIndefinite(i: number): void {
    const w = this.unit.words;
    w[cell.r] = 0;
    w[cell.r + 1] = 0xc0000000 | 0;
    w[cell.r + 2] = 0xffff;
    this.store(i, cell.r);
  }
}
