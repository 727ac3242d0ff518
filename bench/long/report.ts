import { figure, markdownTable } from '../markdown.ts';
import type { MemorySample, WorkDone } from './long-run.ts';

/** What `--stats` wrote. */
export interface RunStatistics {
  readonly processorSeconds: number;
  readonly peakRssBytes: number;
  readonly instructions: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly sampledSeconds: Readonly<Record<string, number>>;
}

const mebibyte = 2 ** 20;
/** A module is counted when it is there already, and goes with the next slice. */
const codeBytesTolerance = 1 << 20;
/** V8 collects when it likes: so much more memory at the end than after the first third is no leak yet. */
const growthTolerance = 64 * mebibyte;

export const workTable = (done: readonly WorkDone[]): string =>
  markdownTable(
    ['', 'runs', 'units', 'units/s', 'wrong'],
    done.map(({ name, runs, units, seconds, failures }) => [
      name,
      String(runs),
      String(units),
      figure(units / seconds),
      failures.length === 0 ? '' : `${failures.length}: ${failures[0]}`,
    ]),
  );

/** The largest memory besides the guest's in each third of the run, but for its beginning. */
export function memoryByThirds(samples: readonly MemorySample[]): readonly [number, number, number] {
  const end = samples.at(-1)?.atSeconds ?? 0;
  const most = (third: number): number =>
    Math.max(
      0,
      ...samples
        .filter(({ atSeconds }) => Math.min(2, Math.floor((3 * atSeconds) / end)) === third)
        .map(({ overheadBytes }) => overheadBytes),
    );
  return [most(0), most(1), most(2)];
}

export function figures(samples: readonly MemorySample[], statistics: RunStatistics): string {
  const { counters, sampledSeconds } = statistics;
  const mebibytes = (bytes = 0): string => `${(bytes / mebibyte).toFixed(1)} MiB`;
  const millions = (count = 0): string => `${figure(count / 1e6)} M`;
  const seconds = Object.entries(sampledSeconds).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  const count = (name: string): number => counters[name] ?? 0;
  return [
    `memory besides the guest's, most in each third: ${memoryByThirds(samples).map(mebibytes).join(', ')}`,
    `largest resident set, with the guest's pages: ${mebibytes(statistics.peakRssBytes)}`,
    `code of the JIT: at most ${mebibytes(counters.mostLiveBytes)} of ${mebibytes(counters.liveBytesLimit)}, ` +
      `${mebibytes(counters.liveBytes)} in ${count('liveModules')} modules at the end`,
    `translated: ${count('translatedRegions')} regions (${count('retranslatedRegions')} of them again) in ` +
      `${count('translatedModules')} modules, ${mebibytes(counters.translatedBytes)}; ` +
      `${count('evictedModules')} modules given up, ${count('recordFlushes')} times all decoded code`,
    `instructions: ${millions(statistics.instructions)}, ${millions(counters.translatedCodeInstructions)} of them ` +
      'in translated code',
    `seconds: ${seconds.join(', ')}; processor ${statistics.processorSeconds.toFixed(1)}`,
  ].join('\n');
}

/** What must not be; empty when all is well. */
export function complaints(
  done: readonly WorkDone[],
  samples: readonly MemorySample[],
  { counters }: RunStatistics,
): string[] {
  const wrong = done.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`));
  const idle = done.filter(({ runs }) => runs === 0).map(({ name }) => `${name}: the time was over before its turn`);
  const { mostLiveBytes = 0, liveBytesLimit = 0 } = counters;
  const [first, , last] = memoryByThirds(samples);
  return [
    ...wrong,
    ...idle,
    ...(mostLiveBytes > liveBytesLimit + codeBytesTolerance ? [`code of the JIT grew to ${mostLiveBytes} bytes`] : []),
    ...(last > first + growthTolerance ? [`memory grew from ${first} to ${last} bytes`] : []),
  ];
}
