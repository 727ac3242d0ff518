/** A guest that runs for less of its time is at rest. */
const restingShare = 0.05;
/** Time over which the share is taken. */
const windowNs = 1e9;

/** How much of its time a guest runs: one that nearly always sleeps is not worth effort to make it faster. */
export class Activity {
  #share = 1;
  #begunNs: number | undefined;
  #sleptNs = 0;

  /** The guest falls asleep, or has slept. */
  fellAsleep(nowNs: number): void {
    this.#begunNs ??= nowNs;
    this.#sleptNs = nowNs;
  }

  wokeUp(nowNs: number): void {
    const begunNs = this.#begunNs ?? nowNs;
    const totalNs = nowNs - begunNs;
    if (totalNs <= 0) return;
    const share = (this.#sleptNs - begunNs) / totalNs;
    this.#share += (share - this.#share) * Math.min(1, totalNs / windowNs);
    this.#begunNs = nowNs;
  }

  get isResting(): boolean {
    return this.#share < restingShare;
  }
}
