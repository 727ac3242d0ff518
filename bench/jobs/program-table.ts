import type { Bits } from './compile.ts';
import type { Place } from './place.ts';
import type { Job } from './session.ts';

export type ProgramClass = 'compute' | 'floating point' | 'system';

/** A program of the bench. */
export interface Program {
  readonly name: string;
  readonly class: ProgramClass;
  /** What the report counts: `perUnit` of these are in one unit of the program's work. */
  readonly unit: string;
  readonly perUnit: number;
  /** For figures of time: the unit is that of one of them, and less is better. */
  readonly isTime?: boolean;
  readonly bits: readonly Bits[];
  /** From a Debian package. */
  readonly isDebian?: boolean;
  /** What does so many units of work. */
  job(place: Place, count: number): Omit<Job, 'name'>;
}

type Figure = Pick<Program, 'unit' | 'perUnit' | 'isTime'>;

const rate = (unit: string, perUnit: number): Figure => ({ unit, perUnit });
/** `perUnit` things in a unit of work, and `scale` of the unit of time in a second. */
const time = (unit: string, perUnit: number, scale: number): Figure => ({
  unit,
  perUnit: perUnit / scale,
  isTime: true,
});

const own = (name: string, of: ProgramClass, figure: Figure): Program => ({
  name,
  class: of,
  ...figure,
  bits: [64, 32],
  job: ({ folder }, count) => ({ repetitions: 0, words: [`${folder}/suite`, name, String(count)] }),
});

const x87 = ({ name, unit, perUnit }: Program): Program => ({
  name: `${name}-x87`,
  class: 'floating point',
  unit,
  perUnit,
  bits: [32],
  job: ({ folder }, count) => ({ repetitions: 0, words: [`${folder}/suite-x87`, name, String(count)] }),
});

const floats: readonly Program[] = [
  own('matrix', 'floating point', rate('MFLOP/s', (2 * 48 ** 3) / 1e6)),
  own('nbody', 'floating point', rate('k steps/s', 0.4)),
  own('mandelbrot', 'floating point', rate('k points/s', 48 ** 2 / 1e3)),
];

export const ownPrograms: readonly Program[] = [
  own('core', 'compute', rate('units/s', 1)),
  own('sha256', 'compute', rate('MB/s', 16384 / 1e6)),
  own('multiply', 'compute', rate('M/s', 0.02)),
  own('divide', 'compute', rate('M/s', 0.02)),
  own('fib', 'compute', rate('M calls/s', 8361 / 1e6)),
  own('indirect', 'compute', rate('M calls/s', 0.02)),
  ...floats,
  ...floats.map(x87),
  own('latency', 'system', time('ns', 20000, 1e9)),
  own('memcpy', 'system', rate('MB/s', 8.388608)),
  own('memset', 'system', rate('MB/s', 8.388608)),
  own('page-fault', 'system', time('ns', 64, 1e9)),
  own('getpid', 'system', time('ns', 1000, 1e9)),
  own('clock', 'system', time('ns', 1000, 1e9)),
  own('pipe', 'system', time('µs', 20, 1e6)),
  own('fork-exec', 'system', time('µs', 1, 1e6)),
  own('rewrite', 'system', time('ns', 100, 1e9)),
];

/** What the report shows for so many units of work in a second. */
export const figureOf = ({ isTime, perUnit }: Program, unitsPerSecond: number): number =>
  isTime ? 1 / (unitsPerSecond * perUnit) : unitsPerSecond * perUnit;
