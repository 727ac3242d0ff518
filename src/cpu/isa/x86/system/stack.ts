import { layout, segment } from '../layout.ts';
import { modeKey } from '../mode.ts';
import { vector } from './guest-fault.ts';
import {
  checkWritable,
  readLinear16,
  readLinear32,
  requireAlignment,
  writeLinear16,
  writeLinear32,
  writeLinearWords,
} from './linear-access.ts';
import { currentBank } from './mode.ts';
import { attribute } from './registers.ts';
import { addressFromWords, highWord, isCanonical } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

export type StackSlot = 2 | 4 | 8;

/** A stack that a helper pushes to or pops from. RSP only changes at `commit`, so a fault on the way undoes all. */
export class Stack {
  readonly #cpu: X86Cpu;
  pointer = 0;
  /** Upper word of the value popped last. */
  high = 0;
  #addressBytes: StackSlot = 2;
  #base = 0;
  #limit = 0;
  #isExpandDown = false;
  #bank = 0;
  #errorCode = 0;

  constructor(cpu: X86Cpu) {
    this.#cpu = cpu;
  }

  /** The program's own stack. */
  useCurrent(): this {
    const { state } = this.#cpu;
    const key = state.word(layout.modeKey);
    this.#addressBytes = (key & modeKey.codeMask) === modeKey.code64 ? 8 : key & modeKey.stack16 ? 2 : 4;
    this.#base = state.segmentBase(segment.ss);
    this.#limit = state.segmentLimit(segment.ss);
    this.#isExpandDown = isExpandDown(state.segmentAttributes(segment.ss));
    this.#bank = currentBank(state);
    this.#errorCode = 0;
    const lo = state.gprLow(gprNumber.rsp);
    if (this.#addressBytes === 8) this.pointer = addressFromWords(lo, state.gprHigh(gprNumber.rsp));
    else this.pointer = this.#addressBytes === 4 ? lo : lo & 0xffff;
    return this;
  }

  /** A 64-bit stack that is not in use yet. */
  use64(pointer: number, bankNumber: number, errorCode: number): this {
    this.#addressBytes = 8;
    this.#base = 0;
    this.#bank = bankNumber;
    this.#errorCode = errorCode;
    this.pointer = pointer;
    return this;
  }

  /** A stack in a segment that is not loaded yet; a violation raises #SS with `errorCode`. */
  useSegment(
    pointer: number,
    base: number,
    limit: number,
    attributes: number,
    bankNumber: number,
    errorCode: number,
  ): this {
    this.#addressBytes = attributes & attribute.big ? 4 : 2;
    this.#base = base;
    this.#limit = limit;
    this.#isExpandDown = isExpandDown(attributes);
    this.#bank = bankNumber;
    this.#errorCode = errorCode;
    this.pointer = this.#wrap(pointer);
    return this;
  }

  push(bytes: StackSlot, lo: number, hi = 0): void {
    const pointer = this.#wrap(this.pointer - bytes);
    const address = this.#address(pointer, bytes);
    if (bytes === 8) writeLinearWords(this.#cpu, address, lo, hi, this.#bank);
    else if (bytes === 4) writeLinear32(this.#cpu, address, lo, this.#bank);
    else writeLinear16(this.#cpu, address, lo, this.#bank);
    this.pointer = pointer;
  }

  /** The low word, unsigned; the upper one is in `high`. */
  pop(bytes: StackSlot): number {
    const value = this.peek(0, bytes);
    this.skip(bytes);
    return value;
  }

  /** Reads at a distance from the top without popping. */
  peek(distance: number, bytes: StackSlot): number {
    const address = this.#address(this.#wrap(this.pointer + distance), bytes);
    this.high = 0;
    if (bytes === 2) return readLinear16(this.#cpu, address, this.#bank);
    requireAlignment(this.#cpu, address, bytes, this.#bank);
    const lo = readLinear32(this.#cpu, address, this.#bank);
    if (bytes === 8) this.high = readLinear32(this.#cpu, address + 4, this.#bank) | 0;
    return lo;
  }

  skip(bytes: number): void {
    this.pointer = this.#wrap(this.pointer + bytes);
  }

  moveTo(pointer: number): void {
    this.pointer = this.#wrap(pointer);
  }

  /** Raises what a push of this size at the pointer itself would raise. */
  checkWritable(bytes: StackSlot): void {
    checkWritable(this.#cpu, this.#address(this.pointer, bytes), bytes, this.#bank);
  }

  /** Makes the pointer the program's RSP, ESP or SP, as wide as this stack is addressed. */
  commit(): void {
    this.#cpu.state.setGprSized(gprNumber.rsp, this.#addressBytes, this.pointer | 0, highWord(this.pointer));
  }

  #wrap(pointer: number): number {
    if (this.#addressBytes === 8) return pointer;
    return this.#addressBytes === 4 ? pointer >>> 0 : pointer & 0xffff;
  }

  #address(pointer: number, bytes: number): number {
    if (this.#addressBytes === 8) {
      if (!isCanonical(pointer) || !isCanonical(pointer + bytes - 1)) this.#violation();
      return pointer;
    }
    const last = pointer + bytes - 1;
    if (this.#isExpandDown) {
      const top = this.#addressBytes === 4 ? 0xffffffff : 0xffff;
      if (pointer <= this.#limit || last > top) this.#violation();
    } else if (last > this.#limit && this.#limit !== 0xffffffff) {
      this.#violation();
    }
    return (this.#base + pointer) >>> 0;
  }

  #violation(): never {
    return this.#cpu.raise(vector.stackFault, this.#errorCode);
  }
}

const isExpandDown = (attributes: number): boolean =>
  (attributes & (attribute.code | attribute.expandDown)) === attribute.expandDown;
