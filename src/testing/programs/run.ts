/**
 * Runs software whose answers are known in guests, and says what is right; `--help` tells how.
 */
import type { Bits } from '../debian/package-tree.ts';
import { type Configuration, machineOptions, reasonToLeaveOut } from './configurations.ts';
import { mezzMachine, type ProgramGuest, qemuMachine } from './guest.ts';
import { type Column, matrixTable, passed } from './matrix-table.ts';
import { readFlags, usage } from './options.ts';
import type { Outcome } from './outcome.ts';
import { runSuite } from './run-suite.ts';
import type { GuestProgram, ProgramSuite } from './suite.ts';
import { suites } from './table.ts';

type Flags = NonNullable<ReturnType<typeof readFlags>>;

const columns: Column[] = [];
const flags = readFlags();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    console.log(`\n${matrixTable(columns)}`);
    process.exit(1);
  });
}
if (flags === undefined) console.log(usage);
else await main(flags);

async function main(flags: Flags): Promise<void> {
  for (const configuration of flags.configurations) await runConfiguration(configuration, flags);
  console.log(`\n${matrixTable(columns)}`);
  const outcomes = columns.flatMap((column) => column.outcomes);
  process.exitCode = outcomes.length > 0 && passed(outcomes).length === outcomes.length ? 0 : 1;
}

/** Each suite has a guest of its own, so that what one does to its guest is no other's matter. */
async function runConfiguration(configuration: Configuration, flags: Flags): Promise<void> {
  const outcomes: Outcome[] = [];
  const leftOut = new Map<string, string>();
  columns.push({ title: configuration.name, outcomes, leftOut });
  const isWanted = (suite: ProgramSuite, program: GuestProgram, bits: Bits): boolean => {
    if (flags.quick && !suite.quick[bits].includes(program.name)) return false;
    if (flags.programs && !flags.programs.includes(program.name)) return false;
    const reason = reasonToLeaveOut(configuration, suite, program);
    if (reason !== undefined) leftOut.set(`${suite.name}: ${program.name}`, reason);
    return reason === undefined;
  };
  const machine = (guest: ProgramGuest): string[] =>
    flags.machine === 'qemu'
      ? qemuMachine(guest, configuration.processors)
      : mezzMachine(guest, [...machineOptions(configuration), ...flags.options]);
  for (const suite of suites) {
    if (flags.suites && !flags.suites.includes(suite.name)) continue;
    const { bits } = configuration;
    if (!suite.bits.includes(bits) || (flags.quick && suite.quick[bits].length === 0)) continue;
    await runSuite(suite, {
      bits,
      isWanted,
      machine,
      limitSeconds: flags.limitSeconds * configuration.slowness,
      onOutcome: (outcome) => {
        outcomes.push(outcome);
        report(outcome, configuration, flags.isShown);
      },
    });
  }
}

function report({ name, failure, tests, seconds, output }: Outcome, { name: title }: Configuration, isShown: boolean) {
  const row = [name.padEnd(50), title.padEnd(11), String(tests).padStart(7), `${seconds.toFixed(1).padStart(7)} s`];
  console.log(`${row.join('  ')}  ${failure ?? 'passed'}`);
  if (failure !== undefined && isShown) console.log(output);
}
