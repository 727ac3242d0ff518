import type { Val } from '../isa/index.ts';
import type { FloatElements, MemoryType } from '../isa/x86/index.ts';
import type { RegionFrame } from './frame.ts';

/** What is known of the vectors that the running instruction reads and makes (`X86Target.isTame`). */
export class TameValues {
  readonly #frame: RegionFrame;
  /** Registers that its operands are, and results that are tame. */
  readonly #sources = new Map<Val, number>();
  readonly #results = new Map<Val, FloatElements>();

  constructor(frame: RegionFrame) {
    this.#frame = frame;
  }

  beginInstruction(): void {
    this.#sources.clear();
    this.#results.clear();
  }

  noteRead(number: number, value: Val): void {
    this.#sources.set(value, number);
  }

  noteWrite(number: number, type: MemoryType, value: Val): void {
    const source = type === 'v128' ? this.#sources.get(value) : undefined;
    this.#frame.noteVectorWrite(number, type, this.#results.get(value), source);
  }

  isTame(value: Val, elements: FloatElements): boolean {
    const number = this.#sources.get(value);
    return number === undefined ? this.#results.get(value) === elements : this.#frame.isTame(number, elements);
  }

  noteTame(value: Val, elements: FloatElements): void {
    const number = this.#sources.get(value);
    if (number === undefined) this.#results.set(value, elements);
    else this.#frame.noteTame(number, elements);
  }
}
