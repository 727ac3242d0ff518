/** Why `run` returned. */
export type VcpuStop =
  /** The budget is used up. */
  | { readonly kind: 'budget' }
  /** Waits for an interrupt. */
  | { readonly kind: 'halt' }
  /** `kick` was called. */
  | { readonly kind: 'kicked' }
  /** It spins while others of its VM could run (see VcpuPeer.makeRoom). */
  | { readonly kind: 'spin' }
  | { readonly kind: 'triple-fault'; readonly registers: string }
  /** The guest did something that is not built; the VM cannot go on. */
  | { readonly kind: 'unsupported'; readonly reason: string };

/** What a vCPU has done, for statistics. */
export interface VcpuCounters {
  /** Guest instructions retired. */
  readonly instructions: number;
  readonly [name: string]: number;
}

/** How far a vCPU has come. Delivering a fault, a #DB trap or an interrupt retires nothing. */
export interface VcpuProgress {
  readonly instructions: number;
  readonly faults: number;
  readonly traps: number;
  readonly interrupts: number;
}

/** What a vCPU can do for the others of its VM, and they to it. */
export interface VcpuPeer {
  /** `run` returns after so many PAUSE instructions, with 'spin': someone else could use the time. 0: never. */
  makeRoom(patience: number): void;
  /** INTR is raised: it was asked for something, and has not answered. */
  readonly isInterrupted: boolean;
  /** An INIT signal: it waits for a start-up message then. */
  init(): void;
  /** A start-up message, for which it may be waiting: it begins in real mode at this page. */
  startUp(page: number): void;
}

/** One virtual processor on some engine. Device accesses are served inside `run`. */
export interface Vcpu<State> {
  /** Guest instructions retired. */
  readonly instructions: number;
  /**
   * Runs about `budget` instructions, fewer when something stops it. Instructions may take long, so now and then `isOver`
   * is asked, at intervals far below 100 microseconds: true ends the run as `kick` does.
   */
  run(budget: number, isOver?: () => boolean): VcpuStop;
  /** Absent: its VM has no other. */
  readonly peer?: VcpuPeer;
  /** The guest sleeps nearly all the time: what costs time now to save some later can wait. */
  isResting: boolean;
  /** The one call that others may make while it runs: `run` returns soon. */
  kick(): void;
  /** The interrupt controller's INTR wire. */
  setInterrupt(level: boolean): void;
  nonMaskableInterrupt(): void;
  /** The A20 gate, which is enabled at first: while it is not, bit 20 of physical addresses is zero. Between accesses only. */
  setA20(enabled: boolean): void;
  counters(): VcpuCounters;
  save(): State;
  restore(state: State): void;
}
