// One counter of an 8254 (Intel 8254 data sheet, 231164-005, "Mode definitions"). Time is not stepped: everything is computed from when counting started.

import { bool, type Field, finite, nullable, record, u8, u16, unsigned } from './state-fields.ts';

export const pitHz = 1_193_182;
export const ticksToNs = (ticks: number): number => (ticks * 1e9) / pitHz;
const nsToTicks = (ns: number): number => Math.floor((ns * pitHz) / 1e9 + 1e-3);

/** Bits 5-4 of a control word: which bytes of the count are read and written. */
const access = { low: 1, high: 2, both: 3 } as const;

const counterFields = {
  mode: unsigned(5),
  access: unsigned(3),
  isBcd: bool,
  gate: bool,
  /** Count register, 1-65536 (or 10000 and a little more in BCD). */
  reload: unsigned(0x10000),
  /** A count for the next period of modes 2 and 3, or the next trigger of modes 1 and 5. */
  nextReload: nullable(unsigned(0x10000)),
  /** The tick at which modes 2 and 3 take `nextReload` over. */
  switchAtTicks: nullable(finite),
  /** Nanoseconds since counting started; null while no count was loaded or no trigger came. */
  elapsedNs: nullable(finite),
  /** Ticks counted when the gate closed in modes 0 and 4. */
  pausedAtTicks: nullable(finite),
  lowByte: nullable(u8),
  readsHighByte: bool,
  latchedCount: nullable(u16),
  latchedStatus: nullable(u8),
} as const;
export const pitCounterField = record(counterFields);
export type PitCounterState = typeof pitCounterField extends Field<infer T> ? T : never;

export class PitCounter {
  #mode = 0;
  #access: number = access.both;
  #isBcd = false;
  #gate: boolean;
  #reload = 0x10000;
  #nextReload: number | null = null;
  #switchAtTicks: number | null = null;
  #startNs: number | null = null;
  #pausedAtTicks: number | null = null;
  #lowByte: number | null = null;
  #readsHighByte = false;
  #latchedCount: number | null = null;
  #latchedStatus: number | null = null;

  constructor(gate: boolean) {
    this.#gate = gate;
  }

  get gate(): boolean {
    return this.#gate;
  }

  get mode(): number {
    return this.#mode;
  }

  reset(): void {
    this.#mode = 0;
    this.#access = access.both;
    this.#isBcd = false;
    this.#clear();
  }

  /** A control word addressed to this counter, other than a latch command. */
  configure(control: number): void {
    const mode = (control >> 1) & 7;
    this.#mode = mode > 5 ? mode - 4 : mode;
    this.#access = (control >> 4) & 3;
    this.#isBcd = (control & 1) !== 0;
    this.#clear();
  }

