/**
 * Program headers and notes of little-endian x86 executables.
 * Tool Interface Standard: Executable and Linking Format, version 1.2; System V ABI, AMD64 supplement.
 */
import type { ByteSource } from './byte-source.ts';
import { hex, readUint64, viewOf } from './bytes.ts';

export type ElfMachine = 'i386' | 'x86_64';

export interface ElfSegment {
  readonly type: number;
  readonly offset: number;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly fileSizeBytes: number;
  readonly memorySizeBytes: number;
  readonly alignment: number;
}

export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly description: Uint8Array;
}

export interface ElfFile {
  readonly bytes: ByteSource;
  readonly machine: ElfMachine;
  readonly is64Bit: boolean;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
}

export const segmentType = { load: 1, note: 4 } as const;

/** `field` is the header field, as the specification names it, that is out of range. */
export class ElfError extends RangeError {
  readonly field: string;
  readonly reason: string;

  constructor(field: string, reason: string) {
    super(`Cannot read ELF file: ${reason}`);
    this.name = 'ElfError';
    this.field = field;
    this.reason = reason;
  }
}

const magic = [0x7f, 0x45, 0x4c, 0x46];
const identificationSize = 16;
const machineNames = new Map<number, ElfMachine>([
  [3, 'i386'],
  [62, 'x86_64'],
]);

/** Where the two classes keep their fields. */
interface ElfLayout {
  readonly headerSize: number;
  readonly programHeaderOffset: number;
  readonly programHeaderEntrySize: number;
  readonly programHeaderCount: number;
  readonly minimumEntrySize: number;
  segment(view: DataView, at: number): ElfSegment;
}

const elf32: ElfLayout = {
  headerSize: 52,
  programHeaderOffset: 28,
  programHeaderEntrySize: 42,
  programHeaderCount: 44,
  minimumEntrySize: 32,
  segment: (view, at) => ({
    type: view.getUint32(at, true),
    offset: view.getUint32(at + 4, true),
    virtualAddress: view.getUint32(at + 8, true),
    physicalAddress: view.getUint32(at + 12, true),
    fileSizeBytes: view.getUint32(at + 16, true),
    memorySizeBytes: view.getUint32(at + 20, true),
    alignment: view.getUint32(at + 28, true),
  }),
};

const elf64: ElfLayout = {
  headerSize: 64,
  programHeaderOffset: 32,
  programHeaderEntrySize: 54,
  programHeaderCount: 56,
  minimumEntrySize: 56,
  segment: (view, at) => ({
    type: view.getUint32(at, true),
    offset: readUint64(view, at + 8),
    virtualAddress: readUint64(view, at + 16),
    physicalAddress: readUint64(view, at + 24),
    fileSizeBytes: readUint64(view, at + 32),
    memorySizeBytes: readUint64(view, at + 40),
    alignment: readUint64(view, at + 48),
  }),
};

export const isElf = (bytes: ByteSource): boolean => {
  const head = bytes.subarray(0, Math.min(bytes.length, magic.length));
  return magic.every((byte, i) => head[i] === byte);
};

/** Throws ElfError when a header points outside of the file. Bytes after the last segment are ignored. */
export function readElf(bytes: ByteSource): ElfFile {
  if (!isElf(bytes)) throw new ElfError('EI_MAG', 'the magic number is missing');
  const is64Bit = readClass(bytes.subarray(0, Math.min(bytes.length, identificationSize)));
  const layout = is64Bit ? elf64 : elf32;
  if (bytes.length < layout.headerSize) throw new ElfError('e_ehsize', endsBefore(bytes, layout.headerSize, 'header'));
  const view = viewOf(bytes.subarray(0, layout.headerSize));
  const machine = machineNames.get(view.getUint16(18, true));
  if (!machine) throw new ElfError('e_machine', `machine ${view.getUint16(18, true)} is not x86`);
  const entry = is64Bit ? readUint64(view, 24) : view.getUint32(24, true);
  return { bytes, machine, is64Bit, entry, segments: readSegments(bytes, view, layout, is64Bit) };
}

