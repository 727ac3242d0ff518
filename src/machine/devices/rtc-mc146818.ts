// MC146818A real-time clock with 128 bytes of CMOS RAM. Motorola data sheet ADI-1153; PC CMOS layout as in
// the IBM AT technical reference and Ralf Brown's CMOS list.
//
// The clock follows the host's: the guest's setting of it is kept as a distance. Interrupt flags are found when
// somebody looks; timers run only for interrupts that are enabled and not raised already. The day of the
// week follows from the date, and daylight saving (DSE) is not applied.

import type { Timer, TimerClock } from '../../base/index.ts';
import type { BusTarget, IrqLine } from '../bus/index.ts';
import { bytePorts } from './byte-ports.ts';
import type { SavedDevice } from './device.ts';
import { OutputLine } from './output-line.ts';
import { loadTime, nextAlarm, storeTime, timeRegister } from './rtc-calendar.ts';
import { controlRegister, registerA, registerB, registerC, registerD } from './rtc-registers.ts';
import { list, type StateOf, stateSchema, u8, unsigned, within } from './state-fields.ts';

export const cmosSizeBytes = 128;
/** Shutdown status byte: what the firmware does after a reset. */
export const cmosShutdownStatus = 0x0f;

/** UIP rises 244 µs before an update, which takes 1984 µs (data sheet, table 6). */
const updateInProgressMs = 2.228;
const shortestTimerNs = 100_000;
/** What a Date can hold. */
const maxDateMs = 8.64e15;

export const rtcMc146818Schema = stateSchema('rtc-mc146818', 1, {
  index: unsigned(0x7f),
  registers: list(u8, cmosSizeBytes),
  /** Guest time minus host time; while the clock is stopped, the time within its second. */
  offsetMs: within(maxDateMs),
  /** Second and period that the interrupt flags take account of. */
  seenSecond: within(maxDateMs / 1000),
  seenPeriod: within(Number.MAX_SAFE_INTEGER),
});
export type RtcMc146818State = StateOf<typeof rtcMc146818Schema>;

export interface RtcMc146818Options {
  readonly clock: TimerClock;
  /** Milliseconds since 1970, UTC. */
  readonly wallClock: () => number;
  readonly line: IrqLine;
  /** Bytes of CMOS RAM as the factory left them, by register. */
  readonly cmos?: Readonly<Record<number, number>>;
}

export class RtcMc146818 implements SavedDevice<RtcMc146818State> {
  readonly name = 'rtc-mc146818';
  readonly schema = rtcMc146818Schema;
  /** Index and data: 0x70 and 0x71 in a PC. The NMI mask (bit 7 of the index) is not connected. */
  readonly ports: BusTarget = bytePorts({
    read: (offset) => (offset === 1 ? this.#read(this.#index) : 0xff),
    write: (offset, value) => {
      if (offset === 1) this.#write(this.#index, value);
      else this.#index = value & 0x7f;
    },
  });
  readonly #clock: TimerClock;
  readonly #wallClock: () => number;
  readonly #line: OutputLine;
  readonly #timer: Timer;
  #index = 0;
  readonly #registers = new Uint8Array(cmosSizeBytes);
  #offsetMs = 0;
  #seenSecond = 0;
  #seenPeriod = 0;

  constructor(options: RtcMc146818Options) {
    this.#clock = options.clock;
    this.#wallClock = options.wallClock;
    this.#line = new OutputLine(options.line);
    this.#timer = options.clock.timer(() => this.#update());
    for (const [register, value] of Object.entries(options.cmos ?? {})) this.#registers[Number(register)] = value;
    this.#registers[controlRegister.a] = registerA.dividerRunning | 6;
    this.#registers[controlRegister.b] = registerB.hours24;
    this.#registers[controlRegister.c] = 0;
    this.#seenSecond = this.#second();
    this.#seenPeriod = this.#period();
  }

  /** The RESET pin: time and CMOS RAM stay. */
  reset(): void {
    this.#index = 0;
    const enables = registerB.periodicInterrupt | registerB.alarmInterrupt | registerB.updateInterrupt;
    this.#registers[controlRegister.b] = this.#b & ~(enables | registerB.squareWave);
    this.#registers[controlRegister.c] = 0;
    this.#update();
  }

  save(): RtcMc146818State {
    return {
      index: this.#index,
      registers: [...this.#registers],
      offsetMs: this.#offsetMs,
      seenSecond: this.#seenSecond,
      seenPeriod: this.#seenPeriod,
    };
  }

  restore(state: RtcMc146818State): void {
    const checked = rtcMc146818Schema.decode(rtcMc146818Schema.version, state);
    this.#index = checked.index;
    this.#registers.set(checked.registers);
    this.#offsetMs = checked.offsetMs;
    this.#seenSecond = checked.seenSecond;
    this.#seenPeriod = Math.min(checked.seenPeriod, this.#period());
    this.#line.assume((this.#c & registerC.interrupt) !== 0);
    this.#arm();
  }

  get #b(): number {
    return this.#registers[controlRegister.b] ?? 0;
  }

  get #c(): number {
    return this.#registers[controlRegister.c] ?? 0;
  }

