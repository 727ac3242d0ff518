import { compactMemory, nodeHost, releaseBytes, writeUserFile } from '../host/index.ts';
import { type BootImage, createPcVm, type PcVmConfig, type VirtualMachine, type VmEnd } from '../vm/index.ts';
import type { QuitSignals } from './quit-signals.ts';
import type { RunOptions } from './run-options.ts';

/** What a run of a guest starts from. */
export interface GuestRun {
  readonly options: RunOptions;
  readonly boot: BootImage;
  readonly signals: QuitSignals;
}

/** This program is the VM's alone. */
const host = { ...nodeHost, compactMemory };

/** Makes the VM. The boot files are in its memory then, and gone from ours. */
export async function createVm(run: GuestRun, serialPorts: PcVmConfig['serialPorts']): Promise<VirtualMachine> {
  const { memoryBytes, engine, debugExitPort, timeoutSeconds } = run.options;
  const vm = await createPcVm({ memoryBytes, engine, debugExitPort, boot: run.boot, serialPorts }, host);
  const { kernel, initrd } = run.boot;
  for (const bytes of [kernel.bytes, initrd?.bytes]) if (bytes) releaseBytes(bytes);
  if (timeoutSeconds !== undefined) vm.stopAfter(timeoutSeconds);
  return vm;
}

/** 128 + SIGPIPE: nobody reads what the guest writes. */
export const readerGoneStatus = 141;

/** Writes the figures of a run that has ended. Throws FileError. */
export function writeStatistics(options: RunOptions, vm: VirtualMachine, end: VmEnd): void {
  if (options.stats === undefined) return;
  const figures = { engine: options.engine, end: end.kind, ...vm.statistics() };
  writeUserFile('statistics', options.stats, `${JSON.stringify(figures, undefined, 2)}\n`);
}