  #clear(): void {
    this.#reload = this.#modulus;
    this.#nextReload = null;
    this.#switchAtTicks = null;
    this.#startNs = null;
    this.#pausedAtTicks = null;
    this.#lowByte = null;
    this.#readsHighByte = false;
    this.#latchedCount = null;
    this.#latchedStatus = null;
  }

  /** A byte of the count. */
  writeByte(value: number, nowNs: number): void {
    if (this.#access === access.low) this.#load(value, nowNs);
    else if (this.#access === access.high) this.#load(value << 8, nowNs);
    else if (this.#lowByte !== null) {
      const count = this.#lowByte | (value << 8);
      this.#lowByte = null;
      this.#load(count, nowNs);
    } else {
      this.#lowByte = value;
      // The first byte of a new count stops mode 0.
      if (this.#mode === 0) this.#stop(null);
    }
  }

  readByte(nowNs: number): number {
    if (this.#latchedStatus !== null) {
      const status = this.#latchedStatus;
      this.#latchedStatus = null;
      return status;
    }
    const count = this.#latchedCount ?? this.#countRegister(nowNs);
    const isHigh = this.#access === access.high || (this.#access === access.both && this.#readsHighByte);
    if (this.#access === access.both) this.#readsHighByte = !this.#readsHighByte;
    if (this.#access !== access.both || isHigh) this.#latchedCount = null;
    return isHigh ? count >> 8 : count & 0xff;
  }

  /** Keeps the count until it is read; a second latch before that changes nothing. */
  latchCount(nowNs: number): void {
    this.#latchedCount ??= this.#countRegister(nowNs);
  }

  latchStatus(nowNs: number): void {
    this.#settle(nowNs);
    const nullCount = this.#nextReload !== null || (this.#startNs === null && this.#pausedAtTicks === null);
    this.#latchedStatus ??=
      (this.output(nowNs) ? 0x80 : 0) |
      (nullCount ? 0x40 : 0) |
      (this.#access << 4) |
      (this.#mode << 1) |
      (this.#isBcd ? 1 : 0);
  }

  setGate(level: boolean, nowNs: number): void {
    if (level === this.#gate) return;
    this.#settle(nowNs);
    const ticks = this.#ticks(nowNs);
    this.#gate = level;
    if (this.#mode === 0 || this.#mode === 4) this.#pauseOrContinue(ticks, nowNs);
    else if (!level) {
      // Modes 2 and 3 stop; modes 1 and 5 go on.
      if (this.#mode === 2 || this.#mode === 3) this.#stop(ticks);
    } else this.#trigger(nowNs);
  }

  /** OUT. */
  output(nowNs: number): boolean {
    this.#settle(nowNs);
    const ticks = this.#ticks(nowNs);
    if (ticks === null) return this.#mode !== 0;
    switch (this.#mode) {
      case 0:
      case 1:
        return ticks >= this.#reload;
      case 2:
        return !this.#gate || ticks % this.#reload !== this.#reload - 1;
      case 3:
        return !this.#gate || ticks % this.#reload < (this.#reload + 1) >> 1;
      default:
        return ticks !== this.#reload;
    }
  }

  /** When OUT rises next: at terminal count, or at the end of a period or strobe. Undefined when it won't. */
  nextRiseNs(nowNs: number): number | undefined {
    this.#settle(nowNs);
    const start = this.#startNs;
    if (start === null) return undefined;
    if (this.#mode === 2 || this.#mode === 3) {
      if (!this.#gate) return undefined;
      const periods = Math.floor(nsToTicks(nowNs - start) / this.#reload) + 1;
      return start + ticksToNs(periods * this.#reload);
    }
    // The strobe of modes 4 and 5 is low for one tick.
    const rise = start + ticksToNs(this.#mode >= 4 ? this.#reload + 1 : this.#reload);
    return rise > nowNs ? rise : undefined;
  }

  save(nowNs: number): PitCounterState {
    this.#settle(nowNs);
    return {
      mode: this.#mode,
      access: this.#access,
      isBcd: this.#isBcd,
      gate: this.#gate,
      reload: this.#reload,
      nextReload: this.#nextReload,
      switchAtTicks: this.#switchAtTicks,
      elapsedNs: this.#startNs === null ? null : nowNs - this.#startNs,
      pausedAtTicks: this.#pausedAtTicks,
      lowByte: this.#lowByte,
      readsHighByte: this.#readsHighByte,
      latchedCount: this.#latchedCount,
      latchedStatus: this.#latchedStatus,
    };
  }

  restore(state: PitCounterState, nowNs: number): void {
    this.#mode = state.mode;
    this.#access = state.access;
    this.#isBcd = state.isBcd;
    this.#gate = state.gate;
    this.#reload = state.reload || this.#modulus;
    this.#nextReload = state.nextReload || null;
    this.#switchAtTicks = state.switchAtTicks;
    this.#startNs = state.elapsedNs === null ? null : nowNs - Math.max(0, state.elapsedNs);
    this.#pausedAtTicks = state.pausedAtTicks === null ? null : Math.max(0, Math.floor(state.pausedAtTicks));
    this.#lowByte = state.lowByte;
    this.#readsHighByte = state.readsHighByte;
    this.#latchedCount = state.latchedCount;
    this.#latchedStatus = state.latchedStatus;
  }

  get #modulus(): number {
    return this.#isBcd ? 10_000 : 0x10000;
  }

  /** A whole count was written. */
  #load(written: number, nowNs: number): void {
    this.#settle(nowNs);
    const count = (this.#isBcd ? fromBcd(written) : written) || this.#modulus;
    const isPeriodic = this.#mode === 2 || this.#mode === 3;
    if (this.#mode === 1 || this.#mode === 5) this.#nextReload = count;
    else if (isPeriodic && this.#startNs !== null) {
      this.#switchAtTicks ??= (Math.floor((this.#ticks(nowNs) ?? 0) / this.#reload) + 1) * this.#reload;
      this.#nextReload = count;
    } else {
      this.#reload = count;
      this.#pausedAtTicks = this.#gate ? null : 0;
      this.#startNs = this.#gate ? nowNs : null;
    }
  }

  /** A rising gate starts modes 1, 2, 3 and 5 over. */
  #trigger(nowNs: number): void {
    const isOneShot = this.#mode === 1 || this.#mode === 5;
    if (isOneShot ? this.#nextReload === null && this.#startNs === null : this.#pausedAtTicks === null) return;
    this.#reload = this.#nextReload ?? this.#reload;
    this.#nextReload = null;
    this.#switchAtTicks = null;
    this.#pausedAtTicks = null;
    this.#startNs = nowNs;
  }

  #stop(ticks: number | null): void {
    this.#pausedAtTicks = ticks;
    this.#startNs = null;
  }

  #pauseOrContinue(ticks: number | null, nowNs: number): void {
    if (!this.#gate) this.#stop(ticks);
    else if (this.#pausedAtTicks !== null) {
      this.#startNs = nowNs - ticksToNs(this.#pausedAtTicks);
      this.#pausedAtTicks = null;
    }
  }

  /** Ticks counted since the count was loaded or triggered; null before that. */
  #ticks(nowNs: number): number | null {
    if (this.#startNs === null) return this.#pausedAtTicks;
    return Math.max(0, nsToTicks(nowNs - this.#startNs));
  }

  /** Takes over a count that waited for the end of a period (mode 3 too: not of a half), when that has passed. */
  #settle(nowNs: number): void {
    if (this.#nextReload === null || this.#switchAtTicks === null || this.#startNs === null) return;
    if (nsToTicks(nowNs - this.#startNs) < this.#switchAtTicks) return;
    this.#startNs += ticksToNs(this.#switchAtTicks);
    this.#reload = this.#nextReload;
    this.#nextReload = null;
    this.#switchAtTicks = null;
  }

  /** The counting element as the counter's read port shows it. */
  #countRegister(nowNs: number): number {
    this.#settle(nowNs);
    const ticks = this.#ticks(nowNs) ?? 0;
    let count: number;
    if (this.#mode === 2) count = this.#reload - (ticks % this.#reload);
    else if (this.#mode === 3) count = this.#squareWaveCount(ticks);
    else count = this.#reload - ticks;
    const modulus = this.#modulus;
    const wrapped = ((count % modulus) + modulus) % modulus;
    return this.#isBcd ? toBcd(wrapped) : wrapped;
  }

  /** Mode 3 counts down by two, twice in a period. */
  #squareWaveCount(ticks: number): number {
    const even = this.#reload & ~1;
    return even - ((ticks * 2) % (even || 2));
  }
}

const fromBcd = (value: number): number =>
  (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);

const toBcd = (value: number): number =>
  (Math.floor(value / 1000) << 12) |
  (Math.floor((value / 100) % 10) << 8) |
  (Math.floor((value / 10) % 10) << 4) |
  (value % 10);
