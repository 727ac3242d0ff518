import { compactMemory, nodeHost, releaseBytes, TimeSampler, writeUserFile } from '../host/index.ts';
import { type BootImage, createPcVm, type PcVmConfig, type VirtualMachine, type VmEnd } from '../vm/index.ts';
import { openDebugSocket } from './debug-socket.ts';
import { defaultTranslations, openTranslations } from './open-translations.ts';
import type { QuitSignals } from './quit-signals.ts';
import type { RunOptions } from './run-options.ts';
import { timeShare } from './time-shares.ts';

/** What a run of a guest starts from. */
export interface GuestRun {
  readonly options: RunOptions;
  readonly boot: BootImage;
  readonly signals: QuitSignals;
}

/** This program is the VM's alone. */
const host = { ...nodeHost, compactMemory };

export interface RunningGuest {
  readonly vm: VirtualMachine;
  /** Writes the figures of a run that has ended, if they are wanted. Throws FileError. */
  writeStatistics(end: VmEnd): void;
}

/** Makes the VM. The boot files are in its memory then, and gone from ours. */
export async function createVm(run: GuestRun, serialPorts: PcVmConfig['serialPorts']): Promise<RunningGuest> {
  const { memoryBytes, engine, cpu, cpus, debugExitPort, timeoutSeconds, stats } = run.options;
  const statistics = stats !== undefined;
  const vm = await createPcVm(
    {
      memoryBytes,
      engine: (await openDebugSocket(run.options)) ?? engine,
      cpu,
      cpus,
      debugExitPort,
      boot: run.boot,
      serialPorts,
      statistics,
      openKeeper: () => openTranslations(run.options, defaultTranslations(run.options)),
    },
    host,
  );
  const { kernel, initrd } = run.boot;
  for (const bytes of [kernel.bytes, initrd?.bytes]) if (bytes instanceof Uint8Array) releaseBytes(bytes);
  if (timeoutSeconds !== undefined) vm.stopAfter(timeoutSeconds);
  const sampler = statistics ? new TimeSampler(timeShare) : undefined;
  sampler?.start();
  return { vm, writeStatistics: (end) => sampler && writeStatistics(run.options, vm, end, sampler) };
}

/** 128 + SIGPIPE: nobody reads what the guest writes. */
export const readerGoneStatus = 141;

function writeStatistics({ engine, stats = '' }: RunOptions, vm: VirtualMachine, end: VmEnd, sampler: TimeSampler) {
  const figures = { engine, end: end.kind, ...vm.statistics(), sampledSeconds: sampler.stop() };
  writeUserFile('statistics', stats, `${JSON.stringify(figures, undefined, 2)}\n`);
}
