import { FileBytes, openUserFile, readUserFile } from '../host/index.ts';
import { commandInitramfs, joinInitramfs, type OpenImage, unpackKernel } from '../images/index.ts';
import { isMultiboot, type KernelFile } from '../machine/firmware/index.ts';
import type { BootImage, BootSource } from '../vm/index.ts';
import { openImage } from './pull.ts';
import type { RunOptions } from './run-options.ts';

export const defaultImage = 'default';
/** The console is the serial port, and a panic ends the run at once. */
const linuxCommandLine = ['console=ttyS0', 'panic=-1'];

/** Reads what the options name; an image that is missing is pulled first. */
export async function readBootFiles(options: RunOptions, signal: AbortSignal): Promise<BootImage> {
  const { kernel: kernelPath, initrd: initrdPath, command } = options;
  const needsImage = options.image !== undefined || kernelPath === undefined || command !== undefined;
  const image = needsImage ? await openImage(options.image ?? defaultImage, signal) : undefined;
  const kernel =
    kernelPath === undefined && image ? await imageKernel(image) : await userFile('kernel', kernelPath ?? '');
  const initrd =
    initrdPath === undefined
      ? image && (await imageInitrd(image, command))
      : await userFile('initial RAM disk', initrdPath);
  return { kernel, initrd, commandLine: commandLine(kernel, image, options), unpack: unpackKernel };
}

async function imageKernel({ kernelPath, unpackedKernelPath }: OpenImage) {
  if (unpackedKernelPath === undefined) return userFile('kernel', kernelPath);
  const bytes = new FileBytes('kernel', kernelPath);
  return { name: kernelPath, bytes, unpackedBytes: new FileBytes('kernel', unpackedKernelPath) };
}

async function imageInitrd({ initrdPath }: OpenImage, command: readonly string[] | undefined): Promise<BootSource> {
  if (!command) return userFile('initial RAM disk', initrdPath);
  const bytes = await readUserFile('initial RAM disk', initrdPath);
  return { name: initrdPath, bytes: joinInitramfs(bytes, commandInitramfs(command)) };
}

const userFile = async (what: string, path: string) => ({
  name: path,
  bytes: await openUserFile(what, path),
});

/** Words that come later win, so the user's own come last. */
function commandLine(kernel: KernelFile, image: OpenImage | undefined, options: RunOptions): string {
  const { append = '' } = options;
  if (isMultiboot(kernel.bytes)) return append;
  const own = image ? image.commandLine.split(' ') : [];
  const defaults = linuxCommandLine.filter((word) => !own.some((other) => nameOf(other) === nameOf(word)));
  const terminal = options.serial.kind === 'stdio' ? terminalWords() : [];
  return [...own, ...defaults, ...terminal, append].filter(Boolean).join(' ');
}

const nameOf = (word: string): string | undefined => word.split('=')[0];

/** Linux hands words that it doesn't know to its first process, in the environment. */
function terminalWords(): string[] {
  const { columns, rows, isTTY } = process.stdout;
  const term = process.env.TERM ?? '';
  if (!isTTY || !process.stdin.isTTY) return [];
  const size = columns > 0 && rows > 0 ? [`LINES=${rows}`, `COLUMNS=${columns}`] : [];
  return [...(/^[\w.+-]+$/.test(term) ? [`TERM=${term}`] : []), ...size];
}
