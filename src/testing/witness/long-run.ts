/** Runs by the clock: everything that the host can witness, in turn, on both engines. */
import { caseBytes, randomFrom } from '../../cpu/isa/x86/x87/witness/cases.ts';
import type { WitnessMode } from './case.ts';
import { engines } from './engines.ts';
import { familyLines } from './families.ts';
import { Generator, type GeneratorOptions } from './generator.ts';
import { shrink } from './live.ts';
import { WitnessMachine } from './machine.ts';
import { hostLimits, type NativeHost, nativeObstacle } from './native-host.ts';
import { reportMismatch } from './report.ts';
import { Session } from './session.ts';
import { makeCases, notesAsOurs, withOracle, x87Differences } from './x87-oracle.ts';

const modes: readonly WitnessMode[] = [64, 32, 16];
/** Translating each sequence takes the JIT longer. */
const sequencesInTurn: Readonly<Record<string, number>> = { interpreter: 8000, jit: 2000 };
const x87CasesInTurn = 10;
/** Seeds of turns lie apart, so that no turn repeats what another drew. */
const seedsInTurn = 10_000;

const parts: Readonly<Record<string, Omit<GeneratorOptions, 'mode'>>> = {
  'integers and vectors': { units: ['integer', 'sse', 'mmx', 'avx', 'xsave'] },
  'floating point': { units: ['sse', 'avx', 'xsave'], hasFloats: true },
  extensions: { units: ['integer', 'sse', 'mmx', 'avx', 'xsave'], extensions: true },
};

interface Turn {
  readonly engine: string;
  readonly title: string;
  readonly session: Session;
  readonly machine: WitnessMachine;
  readonly generator: Generator;
  readonly sequences: number;
}

function makeTurns(host: NativeHost): Turn[] {
  const turns: Turn[] = [];
  for (const [engine, create] of Object.entries(engines)) {
    const machine = new WitnessMachine(create);
    for (const [part, options] of Object.entries(parts)) {
      for (const mode of modes.filter((each) => !nativeObstacle(each, options.units))) {
        const generator = new Generator({ ...options, mode, limits: hostLimits() });
        const title = `${part}, ${mode}-bit code, ${engine}`;
        const sequences = sequencesInTurn[engine] ?? 2000;
        turns.push({ engine, title, session: new Session(host, machine), machine, generator, sequences });
      }
    }
  }
  return turns;
}

const sequencesOf = ({ session: { ends } }: Turn): number => ends.completed + ends.fault + ends.timeout;

/** Runs for so many minutes, each turn at least once; the number of mismatches. */
export async function runFor(host: NativeHost, minutes: number, seed: number, reports: number): Promise<number> {
  const turns = makeTurns(host);
  const end = performance.now() + minutes * 60_000;
  const random = randomFrom(seed);
  const x87 = { cases: 0, differences: [] as string[] };
  for (let round = 0; round === 0 || performance.now() < end; round++) {
    for (const { session, generator, sequences } of turns) {
      if (round > 0 && performance.now() >= end) break;
      await session.run(generator, sequences, (seed + round * seedsInTurn) | 0);
    }
    runX87(random, x87);
  }
  for (const turn of turns) {
    const { mismatches, ends } = turn.session;
    console.log(`${turn.title}: ${sequencesOf(turn)} sequences, ${ends.fault} faults, ${mismatches.length} mismatches`);
    for (const mismatch of mismatches.slice(0, reports)) {
      const { test, native, ours } = await shrink(mismatch, host, turn.machine);
      console.log(`${reportMismatch(test, native, ours)}\n`);
    }
  }
  console.log(`x87: ${x87.cases} cases, ${x87.differences.length} mismatches`);
  for (const difference of x87.differences.slice(0, reports)) console.log(difference);
  const byEngine = Map.groupBy(turns, ({ engine }) => engine);
  const counts = [...byEngine].map(([engine, some]) => [engine, some.map(({ session }) => session.families)] as const);
  console.log(familyLines(new Map(counts)).join('\n'));
  const total = turns.reduce((sum, turn) => sum + sequencesOf(turn), x87.cases);
  const wrong = turns.reduce((sum, { session }) => sum + session.mismatches.length, x87.differences.length);
  console.log(`${total} sequences, ${wrong} mismatches (seed ${seed})`);
  return wrong;
}

function runX87(random: () => number, totals: { cases: number; differences: string[] }): void {
  withOracle((ask) => {
    const cases = makeCases(random, x87CasesInTurn);
    totals.differences.push(...x87Differences(cases, ask(cases), notesAsOurs()));
    totals.cases += cases.length / caseBytes;
  });
}
