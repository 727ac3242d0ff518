/** Multiboot Specification version 0.6.96, sections 3.1.1 to 3.1.3: the header and what it says about loading. */
import { KernelFormatError } from './boot-errors.ts';
import type { ByteSource } from './byte-source.ts';
import { hex, viewOf } from './bytes.ts';
import { ElfError, type ElfFile, isElf, loadSegments, readElf, segmentBytes } from './elf.ts';

const headerMagic = 0x1badb002;
const searchLimit = 8192;
const headerFlags = { addressFields: 1 << 16 } as const;
/** A loader must refuse flags of the lower half that it doesn't know: pages, memory and video mode are known. */
const unknownRequirements = 0xfff8;

/** Bytes for memory at `address`; from `bytes.length` to `memorySizeBytes` it is zeroed. */
export interface LoadPiece {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly memorySizeBytes: number;
}

export interface MultibootImage {
  readonly name: string;
  readonly entryPoint: number;
  readonly pieces: readonly LoadPiece[];
}

/** True when a Multiboot header lies where the specification has it. */
export const isMultiboot = (file: ByteSource): boolean =>
  findHeader(file.subarray(0, Math.min(file.length, searchLimit))) !== undefined;

/** The offset of a header with a correct checksum, in the first 8 KiB on a 4-byte boundary. */
function findHeader(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes);
  const end = Math.min(bytes.length, searchLimit) - 12;
  for (let at = 0; at <= end; at += 4) {
    if (view.getUint32(at, true) !== headerMagic) continue;
    const sum = headerMagic + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum % 0x1_0000_0000 === 0) return at;
  }
  return undefined;
}

/** Throws KernelFormatError when there is no header, or the file doesn't hold what the header promises. */
export function readMultibootImage(bytes: Uint8Array, name: string): MultibootImage {
  const header = findHeader(bytes);
  if (header === undefined) {
    throw new KernelFormatError(name, 'magic', 'no Multiboot header with a correct checksum in its first 8 KiB');
  }
  const flags = viewOf(bytes).getUint32(header + 4, true);
  if (flags & unknownRequirements) {
    const reason = `its Multiboot header requires unknown features ${hex(flags & unknownRequirements)}`;
    throw new KernelFormatError(name, 'flags', reason);
  }
  if (flags & headerFlags.addressFields) return readAddressFields(bytes, name, header);
  return readElfImage(bytes, name);
}

/** The "a.out kludge": the header itself tells addresses. */
function readAddressFields(bytes: Uint8Array, name: string, header: number): MultibootImage {
  if (header + 32 > bytes.length) {
    const reason = `file ends at ${hex(bytes.length)}, Multiboot header needs ${hex(header + 32)}`;
    throw new KernelFormatError(name, 'header_addr', reason);
  }
  const view = viewOf(bytes);
  const word = (offset: number): number => view.getUint32(header + offset, true);
  const [headerAddress, loadAddress, bssEnd, entryPoint] = [word(12), word(16), word(24), word(28)];
  const start = header - (headerAddress - loadAddress);
  if (headerAddress < loadAddress || start < 0) {
    const reason = `header_addr ${hex(headerAddress)} puts the image's start outside of the file`;
    throw new KernelFormatError(name, 'header_addr', reason);
  }
  const loadEnd = word(20) || loadAddress + bytes.length - start;
  if (loadEnd < loadAddress || start + loadEnd - loadAddress > bytes.length) {
    const reason = `load_end_addr ${hex(loadEnd)} is past what the file holds`;
    throw new KernelFormatError(name, 'load_end_addr', reason);
  }
  if (bssEnd !== 0 && bssEnd < loadEnd) {
    const reason = `bss_end_addr ${hex(bssEnd)} is below load_end_addr ${hex(loadEnd)}`;
    throw new KernelFormatError(name, 'bss_end_addr', reason);
  }
  const memorySizeBytes = (bssEnd || loadEnd) - loadAddress;
  const content = bytes.subarray(start, start + loadEnd - loadAddress);
  const pieces = [{ address: loadAddress, bytes: content, memorySizeBytes }];
  return checkEntry({ name, entryPoint, pieces }, 'entry_addr');
}

function readElfImage(bytes: Uint8Array, name: string): MultibootImage {
  if (!isElf(bytes)) {
    throw new KernelFormatError(name, 'flags', 'it is no ELF file, and its Multiboot header has no address fields');
  }
  const elf = readElfFile(bytes, name);
  const pieces = loadSegments(elf).map((segment) => ({
    address: segment.physicalAddress,
    bytes: segmentBytes(elf, segment),
    memorySizeBytes: segment.memorySizeBytes,
  }));
  return checkEntry({ name, entryPoint: physicalEntry(elf), pieces }, 'e_entry');
}

function readElfFile(bytes: Uint8Array, name: string): ElfFile {
  try {
    return readElf(bytes);
  } catch (cause) {
    if (cause instanceof ElfError) throw new KernelFormatError(name, cause.field, cause.reason, { cause });
    throw cause;
  }
}

/** e_entry is a virtual address; paging is off, so the kernel starts at the physical address of the same byte. */
function physicalEntry(elf: ElfFile): number {
  const holder = loadSegments(elf).find(
    ({ virtualAddress, memorySizeBytes }) =>
      elf.entry >= virtualAddress && elf.entry < virtualAddress + memorySizeBytes,
  );
  return holder ? elf.entry - holder.virtualAddress + holder.physicalAddress : elf.entry;
}

function checkEntry(image: MultibootImage, field: string): MultibootImage {
  const { entryPoint, pieces, name } = image;
  const isLoaded = pieces.some(
    ({ address, memorySizeBytes }) => entryPoint >= address && entryPoint < address + memorySizeBytes,
  );
  if (!isLoaded) throw new KernelFormatError(name, field, `its entry point ${hex(entryPoint)} is in no loaded part`);
  return image;
}
