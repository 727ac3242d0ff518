/**
 * The setup header of a bzImage. "The Linux/x86 Boot Protocol" (Documentation/arch/x86/boot.rst), sections "The Real-Mode
 * Kernel Header" and "Details of Header Fields", whose names are kept here.
 */
import { KernelFormatError } from './boot-errors.ts';
import type { ByteSource } from './byte-source.ts';
import { hex, readUint64, viewOf } from './bytes.ts';

/** Offsets in the file, which are those in the zero page too. */
export const setupField = {
  setupSects: 0x1f1,
  syssize: 0x1f4,
  vidMode: 0x1fa,
  bootFlag: 0x1fe,
  jump: 0x200,
  header: 0x202,
  version: 0x206,
  typeOfLoader: 0x210,
  loadflags: 0x211,
  code32Start: 0x214,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  cmdLinePtr: 0x228,
  initrdAddrMax: 0x22c,
  kernelAlignment: 0x230,
  relocatableKernel: 0x234,
  xloadflags: 0x236,
  cmdlineSize: 0x238,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
  prefAddress: 0x258,
  initSize: 0x260,
} as const;

export const headerMagic = 0x53726448;
export const bootFlagMagic = 0xaa55;
export const loadflags = { loadedHigh: 0x01 } as const;
export const xloadflags = { kernel64: 0x01 } as const;

export interface FilePart {
  readonly at: number;
  readonly length: number;
}

export interface SetupHeader {
  readonly version: number;
  /** From 0x1f1 to the end that its jump instruction tells, as the zero page takes it. */
  readonly headerBytes: Uint8Array;
  /** The file; the next two are in it. */
  readonly file: ByteSource;
  /** The protected-mode part: the kernel's own decompressor with the payload inside. */
  readonly protectedMode: FilePart;
  /** The packed kernel, when the protocol (2.08) tells where it is. */
  readonly payload: FilePart | undefined;
  /** Where to put the protected-mode part. */
  readonly loadAddress: number;
  /** Memory between `loadAddress` and here is the decompressor's to use. */
  readonly memoryEnd: number;
  readonly hasEntry64: boolean;
  readonly initrdAddressMax: number;
  readonly commandLineSizeMax: number;
}

const sectorSize = 512;
const minimumVersion = 0x0202;
const longestHead = 1024;

/** A file of the other form, or not a kernel at all: no "HdrS" at 0x202. */
export function hasSetupHeader(file: ByteSource): boolean {
  return file.length >= setupField.version && headView(file).getUint32(setupField.header, true) === headerMagic;
}

/** What the header may be in: it ends at 0x301 at the latest. */
const headView = (file: ByteSource): DataView => viewOf(file.subarray(0, Math.min(file.length, longestHead)));

/** Throws KernelFormatError when the file ends early, or a field cannot be right. */
export function readSetupHeader(bytes: ByteSource, name: string): SetupHeader {
  const headerEnd = checkHeader(bytes, name);
  const at = fieldReader(bytes, headerEnd);
  const version = at.u16(setupField.version);
  const protectedMode = readProtectedMode(bytes, name, version);
  const since = (minimum: number): boolean => version >= minimum;
  // A kernel that is not relocatable loads at code32_start and moves itself to pref_address.
  const isRelocatable = since(0x0205) && at.u8(setupField.relocatableKernel) !== 0;
  const preferred = (since(0x020a) && at.u64(setupField.prefAddress)) || at.u32(setupField.code32Start);
  const loadAddress = isRelocatable ? preferred : at.u32(setupField.code32Start);
  const initSizeBytes = since(0x020a) ? at.u32(setupField.initSize) : 0;
  return {
    version,
    headerBytes: bytes.subarray(setupField.setupSects, headerEnd),
    file: bytes,
    protectedMode,
    payload: since(0x0208) ? readPayload(at, protectedMode, name) : undefined,
    loadAddress,
    memoryEnd: Math.max(loadAddress + protectedMode.length, preferred + initSizeBytes),
    hasEntry64: since(0x020c) && (at.u16(setupField.xloadflags) & xloadflags.kernel64) !== 0,
    initrdAddressMax: (since(0x0203) && at.u32(setupField.initrdAddrMax)) || 0x37ffffff,
    commandLineSizeMax: (since(0x0206) && at.u32(setupField.cmdlineSize)) || 255,
  };
}

