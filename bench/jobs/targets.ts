import type { ProgramRow } from './bench-programs.ts';
import type { Bits } from './compile.ts';
import type { MachineName } from './job-machine.ts';
import { speedUp } from './program-report.ts';
import type { ProgramClass } from './program-table.ts';

/** What a class of programs, or all of them, must keep to. */
interface ProgramTarget {
  readonly title: ProgramClass | 'all';
  readonly other: MachineName;
  /** Of the speeds' quotients: their geometric mean, or the least of them. */
  readonly of: 'geometric mean' | 'slowest';
  readonly atLeast: number;
}

const targets: readonly ProgramTarget[] = [
  { title: 'compute', other: 'qemu', of: 'geometric mean', atLeast: 1.5 },
  { title: 'compute', other: 'qemu', of: 'slowest', atLeast: 0.8 },
  { title: 'floating point', other: 'qemu', of: 'geometric mean', atLeast: 3 },
  { title: 'system', other: 'qemu', of: 'slowest', atLeast: 0.8 },
  { title: 'all', other: 'v86', of: 'geometric mean', atLeast: 3 },
];

/** A target by what was measured. */
export interface Verdict {
  readonly title: string;
  readonly bits: Bits;
  readonly other: MachineName;
  readonly of: ProgramTarget['of'];
  readonly value: number;
  /** The slowest program. */
  readonly slowest: string;
  readonly atLeast: number | undefined;
  readonly isMet: boolean | undefined;
}

const groups = ['compute', 'floating point', 'system', 'all'] as const;

/** Geometric means and slowest programs, class by class, for each machine that was measured beside Mezz. */
export function verdicts(rows: readonly ProgramRow[]): Verdict[] {
  return ([64, 32] as const).flatMap((bits) =>
    (['qemu', 'v86'] as const).flatMap((other) =>
      groups.flatMap((group) => {
        const members = rows.filter(({ program }) => group === 'all' || program.class === group);
        return groupVerdicts(
          { title: group, bits, other },
          members.filter((row) => row.bits === bits),
        );
      }),
    ),
  );
}

function groupVerdicts(group: Pick<Verdict, 'title' | 'bits' | 'other'>, rows: readonly ProgramRow[]): Verdict[] {
  const { title, other } = group;
  const quotients = rows.flatMap((row) => {
    const quotient = speedUp(row, 'mezz', other);
    return quotient ? [{ name: row.program.name, value: quotient.median }] : [];
  });
  const slowest = quotients.toSorted((a, b) => a.value - b.value)[0];
  if (!slowest) return [];
  const hasFailures = rows.some(({ failures }) => failures.length > 0);
  const values = { 'geometric mean': geometricMean(quotients.map(({ value }) => value)), slowest: slowest.value };
  return (['geometric mean', 'slowest'] as const).flatMap((of): Verdict[] => {
    const target = targets.find((wanted) => wanted.title === title && wanted.other === other && wanted.of === of);
    if (of === 'slowest' && !target) return [];
    const value = values[of];
    const isMet = target && value >= target.atLeast && !hasFailures;
    return [{ ...group, of, value, slowest: slowest.name, atLeast: target?.atLeast, isMet }];
  });
}

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
