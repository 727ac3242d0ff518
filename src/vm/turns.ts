import type { Vcpu, VcpuStop } from '../cpu/index.ts';
import { Pace } from './pace.ts';

/** A vCPU, and what it has had of the VM's thread. */
export interface Seat {
  readonly index: number;
  readonly vcpu: Vcpu<unknown>;
  readonly pace: Pace;
  /** Time that it has run, or would have, had it not slept or spun: who has least is next. */
  usedNs: number;
  ranNs: number;
  slices: number;
  /** It may have something to do. */
  isAwake: boolean;
  /** It was woken in its slice. */
  isWoken: boolean;
  /** Times in a row that others were asked to answer what it spins for. */
  asks: number;
}

/** A vCPU runs on while it is ahead of the others by less. */
const leadNs = 500_000;
/** How long a vCPU runs that is only to answer an interrupt. */
const answerNs = 50_000;
/** After so many a vCPU that spins waits for something else than an answer. */
const mostAsks = 4;
/** PAUSE instructions until a vCPU is taken to spin. */
const patience = 12;

/**
 * Whose turn it is: vCPUs share the VM's thread by the time that they have used. One that halts needs none till it is woken.
 * One that spins waits for another: when it has sent interrupts, those that have not answered get short turns first, and it
 * goes on then; else it falls behind everybody.
 */
export class Turns {
  readonly seats: readonly Seat[];
  #current: Seat;
  /** The current vCPU goes on when it is not too far ahead. */
  #mayStay = true;
  #floorNs = 0;
  #asker: Seat | undefined;
  #answering: Seat[] = [];
  /** The current turn is for an answer only. */
  #isAnswer = false;

  /** All vCPUs but the first wait for a start-up message. */
  constructor(vcpus: readonly Vcpu<unknown>[]) {
    this.seats = vcpus.map((vcpu, index) => ({
      index,
      vcpu,
      pace: new Pace(),
      usedNs: 0,
      ranNs: 0,
      slices: 0,
      isAwake: index === 0,
      isWoken: false,
      asks: 0,
    }));
    const [first] = this.seats;
    if (!first) throw new RangeError('Cannot run a VM without a vCPU');
    this.#current = first;
  }

  /** Whose slice it is, or was last. */
  get current(): Seat {
    return this.#current;
  }

  /** The longest slice that is useful now. */
  get longestNs(): number {
    return this.#isAnswer ? answerNs : Number.POSITIVE_INFINITY;
  }

  get isAnyAwake(): boolean {
    return this.seats.some((seat) => seat.isAwake);
  }

  /** Something has come for a vCPU. Whether it slept until now. */
  wake(index: number): boolean {
    const seat = this.seats[index];
    if (!seat) return false;
    seat.isWoken = true;
    if (seat.isAwake) return false;
    seat.isAwake = true;
    seat.usedNs = Math.max(seat.usedNs, this.#floorNs - leadNs);
    if (seat !== this.#current) this.#current.vcpu.peer?.makeRoom(patience);
    return true;
  }

  /** Gives the next slice to a vCPU. When all sleep, to whoever had one last. */
  next(): Seat {
    if (this.seats.length > 1) this.#choose();
    this.#current.isWoken = false;
    return this.#current;
  }

  #choose(): void {
    this.#isAnswer = false;
    const next = this.#answerer() ?? this.#returning() ?? this.#fairest();
    this.#mayStay = true;
    this.#current = next;
    if (!this.#isAnswer) this.#floorNs = Math.max(this.#floorNs, next.usedNs);
    const hasOthers = this.seats.some((seat) => seat.isAwake && seat !== next);
    next.vcpu.peer?.makeRoom(hasOthers ? patience : 0);
  }

  /** Who is still to answer an interrupt. */
  #answerer(): Seat | undefined {
    const next = this.#answering.shift();
    if (!next) return undefined;
    if (!next.isAwake || !next.vcpu.peer?.isInterrupted) return this.#answerer();
    this.#isAnswer = true;
    return next;
  }

  #returning(): Seat | undefined {
    const asker = this.#asker;
    this.#asker = undefined;
    return asker?.isAwake ? asker : undefined;
  }

  #fairest(): Seat {
    let best: Seat | undefined;
    for (const seat of this.seats) if (seat.isAwake && (!best || seat.usedNs < best.usedNs)) best = seat;
    const current = this.#current;
    if (!best) return current;
    return this.#mayStay && current.isAwake && current.usedNs - best.usedNs < leadNs ? current : best;
  }

  /** The current slice is over. */
  took(elapsedNs: number, stop: VcpuStop): void {
    const seat = this.#current;
    seat.slices++;
    seat.ranNs += elapsedNs;
    seat.usedNs += elapsedNs;
    if (stop.kind === 'halt') seat.isAwake = seat.isWoken;
    if (stop.kind !== 'spin') seat.asks = 0;
    else if (!this.#ask(seat)) this.#fallBehind(seat);
  }

  /** Has those run that were interrupted and have not answered yet; false: there are none, or it has not helped. */
  #ask(asker: Seat): boolean {
    if (this.#isAnswer || ++asker.asks > mostAsks) return false;
    this.#answering = this.seats.filter((seat) => seat !== asker && seat.isAwake && seat.vcpu.peer?.isInterrupted);
    if (this.#answering.length === 0) return false;
    this.#asker = asker;
    return true;
  }

  #fallBehind(spinner: Seat): void {
    spinner.asks = 0;
    for (const { isAwake, usedNs } of this.seats) if (isAwake) spinner.usedNs = Math.max(spinner.usedNs, usedNs);
    this.#mayStay = false;
    // Of those that have used the same, it is the last to be chosen.
    spinner.usedNs++;
  }
}
