/**
 * The zero page: struct boot_params of the Linux kernel's arch/x86/include/uapi/asm/bootparam.h, described in
 * Documentation/arch/x86/zero-page.rst.
 */
import type { GuestMemory } from '../memory/index.ts';
import { bootLayout } from './boot-layout.ts';
import { pageSizeBytes, viewOf, writeUint64 } from './bytes.ts';
import type { MemoryMapEntry } from './memory-map.ts';
import { bootFlagMagic, headerMagic, loadflags, type SetupHeader, setupField } from './setup-header.ts';

const zeroPage = { acpiRsdpAddress: 0x070, e820Entries: 0x1e8, headerLimit: 0x290, e820Table: 0x2d0 } as const;
const e820EntrySize = 20;
const e820EntryMax = 128;

/** What a boot loader says of a kernel file that has no setup header of its own. */
export const vmlinuxHeader = { version: 0x020f, kernelAlignment: 0x100_0000, commandLineSize: 2047 } as const;
const undefinedLoader = 0xff;
const normalVideoMode = 0xffff;

export interface BootParams {
  readonly setup: SetupHeader | undefined;
  readonly initrd: { readonly start: number; readonly sizeBytes: number } | undefined;
  readonly rsdp: number | undefined;
  readonly map: readonly MemoryMapEntry[];
}

/** Writes the zero page at its place in the boot layout. */
export function writeBootParams(memory: GuestMemory, params: BootParams): void {
  const page = memory.bytesForWrite(bootLayout.bootParams, pageSizeBytes).fill(0);
  const view = viewOf(page);
  if (params.setup) {
    const room = zeroPage.headerLimit - setupField.setupSects;
    page.set(params.setup.headerBytes.subarray(0, room), setupField.setupSects);
  } else {
    view.setUint16(setupField.bootFlag, bootFlagMagic, true);
    view.setUint32(setupField.header, headerMagic, true);
    view.setUint16(setupField.version, vmlinuxHeader.version, true);
    view.setUint32(setupField.kernelAlignment, vmlinuxHeader.kernelAlignment, true);
    view.setUint32(setupField.cmdlineSize, vmlinuxHeader.commandLineSize, true);
  }
  view.setUint16(setupField.vidMode, normalVideoMode, true);
  view.setUint8(setupField.typeOfLoader, undefinedLoader);
  view.setUint8(setupField.loadflags, view.getUint8(setupField.loadflags) | loadflags.loadedHigh);
  view.setUint32(setupField.cmdLinePtr, bootLayout.commandLine, true);
  view.setUint32(setupField.ramdiskImage, params.initrd?.start ?? 0, true);
  view.setUint32(setupField.ramdiskSize, params.initrd?.sizeBytes ?? 0, true);
  writeUint64(view, zeroPage.acpiRsdpAddress, params.rsdp ?? 0);
  writeE820(view, params.map.slice(0, e820EntryMax));
}

function writeE820(view: DataView, map: readonly MemoryMapEntry[]): void {
  view.setUint8(zeroPage.e820Entries, map.length);
  map.forEach(({ start, sizeBytes, type }, i) => {
    const at = zeroPage.e820Table + i * e820EntrySize;
    writeUint64(view, at, start);
    writeUint64(view, at + 8, sizeBytes);
    view.setUint32(at + 16, type, true);
  });
}
