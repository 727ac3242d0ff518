/** Mezz as a library: virtual machines in this process. `docs/` and the `mezz` command show the rest of it. */
import { SerialPipe } from './backends/index.ts';
import { nodeHost, nullSerial, openUserFile, readUserFile, TranslationFile } from './host/index.ts';
import {
  CommandSession,
  commandInitramfs,
  commandPorts,
  ImageStore,
  joinInitramfs,
  unpackKernel,
} from './images/index.ts';
import {
  type BootFile,
  type BootSource,
  createPcVm,
  type EngineName,
  type ProcessorName,
  type VirtualMachine,
  type VmEnd,
  type VmStatistics,
} from './vm/index.ts';

export type { BootFile, EngineName, ProcessorName, VirtualMachine, VmEnd, VmState, VmStatistics } from './vm/index.ts';

export interface VmOptions {
  /** A Linux bzImage or vmlinux, or a Multiboot 1 image: a path, or the file's content with a name for messages. */
  readonly kernel: string | BootFile;
  /** The initial RAM disk, or a Multiboot image's module. */
  readonly initrd?: string | BootFile | undefined;
  readonly commandLine?: string | undefined;
  /** 512 when absent. */
  readonly memoryMiB?: number | undefined;
  /** What executes guest code; the JIT when absent. */
  readonly engine?: EngineName | undefined;
  /** The processor: `v1`, `v2` (x86-64-v2) or `max`, everything, when absent; `max,hypervisor=off` is as on bare metal. */
  readonly cpu?: ProcessorName | undefined;
  /** How many processors the guest has, 1 to 64; 1 when absent. */
  readonly cpus?: number | undefined;
  /** A file where translated code is kept for later VMs of this guest, which start faster; nowhere when absent. */
  readonly translations?: string | undefined;
  /** A write of V to this I/O port ends the VM with the status (V << 1) | 1. */
  readonly debugExitPort?: number | undefined;
  /** Takes what the guest writes to its first serial port. */
  readonly onConsole?: ((bytes: Uint8Array) => void) | undefined;
}

/** A VM and the way to type on its console. */
export interface ConsoleVm {
  readonly vm: VirtualMachine;
  type(text: string): void;
}

const keeperAt = async (path: string | undefined) =>
  path === undefined ? undefined : TranslationFile.open(path, 'plain');

const defaultMemoryMiB = 512;
const mebibyte = 2 ** 20;

/**
 * Makes a VM that is ready to start. Throws an error that names the file or the option when something doesn't fit.
 *
 * ```ts
 * const { vm } = await createVm({ kernel: 'hello.elf', memoryMiB: 16, onConsole: (bytes) => process.stdout.write(bytes) });
 * vm.start();
 * const end = await vm.ended; // { kind: 'debug-exit', status: 7 } or { kind: 'power-off' }, for instance
 * ```
 */
export async function createVm(options: VmOptions): Promise<ConsoleVm> {
  const pipe = new SerialPipe({ onOutput: options.onConsole });
  const kernel = await fileOf('kernel', options.kernel);
  const initrd = options.initrd === undefined ? undefined : await fileOf('initial RAM disk', options.initrd);
  const vm = await createPcVm(
    {
      memoryBytes: (options.memoryMiB ?? defaultMemoryMiB) * mebibyte,
      boot: { kernel, initrd, commandLine: options.commandLine ?? '', unpack: unpackKernel },
      serialPorts: [pipe],
      debugExitPort: options.debugExitPort,
      engine: options.engine,
      openKeeper: () => keeperAt(options.translations),
      cpu: options.cpu,
      cpus: options.cpus,
    },
    nodeHost,
  );
  return { vm, type: (text) => pipe.send(new TextEncoder().encode(text)) };
}

export interface CommandOptions {
  /** An image of the store; the default image when absent. `mezz image pull` puts it there. */
  readonly image?: string | undefined;
  readonly memoryMiB?: number | undefined;
  /** What executes guest code; the JIT when absent. */
  readonly engine?: EngineName | undefined;
  /** The processor: `v1`, `v2` (x86-64-v2) or `max`, everything, when absent; `max,hypervisor=off` is as on bare metal. */
  readonly cpu?: ProcessorName | undefined;
  /** How many processors the guest has, 1 to 64; 1 when absent. */
  readonly cpus?: number | undefined;
  /** A file where translated code is kept for later VMs of this guest, which start faster; nowhere when absent. */
  readonly translations?: string | undefined;
  readonly input?: string | Uint8Array | undefined;
  readonly timeoutSeconds?: number | undefined;
}

export interface CommandResult {
  /** The command's exit status; undefined when the VM ended before the command. */
  readonly status: number | undefined;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly end: VmEnd;
  readonly statistics: VmStatistics;
}

/**
 * Runs one command in a VM of its own.
 *
 * ```ts
 * const { status, stdout } = await runCommand(['sh', '-c', 'tr a-z A-Z'], { input: 'hello' });
 * ```
 */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const image = await new ImageStore().open(options.image ?? 'default');
  const initrd = joinInitramfs(await readUserFile('initial RAM disk', image.initrdPath), commandInitramfs(argv));
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const input = inputPieces(options.input ?? '');
  const session = new CommandSession({
    writeToPort: (port, bytes) => pipes[port - 1]?.send(bytes),
    onOutput: (stream, bytes) => output[stream].push(bytes),
    readInput: async (maxBytes) => input(maxBytes),
  });
  const pipes = [commandPorts.output, commandPorts.error, commandPorts.control].map(
    (port) => new SerialPipe({ onOutput: (bytes) => session.receive(port, bytes) }),
  );
  const vm = await createPcVm(
    {
      memoryBytes: (options.memoryMiB ?? defaultMemoryMiB) * mebibyte,
      boot: {
        kernel: await fileOf('kernel', image.unpackedKernelPath ?? image.kernelPath),
        initrd: { name: image.initrdPath, bytes: initrd },
        commandLine: `${image.commandLine} panic=-1`,
        unpack: unpackKernel,
      },
      serialPorts: [nullSerial(), ...pipes],
      engine: options.engine,
      openKeeper: () => keeperAt(options.translations),
      cpu: options.cpu,
      cpus: options.cpus,
    },
    nodeHost,
  );
  if (options.timeoutSeconds !== undefined) vm.stopAfter(options.timeoutSeconds);
  vm.start();
  const status = await Promise.race([session.exitStatus, vm.ended.then(() => undefined)]).catch(() => undefined);
  vm.stop({ kind: 'power-off' });
  const end = await vm.ended;
  const { stdout, stderr } = output;
  return { status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), end, statistics: vm.statistics() };
}

async function fileOf(what: string, file: string | BootFile): Promise<BootSource> {
  return typeof file === 'string' ? { name: file, bytes: await openUserFile(what, file) } : file;
}

function inputPieces(input: string | Uint8Array): (maxBytes: number) => Uint8Array | undefined {
  let rest = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  return (maxBytes) => {
    const piece = rest.subarray(0, maxBytes);
    rest = rest.subarray(piece.length);
    return piece.length === 0 ? undefined : piece;
  };
}
