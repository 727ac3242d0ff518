import { KernelFormatError } from './boot-errors.ts';
import type { ByteSource } from './byte-source.ts';
import { hex } from './bytes.ts';
import { ElfError, type ElfFile, isElf, readElf } from './elf.ts';
import { hasSetupHeader, readSetupHeader, type SetupHeader } from './setup-header.ts';

/** Unpacks a kernel payload. Undefined: the format is none that it knows. */
export type Unpack = (payload: Uint8Array) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

/** What a kernel file holds: a bzImage, an ELF executable (vmlinux), or a bzImage whose payload was unpacked to one. */
export interface LinuxKernel {
  readonly name: string;
  readonly setup: SetupHeader | undefined;
  readonly elf: ElfFile | undefined;
}

export interface KernelFile {
  /** For messages. */
  readonly name: string;
  readonly bytes: ByteSource;
  /** The same kernel unpacked earlier: saves unpacking it now. */
  readonly unpackedBytes?: ByteSource | undefined;
}

/**
 * Recognises and checks a kernel file. A bzImage's payload is unpacked here, on the host side; where `unpack` is absent
 * or doesn't know the format, the guest enters the kernel's own decompressor. Throws KernelFormatError.
 */
export async function readLinuxKernel(file: KernelFile, unpack?: Unpack): Promise<LinuxKernel> {
  const { name, bytes } = file;
  if (isElf(bytes)) return { name, setup: undefined, elf: readVmlinux(bytes, name) };
  if (!hasSetupHeader(bytes)) {
    const found = `neither a bzImage ("HdrS" at 0x202) nor an ELF executable`;
    throw new KernelFormatError(name, 'header', `${found} in ${hex(bytes.length)} bytes`);
  }
  const setup = readSetupHeader(bytes, name);
  const unpacked = file.unpackedBytes ?? (await unpackPayload(setup, name, unpack));
  return { name, setup, elf: unpacked && isElf(unpacked) ? readVmlinux(unpacked, name) : undefined };
}

async function unpackPayload(setup: SetupHeader, name: string, unpack?: Unpack): Promise<Uint8Array | undefined> {
  if (!setup.payload || !unpack) return undefined;
  try {
    const { at, length } = setup.payload;
    return await unpack(setup.file.subarray(at, at + length));
  } catch (cause) {
    throw new KernelFormatError(name, 'payload', 'its payload cannot be unpacked', { cause });
  }
}

/** The entry point and the segments, checked: an ELF file that a boot protocol could load. */
function readVmlinux(bytes: ByteSource, name: string): ElfFile {
  try {
    return readElf(bytes);
  } catch (cause) {
    if (cause instanceof ElfError) throw new KernelFormatError(name, cause.field, cause.reason, { cause });
    throw cause;
  }
}
