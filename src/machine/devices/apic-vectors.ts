// The interrupts that a local APIC holds, and which one its processor may take.
// Intel SDM volume 3A, section 11.8 "Handling interrupts".

import { type Field, list, record, u8, u32 } from './state-fields.ts';
import { VectorSet } from './vector-set.ts';

export const apicVectorsField = record({
  taskPriority: u8,
  request: list(u32, 8),
  inService: list(u32, 8),
  triggerMode: list(u32, 8),
});
export type ApicVectorsState = typeof apicVectorsField extends Field<infer T> ? T : never;

/** IRR, ISR, TMR, TPR and PPR. */
export class ApicVectors {
  readonly request = new VectorSet();
  readonly inService = new VectorSet();
  readonly triggerMode = new VectorSet();
  #taskPriority = 0;
  /** Follows TPR and ISR. */
  #processorPriority = 0;

  get taskPriority(): number {
    return this.#taskPriority;
  }

  set taskPriority(value: number) {
    this.#taskPriority = value;
    this.#updatePriority();
  }

  get processorPriority(): number {
    return this.#processorPriority;
  }

  raise(vector: number, isLevel: boolean): void {
    this.request.add(vector);
    if (isLevel) this.triggerMode.add(vector);
    else this.triggerMode.delete(vector);
  }

  /** The highest vector of IRR whose class is above PPR's, or -1. */
  deliverable(): number {
    const vector = this.request.highest();
    return vector >= 0 && vector >>> 4 > this.#processorPriority >>> 4 ? vector : -1;
  }

  /** Takes a deliverable vector into service. */
  serve(vector: number): void {
    this.request.delete(vector);
    this.inService.add(vector);
    this.#updatePriority();
  }

  /** Ends the highest vector in service and gives it, or -1. */
  endOfInterrupt(): number {
    const vector = this.inService.highest();
    if (vector < 0) return -1;
    this.inService.delete(vector);
    this.#updatePriority();
    return vector;
  }

  reset(): void {
    this.request.clear();
    this.inService.clear();
    this.triggerMode.clear();
    this.taskPriority = 0;
  }

  save(): ApicVectorsState {
    return {
      taskPriority: this.#taskPriority,
      request: this.request.save(),
      inService: this.inService.save(),
      triggerMode: this.triggerMode.save(),
    };
  }

  restore(state: ApicVectorsState): void {
    this.request.restore(state.request);
    this.inService.restore(state.inService);
    this.triggerMode.restore(state.triggerMode);
    this.taskPriority = state.taskPriority;
  }

  /** PPR is TPR or the class of what is in service, whichever is higher (11.8.3.1). */
  #updatePriority(): void {
    const inService = Math.max(0, this.inService.highest()) & 0xf0;
    this.#processorPriority = Math.max(this.#taskPriority, inService);
  }
}
