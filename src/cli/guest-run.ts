import { writeUserFile } from '../host/index.ts';
import type { BootImage, VirtualMachine, VmEnd } from '../vm/index.ts';
import type { QuitSignals } from './quit-signals.ts';
import type { RunOptions } from './run-options.ts';

/** What a run of a guest starts from. */
export interface GuestRun {
  readonly options: RunOptions;
  readonly boot: BootImage;
  readonly signals: QuitSignals;
}

/** 128 + SIGPIPE: nobody reads what the guest writes. */
export const readerGoneStatus = 141;

/** Writes the figures of a run that has ended. Throws FileError. */
export function writeStatistics(options: RunOptions, vm: VirtualMachine, end: VmEnd): void {
  if (options.stats === undefined) return;
  const figures = { engine: 'interpreter', end: end.kind, ...vm.statistics() };
  writeUserFile('statistics', options.stats, `${JSON.stringify(figures, undefined, 2)}\n`);
}
