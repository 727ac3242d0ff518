/** A timer that the guest arms within a slice waits for the slice's end: this is how late it may come. */
const longestSliceNs = 1_000_000;
const shortestSliceNs = 10_000;
/** Shorter runs tell more about the clock than about the engine. */
const shortestMeasuredNs = 5_000;
const smallestBudget = 500;
const largestBudget = 50_000_000;

/** Turns time into an instruction budget, by the rate at which instructions were executed of late. */
export class Pace {
  /** Instructions a nanosecond. */
  #rate = 0.01;

  /** How many instructions fit before `availableNs` are over. */
  budget(availableNs: number): number {
    const sliceNs = Math.min(Math.max(availableNs, shortestSliceNs), longestSliceNs);
    return Math.round(Math.min(Math.max(sliceNs * this.#rate, smallestBudget), largestBudget));
  }

  /** Slowing down is believed sooner than speeding up: a slice that is too long is the worse mistake. */
  measure(instructions: number, elapsedNs: number): void {
    if (elapsedNs < shortestMeasuredNs) return;
    const rate = instructions / elapsedNs;
    this.#rate += (rate - this.#rate) * (rate < this.#rate ? 0.5 : 0.2);
  }
}
