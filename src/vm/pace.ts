/** Ends of slices come late when the guest becomes slower in one: by so much when it takes twice the time. */
const longestSliceNs = 100_000;
/** Long before the next deadline less often is soon enough. */
const longestEarlySliceNs = 1_000_000;
const earlyShare = 0.35;
const shortestSliceNs = 10_000;
/** Shorter runs tell more about the clock than about the engine. */
const shortestMeasuredNs = 5_000;
const smallestBudget = 100;
const largestBudget = 50_000_000;

/** How long the vCPU is to run when the next deadline is `availableNs` away. */
export function sliceLengthNs(availableNs: number): number {
  const longestNs = Math.min(Math.max(availableNs * earlyShare, longestSliceNs), longestEarlySliceNs);
  return Math.min(Math.max(availableNs, shortestSliceNs), longestNs);
}

/** Turns time into an instruction budget, by the rate at which instructions were executed of late. */
export class Pace {
  /** Instructions a nanosecond. */
  #rate = 0.01;

  /** How many instructions fit into a slice. */
  budget(sliceNs: number): number {
    return Math.round(Math.min(Math.max(sliceNs * this.#rate, smallestBudget), largestBudget));
  }

  /** Slowing down is believed sooner than speeding up: a slice that is too long is the worse mistake. */
  measure(instructions: number, elapsedNs: number): void {
    if (elapsedNs < shortestMeasuredNs || instructions === 0) return;
    const rate = instructions / elapsedNs;
    this.#rate += (rate - this.#rate) * (rate < this.#rate ? 0.5 : 0.2);
  }
}
