import type { VcpuCounters } from '../cpu/index.ts';

/** What a VM has done and used so far. Host figures are those of the whole program. `docs/statistics.md` explains all. */
export interface VmStatistics {
  /** Since the first start, pauses not counted. */
  readonly wallSeconds: number;
  readonly processorSeconds: number;
  /** Guest instructions retired. */
  readonly instructions: number;
  /** Absent while the console has been silent. */
  readonly secondsToFirstConsoleByte: number | undefined;
  readonly peakRssBytes: number;
  /** The engine's own counters, and how often the VM slept for want of work. */
  readonly counters: VcpuCounters & { readonly sleeps: number; readonly slices: number };
  /** Where there are several, each by itself. */
  readonly vcpus?: readonly VcpuFigures[];
}

/** What one of several vCPUs has done, and how long it ran. */
export type VcpuFigures = VcpuCounters & { readonly slices: number; readonly seconds: number };
