import type { TimerQueue } from '../base/index.ts';
import type { Vcpu, VcpuStop } from '../cpu/index.ts';
import type { Board } from '../machine/boards/index.ts';
import { Activity } from './activity.ts';
import type { ConsoleTap } from './console-tap.ts';
import { sliceLengthNs } from './pace.ts';
import { Sleeper } from './sleeper.ts';
import type { VcpuFigures, VmStatistics } from './statistics.ts';
import { type Seat, Turns } from './turns.ts';
import type { VmClock } from './vm-clock.ts';
import type { VmEnd } from './vm-end.ts';
import type { VmHost } from './vm-host.ts';
import { isLegalTransition, type VmState, VmStateError } from './vm-state.ts';

/** The parts that a VM brings to life. */
export interface VmParts {
  /** What counts for all vCPUs, and knows that the guest is at rest. */
  readonly engine: Pick<Vcpu<unknown>, 'counters' | 'isResting'>;
  /** The first one boots; the others wait for its start-up messages. */
  readonly vcpus: readonly Vcpu<unknown>[];
  readonly board: Pick<Board, 'connectCpu' | 'selectCpu' | 'listen'>;
  readonly timers: TimerQueue;
  readonly clock: VmClock;
  readonly console: ConsoleTap;
  isInUserMode(): boolean;
}

/** After so long the host's event loop has its turn: consoles and backends wait no longer than this. */
const turnNs = 5_000_000;
/** A panicked kernel that neither resets nor says more is given up after this. */
const panicSilenceNs = 3_000_000_000;
/** Between two times that memory is compacted: it takes tens of milliseconds. */
const leastCompactionNs = 60e9;
const figuresOf = ({ vcpu, slices, ranNs }: Seat): VcpuFigures => ({
  ...vcpu.counters(),
  slices,
  seconds: ranNs / 1e9,
});

const isFinal = (state: VmState): boolean => state === 'stopped' || state === 'failed';

/** One VM's life: it runs its vCPUs in slices, serves timers between them and sleeps while the guest is idle. */
export class VirtualMachine {
  /** Resolves when the VM has ended by itself or by `stop`. Never rejects. */
  readonly ended: Promise<VmEnd>;
  readonly #parts: VmParts;
  readonly #host: VmHost;
  readonly #sleeper: Sleeper;
  readonly #turns: Turns;
  readonly #resolveEnded: (end: VmEnd) => void;
  #state: VmState = 'created';
  #end: VmEnd | undefined;
  #running: Promise<void> = Promise.resolve();
  #cancelTimeout: () => void = () => {};
  #holds = 0;
  #startedNs: number | undefined;
  #endedNs: number | undefined;
  #slices = 0;
  readonly #activity = new Activity();
  #compactedNs = Number.NEGATIVE_INFINITY;
  /** When the running slice is to be over; before all times while none runs. */
  #sliceEndNs = Number.NEGATIVE_INFINITY;
  readonly #isSliceOver = (): boolean => this.#parts.clock.nowNs() >= this.#sliceEndNs;

  constructor(parts: VmParts, host: VmHost) {
    this.#parts = parts;
    this.#host = host;
    this.#sleeper = new Sleeper(host);
    this.#turns = new Turns(parts.vcpus);
    const { promise, resolve } = Promise.withResolvers<VmEnd>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    parts.clock.pause();
    this.#connect();
  }

  get state(): VmState {
    return this.#state;
  }

  /** The console's last line of text. */
  get lastConsoleLine(): string {
    return this.#parts.console.panic.lastLine;
  }

  /** Starts, or goes on after a pause. Throws VmStateError. */
  start(): void {
    this.#enter('running');
    const before = this.#running;
    this.#running = before.then(() => this.#run());
  }

  /** Resolves when no vCPU executes any more; the guest's clock stands. Throws VmStateError. */
  async pause(): Promise<void> {
    this.#enter('paused');
    this.#interruptLoop();
    await this.#running;
  }

