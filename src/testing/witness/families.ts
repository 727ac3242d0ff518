/** How much of each family of definitions cases execute. */
import { x86Families } from '../../cpu/isa/x86/index.ts';
import type { Row } from '../../cpu/isa/x86/row.ts';
import type { WitnessCase } from './case.ts';

const families: ReadonlyMap<Row, string> = new Map(
  Object.entries(x86Families).flatMap(([family, rows]) => rows.map((row) => [row, family] as const)),
);

export const familyOf = (row: Row): string | undefined => families.get(row);

/** Sequences by the families of their instructions. */
export class FamilyCounts {
  readonly #counts = new Map<string, number>();

  add({ instructions }: WitnessCase): void {
    for (const family of new Set(instructions.map((each) => each.family))) {
      if (family !== undefined) this.#counts.set(family, this.of(family) + 1);
    }
  }

  of(family: string): number {
    return this.#counts.get(family) ?? 0;
  }
}

/** A line for each family that sequences are drawn from: how many had an instruction of it, in each of these groups. */
export function familyLines(groups: ReadonlyMap<string, readonly FamilyCounts[]>): string[] {
  const line = (name: string, cells: readonly (string | number)[]): string =>
    `  ${name.padEnd(16)}${cells.map((cell) => String(cell).padStart(12)).join('')}`;
  const sum = (counts: readonly FamilyCounts[], family: string): number =>
    counts.reduce((total, each) => total + each.of(family), 0);
  const names = Object.keys(x86Families).filter((family) => family !== 'x87');
  return [
    line('sequences with', [...groups.keys()]),
    ...names.map((family) =>
      line(
        family,
        [...groups.values()].map((counts) => sum(counts, family)),
      ),
    ),
  ];
}
