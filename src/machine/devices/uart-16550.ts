// 16550A UART. National Semiconductor PC16550D data sheet (TL/C/8652), section 8 "Registers".
//
// Characters take no time: what is written to THR has left before the next instruction, and the character
// time-out of the receiver is over as soon as the backend has no more input. OUT2 does not gate the interrupt
// line as it does on PC adapters, because common teaching systems (xv6) never set it.

import type { BusTarget, IrqLine } from '../bus/index.ts';
import { bytePorts } from './byte-ports.ts';
import type { SavedDevice } from './device.ts';
import { OutputLine } from './output-line.ts';
import { bool, list, type StateOf, stateSchema, u8, u16, unsigned } from './state-fields.ts';

/** What stands behind a serial port on the host. */
export interface SerialBackend {
  /** At most `max` bytes of host input, perhaps none. */
  read(max: number): Uint8Array;
  /** Guest output; the array is the backend's to keep. */
  write(bytes: Uint8Array): void;
  /** `callback` is called when input arrives after a `read` that gave less than it was asked for. */
  onReadable(callback: () => void): void;
}

export const uart16550Ports = 8;

const offsets = { data: 0, ier: 1, iirFcr: 2, lcr: 3, mcr: 4, lsr: 5, msr: 6, scr: 7 } as const;
const ier = { receive: 1, transmit: 2, lineStatus: 4, modemStatus: 8 } as const;
const iir = { none: 1, modem: 0, transmit: 2, receive: 4, lineStatus: 6, timeout: 0xc, fifos: 0xc0 } as const;
const fcr = { enable: 1, clearReceiver: 2 } as const;
const lcr = { break: 0x40, divisorLatch: 0x80 } as const;
const mcr = { dtr: 1, rts: 2, out1: 4, out2: 8, loop: 0x10, writable: 0x1f } as const;
const lsr = { ready: 1, overrun: 2, break: 0x10, errors: 0x1e, transmitterEmpty: 0x60, fifoError: 0x80 } as const;
const msr = { deltas: 0x0f, teri: 4, cts: 0x10, dsr: 0x20, ri: 0x40, dcd: 0x80 } as const;

const fifoSize = 16;
/** Line status reads in a row that make a driver one that waits for input. */
const pollsForInput = 16;
const triggerLevels = [1, 4, 8, 14] as const;
/** A connected terminal: CTS, DSR and DCD are on. */
const connected = msr.cts | msr.dsr | msr.dcd;

export const uart16550Schema = stateSchema('uart-16550', 1, {
  divisor: u16,
  interruptEnable: unsigned(0x0f),
  fifosEnabled: bool,
  triggerLevel: unsigned(3),
  lineControl: u8,
  modemControl: unsigned(mcr.writable),
  modemStatus: u8,
  scratch: u8,
  overrun: bool,
  transmitterInterrupt: bool,
  /** Characters with their line status bits above bit 8. */
  received: list(unsigned(0x1eff), 0, fifoSize),
  handedBack: list(u8, 0, fifoSize),
});
export type Uart16550State = StateOf<typeof uart16550Schema>;

export interface Uart16550Options {
  readonly name: string;
  readonly line: IrqLine;
  readonly backend: SerialBackend;
}

export class Uart16550 implements SavedDevice<Uart16550State> {
  readonly name: string;
  readonly schema = uart16550Schema;
  readonly ports: BusTarget = bytePorts({
    read: (offset) => this.#read(offset),
    write: (offset, value) => this.#write(offset, value),
  });
  readonly #line: OutputLine;
  readonly #backend: SerialBackend;
  /** False when the backend has said that it has nothing more for now. */
  #inputWaiting = true;
  /** Line status reads that found nothing since the guest did anything else. */
  #fruitlessPolls = 0;

  #divisor = 12;
  #interruptEnable = 0;
  #fifosEnabled = false;
  #triggerLevel = 0;
  #lineControl = 0;
  #modemControl = 0;
  #modemStatus: number = connected;
  #scratch = 0;
  #overrun = false;
  #transmitterInterrupt = false;
  #received: number[] = [];
  /** Read from the backend and not yet given to the guest. */
  #handedBack: number[] = [];

