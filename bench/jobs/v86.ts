import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PackageTree } from '../../src/testing/debian/package-tree.ts';
import type { ImageGuest } from '../image-guest.ts';
import { memoryMebibytes } from '../machines.ts';

const host = fileURLToPath(new URL('v86-host.ts', import.meta.url));

/** v86 with a machine like that of the others. */
export function v86Command({ kernel, initrd, commandLine }: ImageGuest, debian: PackageTree | undefined): string[] {
  const bios = join(debian?.root ?? '/', 'usr/share/seabios');
  return [process.execPath, host, kernel, initrd, commandLine, String(memoryMebibytes), bios];
}
