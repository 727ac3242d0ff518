import type { HostResources, VmHost } from './vm-host.ts';

/** So that a guest that waits for a time by reading a clock gets there. */
const readNs = 20;
/** 2026-01-01, an arbitrary day. */
const wallClockBeginMs = 1_767_225_600_000;

/** A guest that waits longer waits for ever. */
const idleNs = 600e9;

/**
 * A host whose time is counted in guest instructions, one a nanosecond, so that a run can be repeated. Sleeping takes
 * no time: the clock jumps.
 */
export class InstructionClock implements VmHost {
  readonly #host: Pick<VmHost, 'yieldToHost' | 'resources'>;
  readonly #onIdle: () => void;
  #instructions = 0;
  #extraNs = 0;
  #entropy = 0n;

  /** `onIdle` is called when nothing will ever wake the guest. */
  constructor(host: Pick<VmHost, 'yieldToHost' | 'resources'>, onIdle: () => void) {
    this.#host = host;
    this.#onIdle = onIdle;
  }

  /** The guest has executed so many instructions in all. */
  reached(instructions: number): void {
    this.#instructions = instructions;
  }

  nowNs(): number {
    this.#extraNs += readNs;
    return this.#instructions + this.#extraNs;
  }

  sleep(durationNs: number, callback: () => void): () => void {
    let isCalledOff = false;
    if (durationNs > idleNs) this.#onIdle();
    this.#host.yieldToHost(() => {
      if (isCalledOff) return;
      this.#extraNs += Math.max(0, Math.ceil(durationNs));
      callback();
    });
    return () => {
      isCalledOff = true;
    };
  }

  yieldToHost(callback: () => void): void {
    this.#host.yieldToHost(callback);
  }

  wallClockMs(): number {
    return wallClockBeginMs + Math.floor(this.nowNs() / 1e6);
  }

  /** Repeatable as the rest is: no entropy at all (the sequence of splitmix64). */
  readEntropy(): bigint {
    this.#entropy = BigInt.asUintN(64, this.#entropy + 0x9e3779b97f4a7c15n);
    const first = BigInt.asUintN(64, (this.#entropy ^ (this.#entropy >> 30n)) * 0xbf58476d1ce4e5b9n);
    const second = BigInt.asUintN(64, (first ^ (first >> 27n)) * 0x94d049bb133111ebn);
    return second ^ (second >> 31n);
  }

  resources(): HostResources {
    return this.#host.resources();
  }
}
