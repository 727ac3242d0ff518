import { type AddressRange, mappingOfSize, peakResidentBytes, residentBytes, touchedBytes } from './process-memory.ts';

/** Where a machine's process has the guest's RAM. */
export interface MemoryMap {
  /** Size of the mapping that holds guest RAM, and where in it RAM begins. */
  readonly mappingBytes: number;
  readonly ramOffset: number;
}

export interface MemoryUse {
  /** The largest resident set so far. */
  readonly peakResidentBytes: number;
  /** Guest RAM that was touched until then, by the guest and by who loaded it. */
  readonly touchedBytes: number;
  /** The difference of the two now, and at the moment when it was largest (before there is a guest, mostly). */
  readonly overheadAtPromptBytes: number;
  readonly overheadMaxBytes: number;
}

/** The process was there when we looked for it and is not when we read. */
export const isGone = (error: unknown): boolean =>
  ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Memory of a process that runs a guest: the guest's own, and the rest. */
export class MemoryMeter {
  readonly #pid: number;
  readonly #map: MemoryMap;
  #ram: AddressRange | undefined;
  #overheadMaxBytes = 0;

  constructor(pid: number, map: MemoryMap) {
    this.#pid = pid;
    this.#map = map;
  }

  /** The resident set less what the guest has touched, now. */
  sample(): number {
    const { mappingBytes, ramOffset } = this.#map;
    if (!this.#ram) {
      const mapping = mappingOfSize(this.#pid, mappingBytes);
      if (mapping) this.#ram = { start: mapping.start + ramOffset, sizeBytes: mappingBytes - ramOffset };
    }
    const overhead = residentBytes(this.#pid) - this.#touched();
    this.#overheadMaxBytes = Math.max(this.#overheadMaxBytes, overhead);
    return overhead;
  }

  result(): MemoryUse {
    const overheadAtPromptBytes = this.sample();
    if (!this.#ram) {
      throw new RangeError(`Cannot measure memory: process ${this.#pid} has no mapping of guest RAM's size`);
    }
    return {
      peakResidentBytes: peakResidentBytes(this.#pid),
      touchedBytes: this.#touched(),
      overheadAtPromptBytes,
      overheadMaxBytes: this.#overheadMaxBytes,
    };
  }

  #touched(): number {
    return this.#ram ? touchedBytes(this.#pid, this.#ram) : 0;
  }
}
