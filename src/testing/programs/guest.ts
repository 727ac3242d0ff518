import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type CpioEntry, ImageNotFoundError, ImageStore, joinInitramfs, writeCpio } from '../../images/index.ts';
import type { Bits } from '../debian/package-tree.ts';
import { type PlacedProgram, runnerEntries } from './guest-script.ts';
import { type GuestProgram, type ProgramSuite, suiteFolder } from './suite.ts';

/** A guest that runs programs and turns itself off. */
export interface ProgramGuest {
  readonly image: string;
  readonly kernel: string;
  readonly commandLine: string;
  readonly initrd: string;
  readonly memoryMiB: number;
  readonly programs: readonly PlacedProgram[];
}

export interface WantedPrograms {
  readonly suites: readonly ProgramSuite[];
  readonly bits: Bits;
  readonly isWanted: (suite: ProgramSuite, program: GuestProgram, bits: Bits) => boolean;
  /** Takes the guest's initial RAM disk, and what suites make for this run. */
  readonly folder: string;
}

const images: Readonly<Record<Bits, string>> = { 64: 'debian', 32: 'debian-686' };

export async function makeGuest({ suites, bits, isWanted, folder }: WantedPrograms): Promise<ProgramGuest> {
  const prepared = [];
  for (const suite of suites) prepared.push({ suite, ...(await suite.prepare(bits, folder)) });
  const programs = prepared.flatMap(({ suite, programs: all }) =>
    all
      .filter((program) => isWanted(suite, program, bits))
      .map((program) => ({ ...program, name: `${suite.name}: ${program.name}`, folder: suiteFolder(suite.name) })),
  );
  const image = await openImage(images[bits]);
  const initrd = join(folder, `programs-${bits}-${suites.map(({ name }) => name).join('-')}`);
  const entries: CpioEntry[] = [
    { kind: 'directory', path: 'programs' },
    ...suites.map(({ name }): CpioEntry => ({ kind: 'directory', path: suiteFolder(name) })),
    ...prepared.flatMap((one) => one.entries),
    ...runnerEntries(programs),
  ];
  await writeFile(initrd, joinInitramfs(await readFile(image.initrdPath), writeCpio(entries)));
  return {
    image: images[bits],
    kernel: image.kernelPath,
    commandLine: image.commandLine,
    initrd,
    memoryMiB: Math.max(...suites.map(({ memoryMiB }) => memoryMiB)),
    programs,
  };
}

/** An image of the store, pulled if it is not there. */
async function openImage(name: string) {
  const store = new ImageStore();
  return store.open(name).catch(async (error: unknown) => {
    if (!(error instanceof ImageNotFoundError)) throw error;
    await store.pull(name);
    return store.open(name);
  });
}

/** A host that has no time for its guest for a while is no fault of it: kernels would print about it among results. */
const moreCommandLine = 'nowatchdog';
const mezzEntry = resolve(import.meta.dirname, '../../cli/main.ts');

/** Mezz as the sources have it; `options` are those of `mezz run`. */
export const mezzMachine = (guest: ProgramGuest, options: readonly string[]): string[] => [
  ...[process.execPath, mezzEntry, 'run', guest.image, '--initrd', guest.initrd],
  ...['--memory', `${guest.memoryMiB}M`, '--append', moreCommandLine, ...options],
];

/** QEMU in software mode, for a second opinion. */
export const qemuMachine = (guest: ProgramGuest, processors: number): string[] => [
  ...['qemu-system-x86_64', '-accel', 'tcg,thread=single', '-cpu', 'max', '-smp', String(processors)],
  ...['-m', String(guest.memoryMiB), '-no-reboot'],
  ...['-display', 'none', '-vga', 'none', '-nic', 'none', '-monitor', 'none', '-serial', 'stdio'],
  ...['-kernel', guest.kernel, '-initrd', guest.initrd, '-append', `${guest.commandLine} panic=-1 ${moreCommandLine}`],
];
