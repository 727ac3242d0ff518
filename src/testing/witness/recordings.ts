import type { WitnessMode } from './case.ts';
import type { WitnessUnit } from './encodings.ts';

export interface Recording {
  /** File in fixtures/witness, without its extension. */
  readonly name: string;
  readonly mode: WitnessMode;
  readonly units: readonly WitnessUnit[];
  readonly hasFloats: boolean;
  readonly sequences: number;
}

/** What is recorded; two MiB in all. */
export const recordings: readonly Recording[] = [
  { name: 'ok-integer-64', mode: 64, units: ['integer'], hasFloats: false, sequences: 9000 },
  { name: 'ok-integer-32', mode: 32, units: ['integer'], hasFloats: false, sequences: 6000 },
  { name: 'ok-integer-16', mode: 16, units: ['integer'], hasFloats: false, sequences: 3500 },
  { name: 'ok-vector-64', mode: 64, units: ['sse', 'mmx'], hasFloats: false, sequences: 4500 },
  { name: 'ok-vector-32', mode: 32, units: ['sse', 'mmx'], hasFloats: false, sequences: 1500 },
  { name: 'ok-float-64', mode: 64, units: ['sse'], hasFloats: true, sequences: 5000 },
];
