import type { VcpuProgress } from '../vcpu.ts';
import type { BusCall } from './bus-log.ts';
import type { FieldDifference } from './compare.ts';

/** A stretch of execution at whose beginning both processors agreed. */
export interface LockstepSlice {
  /** The subject's progress. */
  readonly from: VcpuProgress;
  readonly to: VcpuProgress;
  readonly startRip: bigint;
  /** What the subject asked of its bus. */
  readonly calls: readonly BusCall[];
  /** Interrupts that the subject took, with their vectors. */
  readonly interrupts: readonly { readonly at: VcpuProgress; readonly vector: number }[];
  /** Where the reference's instructions began, of slices that are traced. */
  readonly trace: readonly bigint[];
}

/** The two engines of a lock-step run have come apart. */
export class LockstepDifference extends Error {
  readonly reason: string;
  readonly slice: LockstepSlice;
  readonly fields: readonly FieldDifference[];
  /** Linear-memory offsets of differing words of guest RAM, some of them. */
  readonly ramOffsets: readonly number[];

  constructor(reason: string, slice: LockstepSlice, fields: readonly FieldDifference[], ramOffsets: readonly number[]) {
    super(`Cannot go on in lock-step after ${slice.to.instructions} instructions: ${reason}`);
    this.name = 'LockstepDifference';
    this.reason = reason;
    this.slice = slice;
    this.fields = fields;
    this.ramOffsets = ramOffsets;
  }
}
