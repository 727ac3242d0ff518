// 8254 programmable interval timer. Intel 8254 data sheet (231164-005).
//
// Counter 0 drives the timer interrupt, counter 2 is gated and read through port 0x61 (port-61.ts).
// Ticks that nobody looked at in time are merged into one edge.

import type { Timer, TimerClock } from '../../base/index.ts';
import type { BusTarget, IrqLine } from '../bus/index.ts';
import { bytePorts } from './byte-ports.ts';
import type { SavedDevice } from './device.ts';
import { OutputLine } from './output-line.ts';
import { PitCounter, pitCounterField } from './pit-counter.ts';
import { bool, list, type StateOf, stateSchema } from './state-fields.ts';

export { pitHz } from './pit-counter.ts';

/** A guest that asks for a faster interrupt gets this one: it must not starve everything else. */
const shortestPeriodNs = 20_000;

export const pit8254Schema = stateSchema('pit-8254', 1, {
  counters: list(pitCounterField, 3),
  interruptLevel: bool,
});
export type Pit8254State = StateOf<typeof pit8254Schema>;

export interface Pit8254Options {
  readonly clock: TimerClock;
  /** OUT of counter 0. */
  readonly line: IrqLine;
}

export class Pit8254 implements SavedDevice<Pit8254State> {
  readonly name = 'pit-8254';
  readonly schema = pit8254Schema;
  /** Four ports: 0x40-0x43 in a PC. */
  readonly ports: BusTarget = bytePorts({
    read: (offset) => this.#counters[offset]?.readByte(this.#clock.nowNs()) ?? 0xff,
    write: (offset, value) => this.#write(offset, value),
  });
  readonly #clock: TimerClock;
  readonly #line: OutputLine;
  readonly #timer: Timer;
  /** GATE of counters 0 and 1 is wired high. */
  readonly #counters = [new PitCounter(true), new PitCounter(true), new PitCounter(false)] as const;

  constructor(options: Pit8254Options) {
    this.#clock = options.clock;
    this.#line = new OutputLine(options.line);
    this.#timer = options.clock.timer(() => {
      this.#line.pulse();
      const now = this.#clock.nowNs();
      this.#arm(now, now + shortestPeriodNs);
    });
  }

  /** OUT of counter 2, as port 0x61 reads it. */
  speakerOutput(): boolean {
    return this.#counters[2].output(this.#clock.nowNs());
  }

  setSpeakerGate(level: boolean): void {
    this.#counters[2].setGate(level, this.#clock.nowNs());
  }

  reset(): void {
    this.#timer.disarm();
    for (const counter of this.#counters) counter.reset();
    this.#counters[2].setGate(false, this.#clock.nowNs());
    this.#line.drive(false);
  }

  save(): Pit8254State {
    const now = this.#clock.nowNs();
    return { counters: this.#counters.map((counter) => counter.save(now)), interruptLevel: this.#line.level };
  }

  restore(state: Pit8254State): void {
    const { counters, interruptLevel } = pit8254Schema.decode(pit8254Schema.version, state);
    const now = this.#clock.nowNs();
    for (const [i, counter] of counters.entries()) this.#counters[i]?.restore(counter, now);
    this.#line.assume(interruptLevel);
    this.#arm(now);
  }

  #write(offset: number, value: number): void {
    const now = this.#clock.nowNs();
    if (offset === 3) {
      this.#writeControl(value, now);
      return;
    }
    this.#counters[offset]?.writeByte(value, now);
    if (offset === 0) this.#followOutput(now);
  }

  #writeControl(value: number, now: number): void {
    const selected = value >> 6;
    if (selected === 3) {
      this.#readBack(value, now);
      return;
    }
    const counter = this.#counters[selected];
    if ((value & 0x30) === 0) {
      counter?.latchCount(now);
      return;
    }
    counter?.configure(value);
    if (selected === 0) this.#followOutput(now);
  }

  /** Read-back command: bits 3-1 select counters, clear bits 5 and 4 latch count and status. */
  #readBack(value: number, now: number): void {
    for (const [i, counter] of this.#counters.entries()) {
      if (!(value & (2 << i))) continue;
      if (!(value & 0x20)) counter.latchCount(now);
      if (!(value & 0x10)) counter.latchStatus(now);
    }
  }

  /**
   * The wire shows mode 0 as it is; in the others it stays high and falls just before it rises, so that a
   * processor that is slow to acknowledge does not miss a tick.
   */
  #followOutput(now: number): void {
    const counter = this.#counters[0];
    this.#line.drive(counter.mode !== 0 || counter.output(now));
    this.#arm(now);
  }

  /** For the rise after the time that the wire was looked at, which may be over by now. */
  #arm(seenNs: number, notBeforeNs = seenNs): void {
    const rise = this.#counters[0].nextRiseNs(seenNs);
    if (rise === undefined) this.#timer.disarm();
    else this.#timer.arm(Math.max(rise, notBeforeNs));
  }
}
