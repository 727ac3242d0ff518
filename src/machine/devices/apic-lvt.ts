// The local vector table of a local APIC, and its pins LINT0 and LINT1.
// Intel SDM volume 3A, section 11.5 "Handling local interrupts".

import { deliveryMode } from './apic-bus.ts';
import { commandBits, lowestVector, lvt, lvtBits, lvtEntries, lvtWritable } from './apic-registers.ts';

/** What an entry of the table has its APIC do. */
export interface LvtActions {
  acceptFixed(vector: number, isLevel: boolean): void;
  nmi(): void;
  /** The timer's entry was written. */
  configureTimer(mode: number, isMasked: boolean): void;
}

export class LocalVectorTable {
  readonly #actions: LvtActions;
  readonly #entries = new Uint32Array(lvtEntries);
  /** Bit 0 is LINT0's level, bit 1 LINT1's. */
  #levels = 0;

  constructor(actions: LvtActions) {
    this.#actions = actions;
  }

  /** After power-up or INIT; the levels of the pins stay. LINT0 takes the 8259 pair's interrupts where firmware would say so. */
  reset(isExternalOpen: boolean): void {
    this.#entries.fill(lvtBits.masked);
    if (isExternalOpen) this.#entries[lvt.lint0] = deliveryMode.extInt << commandBits.deliveryModeShift;
  }

  read(entry: number): number {
    return this.#entries[entry] ?? 0;
  }

  /** Disabled by software, the APIC keeps every entry masked (11.4.7.2). */
  write(entry: number, value: number, isSoftwareEnabled: boolean): void {
    const kept = this.read(entry) & lvtBits.remoteIrr;
    let written = (value & (lvtWritable[entry] ?? 0)) | kept;
    if (!isSoftwareEnabled) written |= lvtBits.masked;
    if (!(written & lvtBits.level)) written &= ~lvtBits.remoteIrr;
    this.#entries[entry] = written;
    if (entry === lvt.timer) this.#configureTimer();
    else if (entry === lvt.lint0 || entry === lvt.lint1) this.#raiseLevel(entry);
  }

  maskAll(): void {
    for (let i = 0; i < lvtEntries; i++) this.#entries[i] = this.read(i) | lvtBits.masked;
    this.#configureTimer();
  }

  #configureTimer(): void {
    const entry = this.read(lvt.timer);
    this.#actions.configureTimer((entry >> lvtBits.timerModeShift) & 3, (entry & lvtBits.masked) !== 0);
  }

  /** A level at LINT0 or LINT1. Of an APIC that is off the pins are INTR and NMI (11.4.3). */
  setPin(entry: number, level: boolean, isApicEnabled: boolean): void {
    const bit = 1 << (entry - lvt.lint0);
    const rises = level && !(this.#levels & bit);
    this.#levels = level ? this.#levels | bit : this.#levels & ~bit;
    if (!isApicEnabled) {
      if (rises && entry === lvt.lint1) this.#actions.nmi();
    } else if ((this.read(entry) & (lvtBits.level | lvtBits.deliveryMode)) === lvtBits.level) {
      this.#raiseLevel(entry);
    } else if (rises) this.raise(entry);
  }

  /** A fixed, level-triggered pin interrupts while it is high, once for each EOI. */
  #raiseLevel(entry: number): void {
    const value = this.read(entry);
    const isHigh = (this.#levels & (1 << (entry - lvt.lint0))) !== 0;
    const blocked = value & (lvtBits.masked | lvtBits.remoteIrr | lvtBits.deliveryMode);
    if (!isHigh || blocked || !(value & lvtBits.level)) return;
    this.#entries[entry] = value | lvtBits.remoteIrr;
    this.#actions.acceptFixed(value & lvtBits.vector, true);
  }

  /** An event of an entry. ExtINT needs nothing here: `isExternalRequested` looks at the pin. */
  raise(entry: number): void {
    const value = this.read(entry);
    if (value & lvtBits.masked) return;
    const mode = (value & lvtBits.deliveryMode) >> commandBits.deliveryModeShift;
    if (mode === deliveryMode.fixed) this.#actions.acceptFixed(value & lvtBits.vector, false);
    else if (mode === deliveryMode.nmi) this.#actions.nmi();
  }

  /** An error interrupt whose own vector is illegal must not report itself for ever. */
  raiseError(): void {
    if ((this.read(lvt.error) & lvtBits.vector) >= lowestVector) this.raise(lvt.error);
  }

  /** A level-triggered vector was served: pins that are still high interrupt again. */
  endOfInterrupt(vector: number): void {
    for (const entry of [lvt.lint0, lvt.lint1]) {
      const value = this.read(entry);
      if (!(value & lvtBits.remoteIrr) || (value & lvtBits.vector) !== vector) continue;
      this.#entries[entry] = value & ~lvtBits.remoteIrr;
      this.#raiseLevel(entry);
    }
  }

  get isLint0High(): boolean {
    return (this.#levels & 1) !== 0;
  }

  /** The 8259 pair asks, and its entry lets it through. */
  get isExternalRequested(): boolean {
    const mode = this.read(lvt.lint0) & (lvtBits.masked | lvtBits.deliveryMode);
    return this.isLint0High && mode === deliveryMode.extInt << commandBits.deliveryModeShift;
  }

  save(): { readonly lvt: number[]; readonly lintLevels: number } {
    return { lvt: [...this.#entries], lintLevels: this.#levels };
  }

  restore(state: { readonly lvt: readonly number[]; readonly lintLevels: number }): void {
    this.#entries.set(state.lvt);
    this.#levels = state.lintLevels;
  }
}
