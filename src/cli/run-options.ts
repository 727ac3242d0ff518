import { type EngineName, mostCpus, type ProcessorName, processorObstacle } from '../vm/index.ts';
import { UsageError } from './errors.ts';
import type { Arguments, Option } from './verb.ts';

export const runOptionTable = {
  kernel: { value: 'FILE', help: 'boot this kernel: a Linux bzImage or vmlinux, or a Multiboot 1 ELF image' },
  initrd: { value: 'FILE', help: 'initial RAM disk, or the module of a Multiboot image' },
  append: { value: 'TEXT', help: 'added to the kernel command line' },
  memory: { value: 'SIZE', help: "the guest's memory: 512M (the default), 2G; a number alone is in MiB" },
  engine: { value: 'NAME', help: 'what executes guest code: auto, jit or interpreter (default auto)' },
  cpu: {
    value: 'MODEL',
    help: 'the processor: v1, v2, v3 (x86-64-v3) or max, everything (the default); with ",kvm=off" or ",hypervisor=off" behind it guests see no KVM, or none at all',
  },
  cpus: { value: 'N', help: 'how many processors the guest has: 1 (the default) to 64' },
  serial: {
    value: 'WHERE',
    help: "the guest's first serial port, its console: stdio (the default), null or file:PATH",
  },
  'debug-exit': {
    value: 'PORT',
    help: 'a write of V to this I/O port ends the run with status (V << 1) | 1; by convention 0xf4',
  },
  timeout: { value: 'SECONDS', help: 'stop the guest after so long' },
  'debug-socket': {
    value: 'PATH',
    help: 'answer "mezz debug translate --attach PATH" at this Unix socket, which only its owner may use',
  },
  translations: {
    value: 'FILE',
    help: "where translated code is kept for later runs: a file, or none (by default, for images, in Mezz's folder)",
  },
  stats: {
    value: 'FILE',
    help: 'write figures about the run as JSON: counts, and where the time went; the run is a little slower',
  },
} as const satisfies Record<string, Option>;

const { kernel, initrd, append, memory, cpu, 'debug-exit': debugExit, timeout } = runOptionTable;
/** What describes the guest for verbs that run one to look at it. */
export const guestOptionTable = { kernel, initrd, append, memory, cpu, 'debug-exit': debugExit, timeout } as const;

export type SerialTarget =
  | { readonly kind: 'stdio' }
  | { readonly kind: 'null' }
  | { readonly kind: 'file'; readonly path: string };

export interface RunOptions {
  readonly image: string | undefined;
  readonly kernel: string | undefined;
  readonly initrd: string | undefined;
  readonly append: string | undefined;
  readonly engine: EngineName;
  readonly cpu: ProcessorName;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly serial: SerialTarget;
  readonly debugExitPort: number | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly stats: string | undefined;
  readonly translations: string | undefined;
  readonly debugSocket: string | undefined;
  readonly command: readonly string[] | undefined;
}

const defaultMemory = '512M';

/** Throws UsageError. */
export function readRunOptions({ operands, options, command }: Arguments): RunOptions {
  const [image, extra] = operands;
  if (extra !== undefined) {
    throw new UsageError(`use argument "${extra}"`, 'one image is enough; a command for the guest follows "--"');
  }
  if (command && options.initrd !== undefined) {
    throw new UsageError('use --initrd with a command', "a command runs in an image's own initial RAM disk");
  }
  if (command && options.serial === 'stdio') {
    throw new UsageError('use --serial stdio with a command', "standard input and output are the command's");
  }
  return {
    image,
    kernel: options.kernel,
    initrd: options.initrd,
    append: options.append,
    engine: parseEngine(options.engine ?? 'auto'),
    cpu: parseProcessor(options.cpu ?? 'max'),
    cpus: parseCpus(options.cpus ?? '1'),
    memoryBytes: parseSize(options.memory ?? defaultMemory),
    serial: parseSerial(options.serial ?? (command ? 'null' : 'stdio')),
    debugExitPort: options['debug-exit'] === undefined ? undefined : parsePort(options['debug-exit']),
    timeoutSeconds: options.timeout === undefined ? undefined : parseSeconds(options.timeout),
    stats: options.stats,
    translations: options.translations,
    debugSocket: options['debug-socket'],
    command,
  };
}

/** `auto` is the fastest engine that runs here. */
function parseEngine(name: string): EngineName {
  if (name === 'jit' || name === 'interpreter') return name;
  if (name === 'auto') return 'jit';
  throw new UsageError(`use engine "${name}"`, 'there are auto, jit and interpreter');
}

function parseProcessor(name: string): ProcessorName {
  const obstacle = processorObstacle(name);
  if (obstacle !== undefined) throw new UsageError(`use processor "${name}"`, obstacle);
  return name as ProcessorName;
}

function parseCpus(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= mostCpus) return count;
  throw new UsageError(`use ${text} processors`, `it is a number from 1 to ${mostCpus}`);
}

const unitBytes: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
const pageBytes = 4096;

export function parseSize(text: string): number {
  const [, digits, unit = 'M'] = /^(\d+(?:\.\d+)?)([KMG])?(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (unitBytes[unit.toUpperCase()] ?? Number.NaN);
  if (Number.isNaN(bytes)) throw new UsageError(`use memory size "${text}"`, 'a size looks like 512M or 2G');
  const whole = Math.floor(bytes / pageBytes) * pageBytes;
  if (whole < 2 ** 20) throw new UsageError(`use memory size "${text}"`, 'a PC has 1M at least');
  return whole;
}

function parseSerial(text: string): SerialTarget {
  if (text === 'stdio' || text === 'null') return { kind: text };
  const path = text.startsWith('file:') ? text.slice('file:'.length) : '';
  if (path === '') throw new UsageError(`connect the serial port to "${text}"`, 'there are stdio, null and file:PATH');
  return { kind: 'file', path };
}

const lastPort = 0xfffc;

export function parsePort(text: string): number {
  const port = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (port <= lastPort) return port;
  throw new UsageError(`use debug-exit port "${text}"`, `a port is a number from 0 to 0x${lastPort.toString(16)}`);
}

export function parseSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  throw new UsageError(`use timeout "${text}"`, 'it is a number of seconds above 0');
}
