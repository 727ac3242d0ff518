import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after } from 'node:test';

/** The program as the sources have it, not as it was last built. */
export const mezzCommand = [process.execPath, resolve(import.meta.dirname, '../../../src/cli/main.ts')] as const;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs mezz to its end, with `input` on its standard input. */
export async function mezz(args: readonly string[], options: SpawnOptions & { input?: string } = {}): Promise<Ended> {
  const [program, ...own] = mezzCommand;
  const child = spawn(program, [...own, ...args], { ...options, stdio: 'pipe' });
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (bytes) => {
    output.stdout += bytes;
  });
  child.stderr?.on('data', (bytes) => {
    output.stderr += bytes;
  });
  child.stdin?.on('error', () => {}).end(options.input ?? '');
  const status = await new Promise<number | null>((done) => child.on('close', done));
  return { status, ...output };
}

/** A folder that goes when the tests have ended. */
export const scratchFolder = mkdtempSync(join(tmpdir(), 'mezz-journey-'));
after(() => rmSync(scratchFolder, { recursive: true }));

/** The path of a new file in that folder. */
export function scratchFile(name: string, content?: string | Uint8Array): string {
  const path = join(scratchFolder, name);
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

/** Why tests with this guest image are skipped, or false. It is pulled when it is missing. */
export function wantsImage(name: string): string | false {
  const [program, ...own] = mezzCommand;
  const listed = spawnSync(program, [...own, 'images'], { encoding: 'utf8' });
  const row = listed.stdout.split('\n').find((line) => line.startsWith(`${name} `));
  if (row && !row.includes('not pulled')) return false;
  const pulled = spawnSync(program, [...own, 'image', 'pull', name], { encoding: 'utf8' });
  return pulled.status === 0 ? false : `the guest image cannot be had here: ${pulled.stderr.trim().split('\n').at(-1)}`;
}