/** Returns where the header ends. */
function checkHeader(bytes: ByteSource, name: string): number {
  if (!hasSetupHeader(bytes)) throw new KernelFormatError(name, 'header', 'no "HdrS" signature at 0x202');
  const needs = (end: number): void => {
    if (end <= bytes.length) return;
    throw new KernelFormatError(name, 'jump', `file ends at ${hex(bytes.length)}, setup header needs ${hex(end)}`);
  };
  needs(setupField.cmdLinePtr + 4);
  const view = headView(bytes);
  const bootFlag = view.getUint16(setupField.bootFlag, true);
  if (bootFlag !== bootFlagMagic) {
    throw new KernelFormatError(name, 'boot_flag', `boot_flag is ${hex(bootFlag)}, not ${hex(bootFlagMagic)}`);
  }
  const version = view.getUint16(setupField.version, true);
  if (version < minimumVersion) {
    const reason = `boot protocol ${version >> 8}.${version & 0xff} is older than 2.02`;
    throw new KernelFormatError(name, 'version', reason);
  }
  if (!(view.getUint8(setupField.loadflags) & loadflags.loadedHigh)) {
    throw new KernelFormatError(name, 'loadflags', 'it is a zImage, which loads low (loadflags lacks LOADED_HIGH)');
  }
  const headerEnd = setupField.header + view.getUint8(setupField.jump + 1);
  needs(headerEnd);
  return headerEnd;
}

/** Fields past the header's end read as zero, which the protocol gives the meaning "not told". */
function fieldReader(bytes: ByteSource, headerEnd: number) {
  const view = headView(bytes);
  return {
    u8: (offset: number): number => (offset + 1 <= headerEnd ? view.getUint8(offset) : 0),
    u16: (offset: number): number => (offset + 2 <= headerEnd ? view.getUint16(offset, true) : 0),
    u32: (offset: number): number => (offset + 4 <= headerEnd ? view.getUint32(offset, true) : 0),
    u64: (offset: number): number => (offset + 8 <= headerEnd ? readUint64(view, offset) : 0),
  };
}

function readProtectedMode(bytes: ByteSource, name: string, version: number): FilePart {
  const view = headView(bytes);
  const setupSectors = view.getUint8(setupField.setupSects) || 4;
  const start = (setupSectors + 1) * sectorSize;
  const wide = version >= 0x0204;
  const paragraphs = wide ? view.getUint32(setupField.syssize, true) : view.getUint16(setupField.syssize, true);
  const end = start + paragraphs * 16;
  if (paragraphs === 0) throw new KernelFormatError(name, 'syssize', 'its protected-mode part is empty (syssize is 0)');
  // syssize counts paragraphs: the file may end within the last one.
  if (bytes.length <= end - 16) {
    const reason = `file ends at ${hex(bytes.length)}, its protected-mode part needs ${hex(end)}`;
    throw new KernelFormatError(name, 'syssize', reason);
  }
  return { at: start, length: Math.min(end, bytes.length) - start };
}

function readPayload(at: ReturnType<typeof fieldReader>, protectedMode: FilePart, name: string): FilePart | undefined {
  const offset = at.u32(setupField.payloadOffset);
  const length = at.u32(setupField.payloadLength);
  if (length === 0) return undefined;
  if (offset + length > protectedMode.length) {
    const held = `its protected-mode part ends at ${hex(protectedMode.length)}`;
    throw new KernelFormatError(name, 'payload_length', `${held}, the payload in it needs ${hex(offset + length)}`);
  }
  return { at: protectedMode.at + offset, length };
}
