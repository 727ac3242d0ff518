import {
  type AcpiPlatform,
  type ByteSource,
  bootLinux,
  type EntryState,
  isMultiboot,
  type KernelFile,
  loadMultiboot,
  type Unpack,
  writeAcpiTables,
} from '../machine/firmware/index.ts';
import type { GuestMemory } from '../machine/memory/index.ts';

export interface BootFile {
  /** For messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A file whose bytes may be read when they are needed. */
export interface BootSource {
  readonly name: string;
  readonly bytes: ByteSource;
}

/** What a direct boot starts: a Linux kernel in any of its forms, or a Multiboot 1 image. */
export interface BootImage {
  readonly kernel: KernelFile;
  /** Linux's initial RAM disk, or the one module of a Multiboot image. */
  readonly initrd?: BootSource | undefined;
  readonly commandLine: string;
  /** Unpacks a kernel on the host's side; without it the guest does it. */
  readonly unpack?: Unpack | undefined;
}

/** Puts firmware tables, kernel and initial RAM disk into guest memory. Throws BootImageError. */
export async function loadBootImage(boot: BootImage, memory: GuestMemory, platform: AcpiPlatform): Promise<EntryState> {
  const { kernel, initrd, commandLine, unpack } = boot;
  const acpi = writeAcpiTables(memory, platform);
  if (!isMultiboot(kernel.bytes)) return bootLinux({ memory, kernel, initrd, commandLine, acpi, unpack });
  return loadMultiboot({
    memory,
    kernel: readWhole(kernel),
    commandLine,
    modules: initrd ? [readWhole(initrd)] : [],
    acpi,
  });
}

const readWhole = ({ name, bytes }: BootSource): BootFile => ({ name, bytes: bytes.subarray(0, bytes.length) });
