import { x86Rows } from '../../cpu/isa/x86/index.ts';
import type { WitnessCase } from './case.ts';
import { exclusions } from './exclusions.ts';

/** Names of rows that no case executes: those of these units that are not excluded. */
export function unwitnessed(cases: Iterable<WitnessCase>, units: readonly string[]): string[] {
  const seen = new Set<string>();
  for (const { instructions } of cases) for (const { name } of instructions) seen.add(name);
  const wanted = x86Rows.filter((row) => units.includes(row.unit ?? 'integer') && exclusions[row.name] === undefined);
  return [...new Set(wanted.map((row) => row.name))].filter((name) => !seen.has(name));
}
