import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { debugExitPort } from './integer-loop.ts';

/** What a machine boots, and with how much memory. */
export interface GuestOfBench {
  /** An image in the store for Mezz, and its kernel for others; or a Multiboot kernel for both. */
  readonly image?: string | undefined;
  readonly kernel: string;
  readonly initrd?: string | undefined;
  readonly commandLine?: string | undefined;
}

export const enginesOfBench = ['jit', 'interpreter'] as const;
export type EngineOfBench = (typeof enginesOfBench)[number];

export const memoryMebibytes = 512;
const qemu = 'qemu-system-x86_64';

const mezzEntry = fileURLToPath(new URL('../bin/mezz.js', import.meta.url));

export interface MezzRun {
  readonly engine: EngineOfBench;
  readonly statsFile?: string;
  /** Where translated code is kept between runs; nowhere when absent. */
  readonly translations?: string | undefined;
}

/** Mezz as its users run it. */
export function mezzCommand(guest: GuestOfBench, { engine, statsFile, translations = 'none' }: MezzRun): string[] {
  const command = [process.execPath, mezzEntry, 'run', ...(guest.image ? [guest.image] : ['--kernel', guest.kernel])];
  command.push('--engine', engine, '--translations', translations, '--memory', `${memoryMebibytes}M`);
  if (guest.initrd !== undefined) command.push('--initrd', guest.initrd);
  if (!guest.image) command.push('--debug-exit', `0x${debugExitPort.toString(16)}`);
  if (statsFile !== undefined) command.push('--stats', statsFile);
  return command;
}

/** The same machine in QEMU's software mode, on one thread, without the devices that Mezz lacks. */
export function qemuCommand(guest: GuestOfBench, cpus = 1): string[] {
  const command = [
    qemu,
    '-accel',
    'tcg,thread=single',
    '-smp',
    String(cpus),
    '-m',
    String(memoryMebibytes),
    '-no-reboot',
  ];
  command.push('-display', 'none', '-vga', 'none', '-nic', 'none', '-monitor', 'none', '-serial', 'stdio');
  command.push('-device', `isa-debug-exit,iobase=0x${debugExitPort.toString(16)},iosize=0x04`);
  command.push('-kernel', guest.kernel);
  if (guest.initrd !== undefined) command.push('-initrd', guest.initrd);
  if (guest.commandLine !== undefined) command.push('-append', guest.commandLine);
  return command;
}

/** Its first line of `--version`, or undefined when it is not installed. */
export function qemuVersion(): string | undefined {
  const { status, stdout } = spawnSync(qemu, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}
