/** The outside witness for privileged behaviour: QEMU's software mode. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeLog } from './log.ts';
import { processorCountOf, programFile } from './programs.ts';

const qemu = 'qemu-system-x86_64';
/** What our processor has and TCG offers, nothing that would make reserved bits writable. */
const cpu = 'qemu64,vendor=GenuineIntel,-svm,+smep,+smap,+pdpe1gb,+fsgsbase,+nx,+rdtscp';
/** What programs need besides, by name. */
const features: ReadonlyMap<string, string> = new Map([
  ['real-32', '+ssse3,+sse4.1,+sse4.2,+xsave,+xsaveopt'],
  ['forms-32', '+xsave,+xsaveopt,+avx'],
  ['forms-64', '+xsave,+xsaveopt,+rdrand'],
  ['approximations-64', '+xsave,+xsaveopt,+avx'],
]);
const cpuOf = (name: string): string => [cpu, features.get(name)].filter(Boolean).join(',');
const timeoutMs = 120_000;

export const guestMemoryMib = 32;
/** Where programs write their exit status. */
export const debugExitPort = 0xf4;

/** Other versions have other faults. */
export const recordedVersion = '7.2';

export const hasQemu = (): boolean =>
  spawnSync(qemu, ['--version'], { encoding: 'utf8' }).stdout?.includes(`version ${recordedVersion}.`) ?? false;

/** Runs a program by its name; its log as text, and how the machine ended. */
export function runOnQemu(name: string): string[] {
  const program = programFile(name);
  const folder = mkdtempSync(join(tmpdir(), 'mezz-qemu-'));
  const serial = join(folder, 'serial');
  try {
    const run = spawnSync(
      qemu,
      [
        ...['-machine', 'pc', '-accel', 'tcg', '-cpu', cpuOf(name), '-smp', `${processorCountOf(name)}`],
        ...['-m', `${guestMemoryMib}`, '-nodefaults'],
        ...['-display', 'none', '-no-reboot', '-serial', `file:${serial}`],
        ...['-device', `isa-debug-exit,iobase=${debugExitPort},iosize=4`, '-kernel', program],
      ],
      { encoding: 'utf8', timeout: timeoutMs },
    );
    if (run.error || run.status === null) throw new Error(`Cannot run ${program} on QEMU: ${run.error ?? run.signal}`);
    if (run.stderr) throw new Error(`Cannot run ${program} on QEMU: ${run.stderr.trim()}`);
    return [...describeLog(readFileSync(serial, 'latin1')), endOf(run.status)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** With -no-reboot a triple fault ends QEMU with status 0, which isa-debug-exit never gives. */
const endOf = (status: number): string => (status === 0 ? 'triple fault' : `exit ${status >> 1}`);
