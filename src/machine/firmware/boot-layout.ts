import { type Gpa, type GuestMemory, gpa } from '../memory/index.ts';
import { mebibyte, viewOf, writeUint64 } from './bytes.ts';

/**
 * Where a direct boot puts its own structures: conventional memory, which no kernel's segments reach. Everything here
 * is the kernel's to reuse once it has read it.
 */
export const bootLayout = {
  gdt: gpa(0x500),
  pvhStartInfo: gpa(0x6000),
  bootParams: gpa(0x7000),
  /** Grows down; the page tables lie above it. */
  stackTop: gpa(0x8ff0),
  pageTables: gpa(0x9000),
  multibootInfo: gpa(0x10000),
  commandLine: gpa(0x20000),
  commandLineEnd: gpa(0x30000),
  /** EBDA, video memory and option ROMs: not for the kernel, although RAM may be there. */
  conventionalEnd: gpa(0x9fc00),
  highStart: gpa(mebibyte),
} as const;

/** __BOOT_CS and __BOOT_DS of the Linux boot protocol. */
export const bootSelectors = { code: 0x10, data: 0x18 } as const;

/** Descriptors, high word and low word: flat, present, accessed, ring 0. */
const flatCode32 = [0x00cf9b00, 0x0000ffff] as const;
const flatCode64 = [0x00af9b00, 0x0000ffff] as const;
const flatData = [0x00cf9300, 0x0000ffff] as const;

/** Writes a GDT with flat segments at __BOOT_CS and __BOOT_DS. */
export function writeBootGdt(memory: GuestMemory, mode: 'protected32' | 'long64'): { base: Gpa; limit: number } {
  const entries = [[0, 0], [0, 0], mode === 'long64' ? flatCode64 : flatCode32, flatData] as const;
  const view = viewOf(memory.bytesForWrite(bootLayout.gdt, entries.length * 8));
  entries.forEach(([high, low], i) => {
    view.setUint32(i * 8, low, true);
    view.setUint32(i * 8 + 4, high, true);
  });
  return { base: bootLayout.gdt, limit: entries.length * 8 - 1 };
}

const identityMappedGib = 4;
const presentWritable = 0x3;
const largePage = 0x80;

/** Writes four-level tables that map the first 4 GiB to themselves, in pages of 2 MiB. Returns the root, for CR3. */
export function writeIdentityPageTables(memory: GuestMemory): Gpa {
  const root = bootLayout.pageTables;
  const pointers = root + 0x1000;
  const directories = pointers + 0x1000;
  const bytes = memory.bytesForWrite(root, (2 + identityMappedGib) * 0x1000).fill(0);
  const view = viewOf(bytes);
  writeUint64(view, 0, pointers | presentWritable);
  for (let gib = 0; gib < identityMappedGib; gib++) {
    writeUint64(view, pointers - root + gib * 8, (directories + gib * 0x1000) | presentWritable);
  }
  for (let page = 0; page < identityMappedGib * 512; page++) {
    writeUint64(view, directories - root + page * 8, page * 2 * mebibyte + (presentWritable | largePage));
  }
  return root;
}