  constructor(options: Uart16550Options) {
    this.name = options.name;
    this.#line = new OutputLine(options.line);
    this.#backend = options.backend;
    this.#backend.onReadable(() => {
      this.#inputWaiting = true;
      // With nobody waiting, input stays with the host: clearing the FIFO would lose it.
      if (this.#interruptEnable & ier.receive) this.#pull();
      this.#update();
    });
  }

  reset(): void {
    this.#divisor = 12;
    this.#interruptEnable = 0;
    this.#fifosEnabled = false;
    this.#triggerLevel = 0;
    this.#lineControl = 0;
    this.#modemControl = 0;
    this.#modemStatus = connected;
    this.#scratch = 0;
    this.#overrun = false;
    this.#transmitterInterrupt = false;
    this.#received = [];
    this.#handedBack = [];
    this.#inputWaiting = true;
    this.#update();
  }

  save(): Uart16550State {
    return {
      divisor: this.#divisor,
      interruptEnable: this.#interruptEnable,
      fifosEnabled: this.#fifosEnabled,
      triggerLevel: this.#triggerLevel,
      lineControl: this.#lineControl,
      modemControl: this.#modemControl,
      modemStatus: this.#modemStatus,
      scratch: this.#scratch,
      overrun: this.#overrun,
      transmitterInterrupt: this.#transmitterInterrupt,
      received: [...this.#received],
      handedBack: [...this.#handedBack],
    };
  }

  restore(state: Uart16550State): void {
    const checked = uart16550Schema.decode(uart16550Schema.version, state);
    this.#divisor = checked.divisor;
    this.#interruptEnable = checked.interruptEnable;
    this.#fifosEnabled = checked.fifosEnabled;
    this.#triggerLevel = checked.triggerLevel;
    this.#lineControl = checked.lineControl;
    this.#modemControl = checked.modemControl;
    this.#modemStatus = checked.modemStatus;
    this.#scratch = checked.scratch;
    this.#overrun = checked.overrun;
    this.#transmitterInterrupt = checked.transmitterInterrupt;
    this.#received = [...checked.received];
    this.#handedBack = [...checked.handedBack];
    this.#inputWaiting = true;
    this.#line.assume(this.#pendingInterrupt() !== iir.none);
  }

  #read(offset: number): number {
    const latchOpen = (this.#lineControl & lcr.divisorLatch) !== 0;
    switch (offset) {
      case offsets.data:
        return latchOpen ? this.#divisor & 0xff : this.#readReceiver();
      case offsets.ier:
        return latchOpen ? this.#divisor >> 8 : this.#interruptEnable;
      case offsets.iirFcr:
        return this.#readInterruptIdentification();
      case offsets.lcr:
        return this.#lineControl;
      case offsets.mcr:
        return this.#modemControl;
      case offsets.lsr:
        return this.#readLineStatus();
      case offsets.msr:
        return this.#readModemStatus();
      default:
        return this.#scratch;
    }
  }

  #write(offset: number, value: number): void {
    this.#fruitlessPolls = 0;
    const latchOpen = (this.#lineControl & lcr.divisorLatch) !== 0;
    switch (offset) {
      case offsets.data:
        if (latchOpen) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#transmit(value);
        break;
      case offsets.ier:
        if (latchOpen) this.#divisor = (this.#divisor & 0xff) | (value << 8);
        else this.#writeInterruptEnable(value & 0x0f);
        break;
      case offsets.iirFcr:
        this.#writeFifoControl(value);
        break;
      case offsets.lcr:
        this.#writeLineControl(value);
        break;
      case offsets.mcr:
        this.#modemControl = value & mcr.writable;
        if (this.#interruptEnable & ier.receive) this.#pull();
        this.#updateModemStatus();
        break;
      case offsets.scr:
        this.#scratch = value;
        break;
      default: // LSR and MSR: writes are for factory tests only
    }
  }

  #readReceiver(): number {
    this.#fruitlessPolls = 0;
    const character = this.#received.shift();
    if (character !== undefined) this.#pull();
    this.#update();
    return (character ?? 0) & 0xff;
  }

  #transmit(value: number): void {
    // The interrupt falls and rises again, so that an edge-triggered controller sees the next one.
    this.#transmitterInterrupt = false;
    this.#update();
    if (this.#modemControl & mcr.loop) this.#receive(value);
    else this.#backend.write(Uint8Array.of(value));
    this.#transmitterInterrupt = true;
    this.#update();
  }

  #writeInterruptEnable(value: number): void {
    const changed = this.#interruptEnable ^ value;
    this.#interruptEnable = value;
    // Enabling the interrupt while the transmitter is empty raises it: Linux's 8250 driver tests this.
    if (changed & ier.transmit) this.#transmitterInterrupt = (value & ier.transmit) !== 0;
    if (value & ier.receive) this.#pull();
    else if (changed & ier.receive && !(this.#modemControl & mcr.loop)) this.#handBack();
    this.#update();
  }

  /** What the guest was told of and didn't read stays with the host, however the guest clears its receiver now. */
  #handBack(): void {
    this.#handedBack = [...this.#received.filter((character) => character <= 0xff), ...this.#handedBack];
    this.#received = [];
  }

  #readInterruptIdentification(): number {
    const pending = this.#pendingInterrupt();
    if (pending === iir.transmit) {
      this.#transmitterInterrupt = false;
      this.#update();
    }
    return pending | (this.#fifosEnabled ? iir.fifos : 0);
  }

  #writeFifoControl(value: number): void {
    const enable = (value & fcr.enable) !== 0;
    // Against the data sheet, a change of bit 0 alone clears nothing: Linux makes it with the receiver's interrupt enabled.
    if (enable && value & fcr.clearReceiver) this.#received = [];
    this.#fifosEnabled = enable;
    this.#triggerLevel = enable ? value >> 6 : 0;
    this.#update();
  }

  #writeLineControl(value: number): void {
    const breakStarts = (value & ~this.#lineControl & lcr.break) !== 0;
    this.#lineControl = value;
    if (breakStarts && this.#modemControl & mcr.loop) this.#receive(lsr.break << 8);
    this.#update();
  }

  #readLineStatus(): number {
    if (this.#received.length === 0) this.#pollInput();
    let status: number = lsr.transmitterEmpty;
    if (this.#received.length > 0) status |= lsr.ready;
    const errors = this.#lineErrors();
    if (errors === 0 && !this.#fifosEnabled) return status;
    if (this.#fifosEnabled && this.#received.some((character) => character > 0xff)) status |= lsr.fifoError;
    if (errors !== 0) {
      this.#overrun = false;
      if (this.#received.length > 0) this.#received[0] = (this.#received[0] ?? 0) & 0xff;
      this.#update();
    }
    return status | errors;
  }

  /** Without interrupts, input is for those who poll for it: a driver that starts clears the receiver unseen. */
  #pollInput(): void {
    if (!(this.#interruptEnable & ier.receive) && ++this.#fruitlessPolls < pollsForInput) return;
    this.#pull();
    this.#update();
  }

  #lineErrors(): number {
    return (this.#overrun ? lsr.overrun : 0) | (((this.#received[0] ?? 0) >> 8) & lsr.errors);
  }

  #readModemStatus(): number {
    const status = this.#modemStatus;
    this.#modemStatus &= ~msr.deltas;
    this.#update();
    return status;
  }

  #updateModemStatus(): void {
    const before = this.#modemStatus;
    const inputs = this.#modemInputs();
    const changed = (before ^ inputs) & 0xf0;
    // RI sets its delta bit on the trailing edge only.
    let deltas = (changed >> 4) & ~msr.teri;
    if (changed & before & msr.ri) deltas |= msr.teri;
    this.#modemStatus = inputs | (before & msr.deltas) | deltas;
    this.#update();
  }

  #modemInputs(): number {
    const control = this.#modemControl;
    if (!(control & mcr.loop)) return connected;
    return (
      (control & mcr.rts ? msr.cts : 0) |
      (control & mcr.dtr ? msr.dsr : 0) |
      (control & mcr.out1 ? msr.ri : 0) |
      (control & mcr.out2 ? msr.dcd : 0)
    );
  }

  #capacity(): number {
    return this.#fifosEnabled ? fifoSize : 1;
  }

  #receive(character: number): void {
    if (this.#received.length < this.#capacity()) this.#received.push(character);
    else this.#overrun = true;
  }

  #pull(): void {
    if (this.#modemControl & mcr.loop) return;
    this.#received.push(...this.#handedBack.splice(0, Math.max(0, this.#capacity() - this.#received.length)));
    const space = this.#capacity() - this.#received.length;
    if (space <= 0 || !this.#inputWaiting) return;
    const bytes = this.#backend.read(space);
    if (bytes.length < space) this.#inputWaiting = false;
    for (const byte of bytes.subarray(0, space)) this.#received.push(byte);
  }

  /** The source that IIR reports: the highest of those enabled (table II). */
  #pendingInterrupt(): number {
    const enabled = this.#interruptEnable;
    if (enabled === 0) return iir.none;
    if (enabled & ier.lineStatus && this.#lineErrors() !== 0) return iir.lineStatus;
    if (enabled & ier.receive && this.#received.length > 0) {
      const trigger = triggerLevels[this.#triggerLevel] ?? 1;
      return this.#received.length >= trigger ? iir.receive : iir.timeout;
    }
    if (enabled & ier.transmit && this.#transmitterInterrupt) return iir.transmit;
    if (enabled & ier.modemStatus && this.#modemStatus & msr.deltas) return iir.modem;
    return iir.none;
  }

  #update(): void {
    this.#line.drive(this.#pendingInterrupt() !== iir.none);
  }
}