  get #isRunning(): boolean {
    const a = this.#registers[controlRegister.a] ?? 0;
    return !(this.#b & registerB.set) && (a & registerA.divider) === registerA.dividerRunning;
  }

  #nowMs(): number {
    return this.#wallClock() + this.#offsetMs;
  }

  #second(): number {
    return Math.floor(this.#nowMs() / 1000);
  }

  #read(register: number): number {
    if (register <= timeRegister.year || register === timeRegister.century) {
      if (this.#isRunning) storeTime(this.#registers, this.#second(), this.#b);
    } else if (register === controlRegister.a) return this.#readA();
    else if (register === controlRegister.c) return this.#readC();
    else if (register === controlRegister.d) return registerD.validRam;
    return this.#registers[register] ?? 0xff;
  }

  #write(register: number, value: number): void {
    if (register === controlRegister.c || register === controlRegister.d) return;
    if (register === controlRegister.a) this.#writeClockControl(register, value & ~registerA.updateInProgress);
    else if (register === controlRegister.b) {
      // Setting SET clears UIE (data sheet, "SET").
      this.#writeClockControl(register, value & registerB.set ? value & ~registerB.updateInterrupt : value);
    } else if (register <= timeRegister.year || register === timeRegister.century) this.#writeTime(register, value);
    else this.#registers[register] = value;
  }

  #readA(): number {
    const a = this.#registers[controlRegister.a] ?? 0;
    const isUpdating = this.#isRunning && modulo(this.#nowMs(), 1000) >= 1000 - updateInProgressMs;
    return a | (isUpdating ? registerA.updateInProgress : 0);
  }

  #readC(): number {
    this.#collectFlags();
    const flags = this.#c;
    this.#registers[controlRegister.c] = 0;
    this.#update();
    return flags;
  }

  /** A and B say whether the clock runs, in which format and how fast it interrupts. */
  #writeClockControl(register: number, value: number): void {
    this.#collectFlags();
    const wasRunning = this.#isRunning;
    const oldA = this.#registers[controlRegister.a] ?? 0;
    const oldFormat = this.#b & registerB.format;
    const nowMs = this.#nowMs();
    if (wasRunning) storeTime(this.#registers, Math.floor(nowMs / 1000), this.#b);
    const withinSecondMs = wasRunning ? modulo(nowMs, 1000) : this.#offsetMs;
    this.#registers[register] = value;
    if (!this.#isRunning) this.#offsetMs = withinSecondMs;
    else if (!wasRunning || (this.#b & registerB.format) !== oldFormat) {
      // The bytes count as they are in the new format. A divider that was held in reset makes its first
      // update after half a second.
      const dividerStarts = (oldA & registerA.divider) !== registerA.dividerRunning;
      this.#setTime(dividerStarts ? 500 : withinSecondMs);
    }
    this.#update();
  }

  #writeTime(register: number, value: number): void {
    const isAlarm = register < timeRegister.dayOfWeek && register % 2 === 1;
    if (isAlarm || !this.#isRunning) this.#registers[register] = value;
    else {
      storeTime(this.#registers, this.#second(), this.#b);
      this.#registers[register] = value;
      this.#setTime(modulo(this.#nowMs(), 1000));
    }
    this.#update();
  }

  #setTime(withinSecondMs: number): void {
    const second = loadTime(this.#registers, this.#b);
    this.#offsetMs = second * 1000 + withinSecondMs - this.#wallClock();
    this.#seenSecond = second;
  }

  /** Periods of the periodic interrupt since the VM was created. */
  #period(): number {
    const periodNs = this.#periodNs();
    return periodNs === 0 ? 0 : Math.floor(this.#clock.nowNs() / periodNs);
  }

  #periodNs(): number {
    const rate = (this.#registers[controlRegister.a] ?? 0) & registerA.rate;
    if (rate === 0) return 0;
    // Rates 1 and 2 repeat 8 and 9 (data sheet, table 5).
    return (1e9 / 32_768) * 2 ** ((rate <= 2 ? rate + 7 : rate) - 1);
  }

  /** Finds which flags have come up since the last look. */
  #collectFlags(): void {
    let flags = this.#c & registerC.flags;
    const period = this.#period();
    if (period > this.#seenPeriod) flags |= registerC.periodic;
    this.#seenPeriod = period;
    if (this.#isRunning) {
      const second = this.#second();
      if (second > this.#seenSecond) {
        flags |= registerC.update;
        const alarm = nextAlarm(this.#registers, this.#b, this.#seenSecond);
        if (alarm !== undefined && alarm <= second) flags |= registerC.alarm;
      }
      this.#seenSecond = second;
    }
    this.#registers[controlRegister.c] = flags | (flags & this.#b ? registerC.interrupt : 0);
  }

  #update(): void {
    this.#collectFlags();
    this.#line.drive((this.#c & registerC.interrupt) !== 0);
    this.#arm();
  }

  /** Sets the timer for the first interrupt that is enabled and not raised. */
  #arm(): void {
    const wanted = this.#b & registerC.flags & ~this.#c;
    const now = this.#clock.nowNs();
    let deadline = Number.POSITIVE_INFINITY;
    const periodNs = this.#periodNs();
    if (wanted & registerC.periodic && periodNs > 0) deadline = (this.#seenPeriod + 1) * periodNs;
    if (wanted & (registerC.update | registerC.alarm) && this.#isRunning) {
      const second = wanted & registerC.update ? this.#seenSecond + 1 : this.#alarmSecond();
      if (second !== undefined) deadline = Math.min(deadline, now + (second * 1000 - this.#nowMs()) * 1e6);
    }
    if (deadline === Number.POSITIVE_INFINITY) this.#timer.disarm();
    else this.#timer.arm(Math.max(deadline, now + shortestTimerNs));
  }

  #alarmSecond(): number | undefined {
    return nextAlarm(this.#registers, this.#b, this.#seenSecond);
  }
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by;

/** The CMOS bytes in which PC firmware finds the size of memory. */
export function memorySizeCmos(ramBelow4GiB: number, ramAbove4GiB: number): Record<number, number> {
  const kib = 1024;
  const mib = 1024 * kib;
  const baseKib = 640;
  const units = (sizeBytes: number, unit: number, max: number) =>
    Math.min(Math.max(0, Math.floor(sizeBytes / unit)), max);
  const extendedKib = units(ramBelow4GiB - mib, kib, 0xffff);
  const above16MiB = units(ramBelow4GiB - 16 * mib, 64 * kib, 0xffff);
  const above4GiB = units(ramAbove4GiB, 64 * kib, 0xffffff);
  return {
    21: baseKib & 0xff,
    22: baseKib >> 8,
    23: extendedKib & 0xff,
    24: extendedKib >> 8,
    48: extendedKib & 0xff,
    49: extendedKib >> 8,
    52: above16MiB & 0xff,
    53: above16MiB >> 8,
    91: above4GiB & 0xff,
    92: (above4GiB >> 8) & 0xff,
    93: above4GiB >> 16,
  };
}
