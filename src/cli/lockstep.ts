import { SerialPipe } from '../backends/index.ts';
import { loadEngines } from '../cpu/index.ts';
import { nodeHost } from '../host/index.ts';
import { createLockstepVm, type LockstepVm, type VmEnd } from '../vm/index.ts';
import { readBootFiles } from './boot-files.ts';
import { exitStatus, reportEnd, say } from './exit-status.ts';
import { table } from './help.ts';
import { type LockstepRunOptions, lockstepOptionTable, readLockstepOptions } from './lockstep-options.ts';
import { openTranslations } from './open-translations.ts';
import { QuitSignals } from './quit-signals.ts';
import type { Verb } from './verb.ts';

const differenceStatus = 75;

export const lockstepVerb: Verb = {
  name: 'debug lockstep',
  summary: 'Runs a guest on the JIT and on the interpreter at once, and stops where they differ.',
  operands: '[IMAGE]',
  options: lockstepOptionTable,
  notes: [
    [
      'The clock counts instructions, so a run with the same options is the same run. Of a difference in registers,',
      '--from shows the instructions of the slice; of one in RAM, --watch finds the slice that wrote there.',
    ].join('\n'),
    [
      'Exit status, besides those of "mezz run":',
      ...table([
        [
          String(exitStatus.ok.status),
          'the guest powered off, or ran as far as it should, and there was no difference',
        ],
        [String(differenceStatus), 'there was a difference'],
      ]),
    ].join('\n'),
  ],
  async run(parsed) {
    const options = readLockstepOptions(parsed);
    return QuitSignals.during((signals) => runInLockstep(options, signals));
  },
};

async function runInLockstep(options: LockstepRunOptions, signals: QuitSignals): Promise<number> {
  const { run, lockstep, jit, instructions, input, isConsoleShown } = options;
  const boot = await readBootFiles(run, signals.signal);
  const console = new SerialPipe({ onOutput: (bytes) => void (isConsoleShown && process.stdout.write(bytes)) });
  console.send(new TextEncoder().encode(input));
  const { memoryBytes, cpu, debugExitPort, timeoutSeconds } = run;
  const config = {
    memoryBytes,
    cpu,
    debugExitPort,
    boot,
    serialPorts: [console] as const,
    jit,
    lockstep,
    instructions,
    openKeeper: () => openTranslations(run),
  };
  const machine = await createLockstepVm(config, nodeHost);
  const { vm, engine } = machine;
  signals.onQuit = () => vm.stop();
  if (timeoutSeconds !== undefined) {
    setTimeout(() => vm.stop({ kind: 'timeout', seconds: timeoutSeconds }), timeoutSeconds * 1000).unref();
  }
  vm.start();
  const end = lastLook(machine, await vm.ended);
  const { faults = 0, interrupts = 0, translatedRegions = 0, keptRegions = 0 } = engine.counters();
  const done = `${engine.counters().instructions} instructions, ${faults} faults, ${interrupts} interrupts`;
  const kept = keptRegions > 0 ? `, ${keptRegions} kept` : '';
  say(`In lock-step for ${done}, ${translatedRegions} regions translated${kept}`);
  const { describeDifference, LockstepDifference } = await loadEngines();
  if (end.kind !== 'failed' || !(end.error instanceof LockstepDifference)) return reportEnd(end, signals.status);
  process.stderr.write(`${describeDifference(end.error, engine)}\n`);
  return differenceStatus;
}

/** However the guest ended, what it left must be the same. */
function lastLook({ engine }: LockstepVm, end: VmEnd): VmEnd {
  if (end.kind === 'failed') return end;
  try {
    engine.compareAll();
    return end;
  } catch (error) {
    return { kind: 'failed', error };
  }
}
