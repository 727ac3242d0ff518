/** Nanoseconds since the VM was created; monotonic, a number (exact for 104 days). */
export interface Clock {
  nowNs(): number;
}

/** One device timer. Arming it again moves its deadline. */
export interface Timer {
  readonly deadlineNs: number | undefined;
  arm(deadlineNs: number): void;
  disarm(): void;
}

/** The clock that devices see: they read it and ask to be called at a time, never sleep. */
export interface TimerClock extends Clock {
  timer(onExpiry: () => void): Timer;
}

/** Calls expired timers when told to; the run loop owns it and decides when that is. */
export class TimerQueue implements TimerClock {
  readonly #clock: Clock;
  readonly #armed = new Set<QueuedTimer>();
  /** Called with its deadline when a timer is armed. */
  onArm: (deadlineNs: number) => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowNs(): number {
    return this.#clock.nowNs();
  }

  timer(onExpiry: () => void): Timer {
    return new QueuedTimer(this, this.#armed, onExpiry);
  }

  /** Earliest deadline of an armed timer, if any. */
  nextDeadlineNs(): number | undefined {
    let next: number | undefined;
    for (const timer of this.#armed) {
      const deadline = timer.deadlineNs;
      if (deadline !== undefined && (next === undefined || deadline < next)) next = deadline;
    }
    return next;
  }

  /** Calls every timer whose deadline has passed, earliest first, each at most once. */
  runExpired(): void {
    const now = this.nowNs();
    const next = this.nextDeadlineNs();
    if (next === undefined || next > now) return;
    const expired = [...this.#armed]
      .filter((timer) => timer.deadlineNs !== undefined && timer.deadlineNs <= now)
      .sort((a, b) => (a.deadlineNs ?? 0) - (b.deadlineNs ?? 0));
    for (const timer of expired) {
      if (timer.deadlineNs !== undefined && timer.deadlineNs <= now) timer.expire();
    }
  }
}

class QueuedTimer implements Timer {
  readonly #queue: TimerQueue;
  readonly #armed: Set<QueuedTimer>;
  readonly #onExpiry: () => void;
  deadlineNs: number | undefined;

  constructor(queue: TimerQueue, armed: Set<QueuedTimer>, onExpiry: () => void) {
    this.#queue = queue;
    this.#armed = armed;
    this.#onExpiry = onExpiry;
  }

  arm(deadlineNs: number): void {
    this.deadlineNs = deadlineNs;
    this.#armed.add(this);
    this.#queue.onArm(deadlineNs);
  }

  disarm(): void {
    this.deadlineNs = undefined;
    this.#armed.delete(this);
  }

  expire(): void {
    this.disarm();
    this.#onExpiry();
  }
}