  /** Ends the VM. It may have ended before: the first reason stays. */
  stop(end: VmEnd = { kind: 'killed' }): void {
    this.#end ??= end;
    this.#interruptLoop();
    if (this.#state !== 'running') this.#finish();
  }

  /** Ends the VM with a timeout unless it has ended by then. */
  stopAfter(seconds: number): void {
    this.#cancelTimeout();
    this.#cancelTimeout = this.#host.sleep(seconds * 1e9, () => this.stop({ kind: 'timeout', seconds }));
  }

  /** Until as many calls of `release` the guest stands still, with its clock running: a reader of its output is slow. */
  hold(): void {
    this.#holds++;
    this.#interruptLoop();
  }

  release(): void {
    this.#holds--;
    this.#sleeper.wake();
  }

  statistics(): VmStatistics {
    const { clock, engine, console } = this.#parts;
    const counters = { ...engine.counters(), slices: this.#slices, sleeps: this.#sleeper.sleeps };
    const untilNs = this.#endedNs ?? clock.nowNs();
    const seconds = (ns: number): number => (ns - (this.#startedNs ?? ns)) / 1e9;
    return {
      wallSeconds: seconds(untilNs),
      instructions: counters.instructions,
      secondsToFirstConsoleByte: console.firstByteNs === undefined ? undefined : seconds(console.firstByteNs),
      ...this.#host.resources(),
      counters,
      ...(this.#turns.seats.length > 1 && { vcpus: this.#turns.seats.map(figuresOf) }),
    };
  }

  #connect(): void {
    const { board, timers } = this.#parts;
    timers.onArm = (deadlineNs) => this.#shortenSlice(deadlineNs);
    board.listen({
      onPowerOff: () => this.stop({ kind: 'power-off' }),
      onReset: () => this.stop({ kind: 'reset' }),
      onA20: (enabled) => {
        for (const { vcpu } of this.#turns.seats) vcpu.setA20(enabled);
      },
      onDebugExit: (status) => this.stop({ kind: 'debug-exit', status }),
    });
    for (const { index, vcpu } of this.#turns.seats) this.#connectCpu(index, vcpu);
    board.selectCpu(0);
  }

  #connectCpu(index: number, vcpu: Vcpu<unknown>): void {
    this.#parts.board.connectCpu(index, {
      setInterrupt: (level) => {
        vcpu.setInterrupt(level);
        if (level) this.#wake(index);
      },
      nmi: () => {
        vcpu.nonMaskableInterrupt();
        this.#wake(index);
      },
      init: () => {
        // The first processor would reset into firmware, which a direct boot has not.
        if (index === 0) this.stop({ kind: 'reset' });
        else vcpu.peer?.init();
        this.#wake(index);
      },
      sipi: (page) => {
        vcpu.peer?.startUp(page);
        this.#wake(index);
      },
    });
  }

  #wake(index: number): void {
    this.#turns.wake(index);
    this.#sleeper.wake();
  }

  /** A timer that the guest arms in a slice ends it when it is due before the slice's end. */
  #shortenSlice(deadlineNs: number): void {
    if (deadlineNs >= this.#sliceEndNs) return;
    this.#sliceEndNs = deadlineNs;
    this.#turns.current.vcpu.kick();
  }

  #enter(state: VmState): void {
    if (!isLegalTransition(this.#state, state)) throw new VmStateError(this.#state, state);
    this.#state = state;
  }

  #interruptLoop(): void {
    this.#turns.current.vcpu.kick();
    this.#sleeper.wake();
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    clock.resume();
    this.#startedNs ??= clock.nowNs();
    while (this.#state === 'running' && !this.#end) {
      try {
        const isIdle = this.#holds === 0 && this.#turn();
        if (this.#holds > 0) await this.#standStill();
        else await (isIdle && !this.#end ? this.#sleepTillDue() : this.#yield());
      } catch (error) {
        this.#end = { kind: 'failed', error };
      }
    }
    clock.pause();
    if (this.#end) this.#finish();
  }

  /** Runs slices until the event loop must have its turn, or the guest is idle: then true. */
  #turn(): boolean {
    const { clock, timers, console } = this.#parts;
    const untilNs = clock.nowNs() + turnNs;
    do {
      timers.runExpired();
      this.#sleeper.reset();
      const stop = this.#slice();
      this.#takeStop(stop);
      if (stop.kind === 'halt' && !this.#sleeper.isAwake && !this.#turns.isAnyAwake) {
        console.panic.dismiss();
        return !this.#isDue();
      }
    } while (!this.#end && this.#holds === 0 && this.#state === 'running' && clock.nowNs() < untilNs);
    this.#lookForPanic();
    return false;
  }

  #slice(): VcpuStop {
    const { clock, timers, board } = this.#parts;
    const before = this.#turns.current;
    const seat = this.#turns.next();
    const { vcpu, pace } = seat;
    if (seat !== before) board.selectCpu(seat.index);
    const beginNs = clock.nowNs();
    const untilDeadlineNs = sliceLengthNs((timers.nextDeadlineNs() ?? Number.POSITIVE_INFINITY) - beginNs);
    const sliceNs = Math.min(untilDeadlineNs, this.#turns.longestNs);
    const { instructions } = vcpu;
    this.#sliceEndNs = beginNs + sliceNs;
    const stop = vcpu.run(pace.budget(sliceNs), this.#isSliceOver);
    this.#sliceEndNs = Number.NEGATIVE_INFINITY;
    this.#slices++;
    const elapsedNs = clock.nowNs() - beginNs;
    pace.measure(vcpu.instructions - instructions, elapsedNs);
    this.#turns.took(elapsedNs, stop);
    return stop;
  }

  #takeStop(stop: VcpuStop): void {
    if (stop.kind === 'triple-fault' || stop.kind === 'unsupported') this.#end ??= stop;
  }

  #isDue(): boolean {
    const { clock, timers } = this.#parts;
    const deadlineNs = timers.nextDeadlineNs();
    return deadlineNs !== undefined && deadlineNs <= clock.nowNs();
  }

  #lookForPanic(): void {
    const { console, clock } = this.#parts;
    if (console.panic.message === undefined) return;
    if (this.#parts.isInUserMode()) console.panic.dismiss();
    else if (clock.nowNs() - console.lastByteNs > panicSilenceNs) {
      this.stop({ kind: 'panic', message: console.panic.message });
    }
  }

  async #sleepTillDue(): Promise<void> {
    const { clock, timers, engine } = this.#parts;
    const deadlineNs = timers.nextDeadlineNs();
    const nowNs = clock.nowNs();
    this.#activity.fellAsleep(nowNs);
    await this.#sleeper.sleep(deadlineNs === undefined ? undefined : deadlineNs - nowNs);
    this.#activity.wokeUp(clock.nowNs());
    const { isResting } = this.#activity;
    if (isResting && !engine.isResting) this.#compact();
    engine.isResting = isResting;
  }

  /** The guest is at rest again: what was needed while it was busy goes. */
  #compact(): void {
    const nowNs = this.#parts.clock.nowNs();
    if (nowNs - this.#compactedNs < leastCompactionNs) return;
    this.#host.compactMemory?.();
    this.#compactedNs = nowNs;
  }

  #standStill(): Promise<void> {
    this.#sleeper.reset();
    return this.#sleeper.sleep();
  }

  #yield(): Promise<void> {
    this.#parts.engine.isResting = false; // It runs for longer than a guest at rest does.
    return new Promise((resolve) => this.#host.yieldToHost(resolve));
  }

  #finish(): void {
    if (isFinal(this.#state) || !this.#end) return;
    const end = this.#explained(this.#end);
    this.#enter(end.kind === 'failed' || end.kind === 'unsupported' ? 'failed' : 'stopped');
    this.#cancelTimeout();
    this.#endedNs = this.#parts.clock.nowNs();
    this.#resolveEnded(end);
  }

  /** A kernel that panics resets the machine, faults thrice or hangs: the panic is what its user wants to hear of. */
  #explained(end: VmEnd): VmEnd {
    const { message } = this.#parts.console.panic;
    if (message === undefined || (end.kind !== 'reset' && end.kind !== 'triple-fault')) return end;
    return { kind: 'panic', message };
  }
}