function readClass(bytes: Uint8Array): boolean {
  if (bytes[4] !== 1 && bytes[4] !== 2) throw new ElfError('EI_CLASS', `class ${bytes[4]} is neither 32 nor 64-bit`);
  if (bytes[5] !== 1) throw new ElfError('EI_DATA', `data encoding ${bytes[5]} is not little-endian`);
  return bytes[4] === 2;
}

function readSegments(bytes: ByteSource, view: DataView, layout: ElfLayout, is64Bit: boolean): ElfSegment[] {
  const start = is64Bit
    ? readUint64(view, layout.programHeaderOffset)
    : view.getUint32(layout.programHeaderOffset, true);
  const entrySize = view.getUint16(layout.programHeaderEntrySize, true);
  const count = view.getUint16(layout.programHeaderCount, true);
  if (entrySize < layout.minimumEntrySize) {
    throw new ElfError('e_phentsize', `program headers of ${entrySize} bytes are too short`);
  }
  const end = start + entrySize * count;
  if (end > bytes.length) throw new ElfError('e_phoff', endsBefore(bytes, end, 'program headers'));
  const headers = viewOf(bytes.subarray(start, end));
  return Array.from({ length: count }, (_, i) => checkSegment(layout.segment(headers, entrySize * i), i, bytes));
}

function checkSegment(segment: ElfSegment, index: number, bytes: ByteSource): ElfSegment {
  if (segment.type !== segmentType.load && segment.type !== segmentType.note) return segment;
  const end = segment.offset + segment.fileSizeBytes;
  if (end > bytes.length) throw new ElfError('p_filesz', endsBefore(bytes, end, `segment ${index}`));
  if (segment.type === segmentType.load && segment.memorySizeBytes < segment.fileSizeBytes) {
    const sizes = `${hex(segment.fileSizeBytes)} bytes in the file, ${hex(segment.memorySizeBytes)} in memory`;
    throw new ElfError('p_memsz', `segment ${index} has ${sizes}`);
  }
  return segment;
}

const endsBefore = (bytes: ByteSource, needed: number, what: string): string =>
  `file ends at ${hex(bytes.length)}, ${what} ${what.endsWith('s') ? 'need' : 'needs'} ${hex(needed)}`;

/** Segments that occupy memory, in file order. */
export function loadSegments(elf: ElfFile): ElfSegment[] {
  return elf.segments.filter((segment) => segment.type === segmentType.load && segment.memorySizeBytes > 0);
}

/** The bytes that the file gives a segment. */
export function segmentBytes(elf: ElfFile, segment: ElfSegment): Uint8Array {
  return elf.bytes.subarray(segment.offset, segment.offset + segment.fileSizeBytes);
}

/** The first note with this owner and type. Damaged notes end the search of their segment. */
export function findNote(elf: ElfFile, owner: string, type: number): ElfNote | undefined {
  for (const segment of elf.segments) {
    if (segment.type !== segmentType.note) continue;
    const found = readNotes(segmentBytes(elf, segment)).find((note) => note.owner === owner && note.type === type);
    if (found) return found;
  }
  return undefined;
}

function readNotes(bytes: Uint8Array): ElfNote[] {
  const view = viewOf(bytes);
  const notes: ElfNote[] = [];
  let at = 0;
  while (at + 12 <= bytes.length) {
    const nameSize = view.getUint32(at, true);
    const descriptionStart = at + 12 + pad4(nameSize);
    const descriptionEnd = descriptionStart + view.getUint32(at + 4, true);
    if (descriptionEnd > bytes.length) return notes;
    const owner = String.fromCharCode(...bytes.subarray(at + 12, at + 12 + Math.max(0, Math.min(nameSize, 64) - 1)));
    notes.push({
      owner,
      type: view.getUint32(at + 8, true),
      description: bytes.subarray(descriptionStart, descriptionEnd),
    });
    at = pad4(descriptionEnd);
  }
  return notes;
}

const pad4 = (length: number): number => Math.ceil(length / 4) * 4;
