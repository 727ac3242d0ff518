// ACPI fixed hardware: PM1a event and control blocks and the power management timer.
// ACPI Specification 6.5, section 4.8.3 "Fixed hardware features / register" and 4.8.3.3 "Power management timer".
//
// There is no legacy mode: SCI_EN is always set and no SMI command port exists.

import type { Timer, TimerClock } from '../../base/index.ts';
import type { BusTarget, IrqLine } from '../bus/index.ts';
import { bytePorts } from './byte-ports.ts';
import type { SavedDevice } from './device.ts';
import { OutputLine } from './output-line.ts';
import { type StateOf, stateSchema, u16, u32, unsigned } from './state-fields.ts';

export const pmTimerHz = 3_579_545;
/** Sizes of the three register blocks. */
export const acpiPmPorts = { event: 4, control: 2, timer: 4 } as const;
/** SLP_TYP of soft off, as the `\_S5` package must say. */
export const s5SleepType = 5;

const pm1 = { timer: 1 << 0, globalLock: 1 << 5, powerButton: 1 << 8, sleepButton: 1 << 9, rtc: 1 << 10 } as const;
const pm1Status = { ...pm1, busMaster: 1 << 4, wake: 1 << 15 } as const;
const statusBits = Object.values(pm1Status).reduce((all, bit) => all | bit);
const enableBits = Object.values(pm1).reduce((all, bit) => all | bit);
const control = {
  sciEnable: 1,
  busMasterReload: 2,
  sleepTypeShift: 10,
  sleepType: 7 << 10,
  sleepEnable: 1 << 13,
} as const;

export const acpiPmSchema = stateSchema('acpi-pm', 1, {
  status: u16,
  enable: u16,
  control: u16,
  timerCount: u32,
  /** Times that the timer's top bit had changed, as far as TMR_STS takes account of. */
  carriesBehind: unsigned(0xffffffff),
});
export type AcpiPmState = StateOf<typeof acpiPmSchema>;

export interface AcpiPmOptions {
  readonly clock: TimerClock;
  /** System control interrupt, level-triggered. */
  readonly sci: IrqLine;
  readonly onPowerOff: () => void;
}

export class AcpiPm implements SavedDevice<AcpiPmState> {
  readonly name = 'acpi-pm';
  readonly schema = acpiPmSchema;
  readonly eventPorts: BusTarget = bytePorts({
    read: (offset) => this.#readEvent(offset),
    write: (offset, value) => this.#writeEvent(offset, value),
  });
  readonly controlPorts: BusTarget = {
    read: (offset, size) => ((this.#control | control.sciEnable) >>> (8 * offset)) & (size === 1 ? 0xff : 0xffff),
    write: (offset, size, value) => this.#writeControl(offset, size, value),
  };
  /** 32 bits wide; reads of part of it are allowed, writes are lost. */
  readonly timerPorts: BusTarget = {
    read: (offset, size) => (this.#timerCount() >>> (8 * offset)) & (size === 4 ? -1 : (1 << (8 * size)) - 1),
    write() {},
  };
  readonly #clock: TimerClock;
  readonly #sci: OutputLine;
  readonly #onPowerOff: () => void;
  readonly #carryTimer: Timer;
  #status = 0;
  #enable = 0;
  #control = 0;
  /** Ticks to add to the clock's: a restored timer goes on from where it was. */
  #offsetTicks = 0;
  #seenCarries = 0;

  constructor(options: AcpiPmOptions) {
    this.#clock = options.clock;
    this.#sci = new OutputLine(options.sci);
    this.#onPowerOff = options.onPowerOff;
    this.#carryTimer = options.clock.timer(() => this.#update());
    this.#seenCarries = this.#carries();
  }

  /** A short press: the guest is asked to shut down. */
  pressPowerButton(): void {
    this.#status |= pm1Status.powerButton;
    this.#update();
  }

  reset(): void {
    this.#status = 0;
    this.#enable = 0;
    this.#control = 0;
    this.#seenCarries = this.#carries();
    this.#update();
  }

  save(): AcpiPmState {
    return {
      status: this.#status,
      enable: this.#enable,
      control: this.#control,
      timerCount: this.#timerCount(),
      carriesBehind: Math.min(this.#carries() - this.#seenCarries, 0xffffffff),
    };
  }

  restore(state: AcpiPmState): void {
    const checked = acpiPmSchema.decode(acpiPmSchema.version, state);
    this.#status = checked.status & statusBits;
    this.#enable = checked.enable & enableBits;
    this.#control = checked.control & control.sleepType;
    this.#offsetTicks = 0;
    this.#offsetTicks = checked.timerCount - this.#ticks();
    this.#seenCarries = this.#carries() - checked.carriesBehind;
    this.#sci.assume((this.#status & this.#enable) !== 0);
    this.#armCarryTimer();
  }

  #ticks(): number {
    return Math.floor((this.#clock.nowNs() * pmTimerHz) / 1e9) + this.#offsetTicks;
  }

  #timerCount(): number {
    const ticks = this.#ticks();
    return ticks - Math.floor(ticks / 2 ** 32) * 2 ** 32;
  }

  /** TMR_STS is set whenever bit 31 changes. */
  #carries(): number {
    return Math.floor(this.#ticks() / 2 ** 31);
  }

  #readEvent(offset: number): number {
    this.#collectCarry();
    const word = offset < 2 ? this.#status : this.#enable;
    return (word >> (8 * (offset & 1))) & 0xff;
  }

  #writeEvent(offset: number, value: number): void {
    this.#collectCarry();
    const shift = 8 * (offset & 1);
    if (offset < 2) this.#status &= ~(value << shift);
    else this.#enable = ((this.#enable & ~(0xff << shift)) | (value << shift)) & enableBits;
    this.#update();
  }

  #writeControl(offset: number, size: number, value: number): void {
    const mask = (size === 1 ? 0xff : 0xffff) << (8 * offset);
    const written = (value << (8 * offset)) & mask & 0xffff;
    this.#control = ((this.#control & ~mask) | written) & (control.sleepType | control.busMasterReload);
    if (!(written & control.sleepEnable)) return;
    // Sleeping states other than S5 are not offered.
    if ((this.#control & control.sleepType) >> control.sleepTypeShift === s5SleepType) this.#onPowerOff();
  }

  #collectCarry(): void {
    const carries = this.#carries();
    if (carries > this.#seenCarries) this.#status |= pm1Status.timer;
    this.#seenCarries = carries;
  }

  #update(): void {
    this.#collectCarry();
    this.#sci.drive((this.#status & this.#enable) !== 0);
    this.#armCarryTimer();
  }

  #armCarryTimer(): void {
    if (!(this.#enable & pm1.timer) || this.#status & pm1Status.timer) {
      this.#carryTimer.disarm();
      return;
    }
    const ticks = (this.#seenCarries + 1) * 2 ** 31 - this.#ticks();
    this.#carryTimer.arm(this.#clock.nowNs() + ((ticks + 1) * 1e9) / pmTimerHz);
  }
}
