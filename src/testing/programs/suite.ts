import type { CpioEntry } from '../../images/index.ts';
import type { Bits } from '../debian/package-tree.ts';

/** What a program must print, besides ending with status 0. */
export type Expected =
  /** Its own verdict: a text of its output, whose groups, numbers all, add up to how many tests it counted. */
  | { readonly kind: 'verdict'; readonly pattern: RegExp }
  /** Exactly this. */
  | { readonly kind: 'output'; readonly text: string };

/** A program, or a series of tests of one, that runs in a guest. */
export interface GuestProgram {
  readonly name: string;
  /** For the guest's shell, in the suite's own folder. */
  readonly command: string;
  readonly expected: Expected;
  /** The level of x86-64 that its code needs, as 3 of x86-64-v3; 1 if nothing is said. */
  readonly level?: number;
}

/** A suite, ready for guests of one bitness. */
export interface PreparedSuite {
  /** Added to the guest's initial RAM disk. */
  readonly entries: readonly CpioEntry[];
  readonly programs: readonly GuestProgram[];
}

/** Software whose answers are known, from one source. */
export interface ProgramSuite {
  readonly name: string;
  readonly bits: readonly Bits[];
  readonly memoryMiB: number;
  /** How many processors its guest must have at least; 1 if nothing is said. */
  readonly processors?: number;
  /** Names of the programs that the quick set has: a journey runs them, so they are to take seconds. */
  readonly quick: Readonly<Record<Bits, readonly string[]>>;
  /** Fetches and builds what is not there yet; `folder` takes files that go with the run. */
  prepare(bits: Bits, folder: string): Promise<PreparedSuite>;
}

/** Where a suite's own files are in the guest. */
export const suiteFolder = (name: string): string => `programs/${name}`;
