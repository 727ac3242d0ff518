import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

export const fixturesFolder = resolve(import.meta.dirname, '../../../fixtures/privileged');
const sourceFolder = join(fixturesFolder, 'source');

/** Names of the programs, as their sources have them. */
export const programNames: readonly string[] = globSync('*.s', { cwd: sourceFolder })
  .map((file) => basename(file, '.s'))
  .sort();

/** Programs that QEMU cannot witness, and why: their records are written from the manual. */
export const unwitnessed: ReadonlyMap<string, string> = new Map([
  ['alignment-64', "QEMU 7.2's software mode checks no alignment"],
  ['floats-32', "QEMU 7.2's software mode never raises #XM, and fails an assertion of its own when it asserts FERR#"],
  ['manual-32', "QEMU's software mode carries on with illegal CR0, CR4 and EFER values until it fails"],
  ['manual-64', "QEMU 7.2's software mode has no PCIDs and hangs at illegal CR3 and CR4 values"],
]);

/** Programs that want more than one processor. */
const processorCounts: ReadonlyMap<string, number> = new Map([['processors-32', 4]]);

export const processorCountOf = (name: string): number => processorCounts.get(name) ?? 1;

export const programFile = (name: string): string => join(fixturesFolder, `${name}.elf`);
export const recordFile = (name: string): string => join(fixturesFolder, `${name}.txt`);
export const readProgram = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(programFile(name)));
/** What QEMU said, a line for each record of the log; the last says how the machine ended. */
export const readRecord = (name: string): string[] => readFileSync(recordFile(name), 'utf8').trimEnd().split('\n');

/** Other versions may encode the same instruction otherwise. */
export const binutilsVersion = '2.40';

export const hasAssembler = (): boolean =>
  ['as', 'ld', 'objcopy'].every((tool) =>
    spawnSync(tool, ['--version'], { encoding: 'utf8' }).stdout?.includes(binutilsVersion),
  );

/** Assembles a program from its source into a file. 64-bit objects may hold code of every size. */
export function buildProgram(name: string, file: string = programFile(name)): void {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-privileged-'));
  const object = join(folder, 'program.o');
  const linked = join(folder, 'program');
  const run = (tool: string, ...args: string[]): void => {
    execFileSync(tool, args, { cwd: sourceFolder, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  try {
    run('as', '--64', '--fatal-warnings', `${name}.s`, '-o', object);
    const layout = ['-n', '-z', 'max-page-size=16', '--no-warn-rwx-segments', '-T', 'program.ld'];
    run('ld', '-m', 'elf_x86_64', ...layout, object, '-o', linked);
    run('objcopy', '-S', '-O', 'elf32-i386', linked, file);
    chmodSync(file, 0o644);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
