import { gpa, LinearGuestMemory } from '../machine/memory/index.ts';

/** RAM as a PC has it: without the VGA window. */
export function pcMemory(sizeBytes: number): LinearGuestMemory {
  const ranges = [
    { start: gpa(0), sizeBytes: 0xa0000, offset: 0 },
    { start: gpa(0xc0000), sizeBytes: sizeBytes - 0xc0000, offset: 0xc0000 },
  ];
  return new LinearGuestMemory({ buffer: new ArrayBuffer(sizeBytes), baseOffset: 0, ranges });
}

export interface TestSegment {
  readonly physicalAddress: number;
  readonly virtualAddress?: number;
  readonly bytes: Uint8Array;
  readonly memorySizeBytes?: number;
}

export interface TestElf {
  readonly is64Bit: boolean;
  readonly entry: number;
  readonly segments: readonly TestSegment[];
  /** Content of a PT_NOTE segment. */
  readonly notes?: Uint8Array;
}

/** An ELF executable for x86: header, program headers, then the segments' bytes from 0x200 on. */
export function elfFile({ is64Bit, entry, segments, notes }: TestElf): Uint8Array {
  const all = [
    ...segments.map((segment) => ({ type: 1, ...segment })),
    ...(notes ? [{ type: 4, physicalAddress: 0, bytes: notes }] : []),
  ];
  const contentStart = 0x200;
  const file = new Uint8Array(contentStart + all.reduce((size, { bytes }) => size + bytes.length, 0));
  const view = new DataView(file.buffer);
  const word = (offset: number, value: number): void =>
    is64Bit ? view.setBigUint64(offset, BigInt(value), true) : view.setUint32(offset, value, true);
  const size = is64Bit ? 8 : 4;
  file.set([0x7f, 0x45, 0x4c, 0x46, is64Bit ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, is64Bit ? 62 : 3, true);
  word(24, entry);
  word(24 + size, is64Bit ? 64 : 52);
  view.setUint16(is64Bit ? 54 : 42, is64Bit ? 56 : 32, true);
  view.setUint16(is64Bit ? 56 : 44, all.length, true);
  let offset = contentStart;
  all.forEach((segment, i) => {
    const at = is64Bit ? 64 + i * 56 : 52 + i * 32;
    const fields = is64Bit ? at + 8 : at + 4;
    const {
      physicalAddress,
      virtualAddress = physicalAddress,
      bytes,
      memorySizeBytes = bytes.length,
    } = {
      virtualAddress: undefined,
      memorySizeBytes: undefined,
      ...segment,
    };
    view.setUint32(at, segment.type, true);
    [offset, virtualAddress, physicalAddress, bytes.length, memorySizeBytes].forEach((value, field) => {
      word(fields + field * size, value);
    });
    file.set(bytes, offset);
    offset += bytes.length;
  });
  return file;
}

/** A note as PT_NOTE holds it: owner with its zero, type, description. */
export function elfNote(owner: string, type: number, description: Uint8Array): Uint8Array {
  const nameSize = owner.length + 1;
  const paddedName = Math.ceil(nameSize / 4) * 4;
  const note = new Uint8Array(12 + paddedName + Math.ceil(description.length / 4) * 4);
  const view = new DataView(note.buffer);
  view.setUint32(0, nameSize, true);
  view.setUint32(4, description.length, true);
  view.setUint32(8, type, true);
  note.set(new TextEncoder().encode(owner), 12);
  note.set(description, 12 + paddedName);
  return note;
}

export interface TestBzImage {
  readonly payload: Uint8Array;
  readonly version?: number;
  readonly hasEntry64?: boolean;
  readonly isRelocatable?: boolean;
  readonly initrdAddressMax?: number;
}

const setupSectors = 2;
/** Where a test bzImage's protected-mode part begins. */
export const protectedModeStart = (setupSectors + 1) * 512;
/** Where the payload lies in it. */
export const payloadOffset = 0x20;

/** A bzImage of boot protocol 2.15 by default: setup sectors, a stub of 32 bytes, the payload. */
export function bzImage(options: TestBzImage): Uint8Array {
  const { payload, version = 0x020f, hasEntry64 = true, isRelocatable = true, initrdAddressMax = 0x7fffffff } = options;
  const paragraphs = Math.ceil((payloadOffset + payload.length) / 16);
  const file = new Uint8Array(protectedModeStart + paragraphs * 16);
  const view = new DataView(file.buffer);
  view.setUint8(0x1f1, setupSectors);
  view.setUint32(0x1f4, paragraphs, true);
  view.setUint16(0x1fe, 0xaa55, true);
  file.set([0xeb, 0x6a], 0x200);
  file.set(new TextEncoder().encode('HdrS'), 0x202);
  view.setUint16(0x206, version, true);
  view.setUint8(0x211, 1);
  view.setUint32(0x214, 0x100000, true);
  view.setUint32(0x22c, initrdAddressMax, true);
  view.setUint32(0x230, 0x200000, true);
  view.setUint8(0x234, isRelocatable ? 1 : 0);
  view.setUint16(0x236, hasEntry64 ? 1 : 0, true);
  view.setUint32(0x238, 2047, true);
  view.setUint32(0x248, payloadOffset, true);
  view.setUint32(0x24c, payload.length, true);
  view.setBigUint64(0x258, 0x1000000n, true);
  view.setUint32(0x260, 0x400000, true);
  file.fill(0x90, protectedModeStart, protectedModeStart + payloadOffset);
  file.set(payload, protectedModeStart + payloadOffset);
  return file;
}

/** A copy with a little-endian field replaced. */
export function spoiled(bytes: Uint8Array, offset: number, sizeBytes: 1 | 2 | 4 | 8, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (let i = 0; i < sizeBytes; i++) copy[offset + i] = Math.floor(value / 256 ** i) % 256;
  return copy;
}

/** The text up to a zero byte. */
export function zeroTerminatedText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
