// The local APIC's timer. Intel SDM volume 3A, section 11.5.4 "APIC timer".

import type { Timer, TimerClock } from '../../base/index.ts';
import { type Field, finite, nullable, record, u32, unsigned } from './state-fields.ts';

/** One tick of the timer at divide 1 is one nanosecond of the clock. */
export const apicTimerHz = 1_000_000_000;

/** A guest that asks for a shorter period gets this one: it must not starve everything else. */
const shortestPeriodNs = 20_000;
/** Pause before a deadline is looked at again that came early by rounding. */
const retryNs = 1_000;

/** The guest's time-stamp counter, as far as a timer needs it. */
export interface TscSource {
  read(): bigint;
  /** Clock time at which the counter reaches `value`; any number when that is long ago or very far. */
  whenReachesNs(value: bigint): number;
}

/** LVT timer register, bits 18-17. */
export const apicTimerMode = { oneShot: 0, periodic: 1, tscDeadline: 2 } as const;

export const apicTimerField = record({
  mode: unsigned(3),
  isMasked: unsigned(1),
  divideConfiguration: unsigned(0xb),
  initialCount: u32,
  /** Nanoseconds since counting started; null when it has not, or a one-shot count has ended. */
  elapsedNs: nullable(finite),
  /** IA32_TSC_DEADLINE, low and high half. */
  deadlineLow: u32,
  deadlineHigh: u32,
});
export type ApicTimerState = typeof apicTimerField extends Field<infer T> ? T : never;

export interface ApicTimerOptions {
  readonly clock: TimerClock;
  readonly tsc: TscSource;
  readonly onExpiry: () => void;
}

export class ApicTimer {
  readonly #clock: TimerClock;
  readonly #tsc: TscSource;
  readonly #onExpiry: () => void;
  readonly #timer: Timer;
  #mode = 0;
  #isMasked = true;
  #divideConfiguration = 0;
  #initialCount = 0;
  #startNs: number | null = null;
  #deadline = 0n;

  constructor(options: ApicTimerOptions) {
    this.#clock = options.clock;
    this.#tsc = options.tsc;
    this.#onExpiry = options.onExpiry;
    this.#timer = options.clock.timer(() => this.#expire());
  }

  reset(): void {
    this.#mode = 0;
    this.#isMasked = true;
    this.#divideConfiguration = 0;
    this.#initialCount = 0;
    this.#startNs = null;
    this.#deadline = 0n;
    this.#timer.disarm();
  }

  /** The LVT timer register was written. */
  configure(mode: number, isMasked: boolean): void {
    const wasDeadline = this.#mode === apicTimerMode.tscDeadline;
    const isDeadline = mode === apicTimerMode.tscDeadline;
    if (mode === this.#mode && isMasked === this.#isMasked) return;
    this.#mode = mode;
    this.#isMasked = isMasked;
    if (wasDeadline !== isDeadline) {
      this.#startNs = null;
      this.#initialCount = 0;
      this.#deadline = 0n;
    }
    this.#arm(0);
  }

  get divideConfiguration(): number {
    return this.#divideConfiguration;
  }

  setDivideConfiguration(value: number): void {
    const counted = this.#initialCount - this.currentCount();
    this.#divideConfiguration = value & 0xb;
    if (this.#startNs !== null) this.#startNs = this.#clock.nowNs() - counted * this.#divisor;
    this.#arm(0);
  }

  get initialCount(): number {
    return this.#initialCount;
  }

  setInitialCount(value: number): void {
    if (this.#mode === apicTimerMode.tscDeadline) return;
    this.#initialCount = value;
    this.#startNs = value === 0 ? null : this.#clock.nowNs();
    this.#arm(0);
  }

  currentCount(): number {
    if (this.#startNs === null) return 0;
    const ticks = Math.floor((this.#clock.nowNs() - this.#startNs) / this.#divisor);
    if (this.#mode === apicTimerMode.periodic) return this.#initialCount - (ticks % this.#initialCount);
    return Math.max(0, this.#initialCount - ticks);
  }

  /** IA32_TSC_DEADLINE; 0 once it has passed. */
  get deadline(): bigint {
    return this.#deadline;
  }

  setDeadline(value: bigint): void {
    if (this.#mode !== apicTimerMode.tscDeadline) return;
    this.#deadline = BigInt.asUintN(64, value);
    if (this.#deadline !== 0n && this.#tsc.read() >= this.#deadline) this.#expire();
    else this.#arm(0);
  }

  save(): ApicTimerState {
    return {
      mode: this.#mode,
      isMasked: this.#isMasked ? 1 : 0,
      divideConfiguration: this.#divideConfiguration,
      initialCount: this.#initialCount,
      elapsedNs: this.#startNs === null ? null : this.#clock.nowNs() - this.#startNs,
      deadlineLow: Number(this.#deadline & 0xffffffffn),
      deadlineHigh: Number(this.#deadline >> 32n),
    };
  }

  restore(state: ApicTimerState): void {
    this.#mode = state.mode;
    this.#isMasked = state.isMasked !== 0;
    this.#divideConfiguration = state.divideConfiguration & 0xb;
    this.#initialCount = state.initialCount;
    const isCounting = state.elapsedNs !== null && state.initialCount !== 0;
    this.#startNs = isCounting ? this.#clock.nowNs() - Math.max(0, state.elapsedNs ?? 0) : null;
    this.#deadline = (BigInt(state.deadlineHigh) << 32n) | BigInt(state.deadlineLow);
    this.#arm(0);
  }

  /** Divide configuration bits 3, 1 and 0: 2, 4, ... 128, 1. */
  get #divisor(): number {
    const bits = ((this.#divideConfiguration >> 1) & 4) | (this.#divideConfiguration & 3);
    return bits === 7 ? 1 : 2 << bits;
  }

  #expire(): void {
    if (this.#mode === apicTimerMode.tscDeadline) {
      if (this.#deadline === 0n) return;
      if (this.#tsc.read() < this.#deadline) {
        this.#arm(this.#clock.nowNs() + retryNs);
        return;
      }
      this.#deadline = 0n;
      this.#timer.disarm();
    } else if (this.#mode === apicTimerMode.periodic) this.#arm(this.#clock.nowNs() + shortestPeriodNs);
    else this.#startNs = null; // Until then it may be overdue: the host did something else.
    this.#onExpiry();
  }

  #arm(notBeforeNs: number): void {
    const deadline = this.#nextExpiryNs();
    if (deadline === undefined || !(deadline < Number.MAX_SAFE_INTEGER)) this.#timer.disarm();
    else this.#timer.arm(Math.max(deadline, notBeforeNs));
  }

  #nextExpiryNs(): number | undefined {
    if (this.#mode === apicTimerMode.tscDeadline) {
      return this.#deadline === 0n ? undefined : this.#tsc.whenReachesNs(this.#deadline);
    }
    if (this.#startNs === null) return undefined;
    const period = this.#initialCount * this.#divisor;
    if (this.#mode === apicTimerMode.periodic) {
      // Nobody hears a masked one: it must not wake the host either.
      if (this.#isMasked) return undefined;
      return this.#startNs + (Math.floor((this.#clock.nowNs() - this.#startNs) / period) + 1) * period;
    }
    return this.#startNs + period;
  }
}
