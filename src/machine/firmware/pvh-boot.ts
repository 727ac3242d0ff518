/**
 * The PVH entry of an unpacked Linux kernel (and other guests). "x86/HVM direct boot ABI", Xen's docs/misc/pvh.pandoc,
 * with struct hvm_start_info of xen/include/public/arch-x86/hvm/start_info.h, version 1.
 */
import { type GuestMemory, gpa } from '../memory/index.ts';
import { bootLayout, bootSelectors, writeBootGdt } from './boot-layout.ts';
import { viewOf, writeUint64 } from './bytes.ts';
import { type ElfFile, findNote } from './elf.ts';
import type { EntryState } from './entry-state.ts';
import type { MemoryMapEntry } from './memory-map.ts';

const physicalEntry32 = 18;
const startMagic = 0x336ec578;
const moduleOffset = 0x40;
const mapOffset = 0x80;
const mapEntrySize = 24;
const mapEntryMax = 128;

export interface PvhStart {
  readonly initrd: { readonly start: number; readonly sizeBytes: number } | undefined;
  readonly rsdp: number | undefined;
  readonly map: readonly MemoryMapEntry[];
}

/** Address of the 32-bit entry that the note XEN_ELFNOTE_PHYS32_ENTRY names; undefined when there is no such note. */
export function pvhEntryPoint(elf: ElfFile): number | undefined {
  const note = findNote(elf, 'Xen', physicalEntry32);
  return note && note.description.length >= 4 ? viewOf(note.description).getUint32(0, true) : undefined;
}

/** Writes struct hvm_start_info and what hangs on it. The command line is in its place already. */
export function enterByPvh(memory: GuestMemory, entryPoint: number, start: PvhStart): EntryState {
  const { pvhStartInfo, commandLine } = bootLayout;
  const map = start.map.slice(0, mapEntryMax);
  const view = viewOf(memory.bytesForWrite(pvhStartInfo, mapOffset + map.length * mapEntrySize).fill(0));
  view.setUint32(0, startMagic, true);
  view.setUint32(4, 1, true);
  writeUint64(view, 24, commandLine);
  writeUint64(view, 32, start.rsdp ?? 0);
  if (start.initrd) {
    view.setUint32(12, 1, true);
    writeUint64(view, 16, pvhStartInfo + moduleOffset);
    writeUint64(view, moduleOffset, start.initrd.start);
    writeUint64(view, moduleOffset + 8, start.initrd.sizeBytes);
  }
  writeUint64(view, 40, pvhStartInfo + mapOffset);
  view.setUint32(48, map.length, true);
  map.forEach((entry, i) => {
    const at = mapOffset + i * mapEntrySize;
    writeUint64(view, at, entry.start);
    writeUint64(view, at + 8, entry.sizeBytes);
    view.setUint32(at + 16, entry.type, true);
  });
  return {
    mode: 'protected32',
    instructionPointer: gpa(entryPoint),
    registers: { rbx: pvhStartInfo },
    gdt: writeBootGdt(memory, 'protected32'),
    codeSelector: bootSelectors.code,
    dataSelector: bootSelectors.data,
  };
}
