// I/O APIC. Intel 82093AA data sheet (290566-001), with the EOI register of version 0x20 (ICH data sheets,
// "Advanced interrupt controller").
//
// Pin polarity is stored and has no effect: lines carry "asserted", not a voltage.

import type { BusTarget, IrqLine } from '../bus/index.ts';
import { type ApicBus, deliveryMode, widenDestination } from './apic-bus.ts';
import type { SavedDevice } from './device.ts';
import { list, type StateOf, stateSchema, u8, u32, unsigned } from './state-fields.ts';

export const ioApicPins = 24;
export const ioApicSizeBytes = 0x1000;

const window = { select: 0x00, data: 0x10, eoi: 0x40 } as const;
const register = { id: 0x00, version: 0x01, arbitration: 0x02, redirection: 0x10 } as const;
const versionValue = 0x20 | ((ioApicPins - 1) << 16);
/** Low half of a redirection table entry (section 3.2.4). */
const entryBits = {
  vector: 0xff,
  deliveryModeShift: 8,
  logical: 0x800,
  remoteIrr: 0x4000,
  level: 0x8000,
  masked: 0x10000,
  writable: 0x1afff,
} as const;

export const ioApicSchema = stateSchema('io-apic', 1, {
  select: u8,
  id: unsigned(15),
  /** Low and high halves, alternating. */
  redirection: list(u32, 2 * ioApicPins),
  lines: unsigned(2 ** ioApicPins - 1),
});
export type IoApicState = StateOf<typeof ioApicSchema>;

export class IoApic implements SavedDevice<IoApicState> {
  readonly name = 'io-apic';
  readonly schema = ioApicSchema;
  readonly page: BusTarget = {
    read: (offset) => this.#readWindow(offset),
    write: (offset, _size, value) => this.#writeWindow(offset, value),
  };
  readonly #bus: ApicBus;
  readonly #initialId: number;
  readonly #redirection = new Uint32Array(2 * ioApicPins);
  #select = 0;
  #id: number;
  #lines = 0;

  constructor(bus: ApicBus, id: number) {
    this.#bus = bus;
    this.#initialId = id & 15;
    this.#id = this.#initialId;
    this.#maskAll();
  }

  /** The wire of pin 0-23. */
  line(pin: number): IrqLine {
    return { set: (level) => this.#setPin(pin, level) };
  }

  /** A local APIC has served this level-triggered vector. Pins that are still high interrupt again. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < ioApicPins; pin++) {
      const entry = this.#entry(pin);
      if (!(entry & entryBits.remoteIrr) || (entry & entryBits.vector) !== vector) continue;
      this.#redirection[2 * pin] = entry & ~entryBits.remoteIrr;
      this.#serveLevel(pin);
    }
  }

  reset(): void {
    this.#select = 0;
    this.#id = this.#initialId;
    this.#maskAll();
  }

  save(): IoApicState {
    return { select: this.#select, id: this.#id, redirection: [...this.#redirection], lines: this.#lines };
  }

  restore(state: IoApicState): void {
    const checked = ioApicSchema.decode(ioApicSchema.version, state);
    this.#select = checked.select;
    this.#id = checked.id;
    this.#redirection.set(checked.redirection);
    this.#lines = checked.lines;
  }

  #maskAll(): void {
    this.#redirection.fill(0);
    for (let pin = 0; pin < ioApicPins; pin++) this.#redirection[2 * pin] = entryBits.masked;
  }

  #entry(pin: number): number {
    return this.#redirection[2 * pin] ?? 0;
  }

  #readWindow(offset: number): number {
    if (offset === window.select) return this.#select;
    return offset === window.data ? this.#readRegister(this.#select) : 0;
  }

  #writeWindow(offset: number, value: number): void {
    if (offset === window.select) this.#select = value & 0xff;
    else if (offset === window.data) this.#writeRegister(this.#select, value);
    else if (offset === window.eoi) this.endOfInterrupt(value & 0xff);
  }

  #readRegister(index: number): number {
    if (index >= register.redirection) return this.#redirection[index - register.redirection] ?? 0;
    if (index === register.version) return versionValue;
    return index === register.id || index === register.arbitration ? this.#id << 24 : 0;
  }

  #writeRegister(index: number, value: number): void {
    if (index === register.id) this.#id = (value >>> 24) & 15;
    const half = index - register.redirection;
    if (half < 0 || half >= 2 * ioApicPins) return;
    if (half & 1) {
      this.#redirection[half] = (value & 0xff000000) >>> 0;
      return;
    }
    const isLevel = (value & entryBits.level) !== 0;
    // Linux clears a stuck remote IRR by making the entry edge-triggered for a moment.
    const kept = isLevel ? (this.#redirection[half] ?? 0) & entryBits.remoteIrr : 0;
    this.#redirection[half] = (value & entryBits.writable) | kept;
    if (isLevel) this.#serveLevel(half >> 1);
  }

  #setPin(pin: number, level: boolean): void {
    const bit = 1 << pin;
    const rises = level && !(this.#lines & bit);
    this.#lines = level ? this.#lines | bit : this.#lines & ~bit;
    if (!rises) return;
    const entry = this.#entry(pin);
    if (entry & entryBits.level) this.#serveLevel(pin);
    // An edge at a masked pin is lost (section 3.2.4, "Interrupt mask").
    else if (!(entry & entryBits.masked)) this.#send(pin);
  }

  #serveLevel(pin: number): void {
    const entry = this.#entry(pin);
    if (!(this.#lines & (1 << pin)) || !(entry & entryBits.level)) return;
    if (entry & (entryBits.masked | entryBits.remoteIrr)) return;
    // Set before the message goes out: its receiver may acknowledge at once.
    this.#redirection[2 * pin] = entry | entryBits.remoteIrr;
    if (!this.#send(pin)) this.#redirection[2 * pin] = entry;
  }

  #send(pin: number): boolean {
    const entry = this.#entry(pin);
    const mode = (entry >> entryBits.deliveryModeShift) & 7;
    const isFixed = mode === deliveryMode.fixed || mode === deliveryMode.lowestPriority;
    const isLogical = (entry & entryBits.logical) !== 0;
    const accepted = this.#bus.send({
      deliveryMode: mode,
      vector: entry & entryBits.vector,
      destination: widenDestination((this.#redirection[2 * pin + 1] ?? 0) >>> 24, isLogical),
      isLogical,
      isLevel: isFixed && (entry & entryBits.level) !== 0,
    });
    // Only fixed interrupts end with an EOI; the others are edges whatever the trigger mode says.
    return accepted && isFixed;
  }
}
