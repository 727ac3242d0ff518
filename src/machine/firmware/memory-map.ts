import type { Gpa, GuestMemory } from '../memory/index.ts';
import { gpa } from '../memory/index.ts';
import { BootMemoryError } from './boot-errors.ts';
import { bootLayout } from './boot-layout.ts';
import { alignDown, alignUp, hex, inMebibytes, pageSizeBytes } from './bytes.ts';

/** Address range types of the ACPI specification, section 15. */
export const addressRange = { memory: 1, reserved: 2, acpiReclaim: 3 } as const;

export interface MemoryMapEntry {
  readonly start: number;
  readonly sizeBytes: number;
  readonly type: number;
}

/** Where firmware tables lie, below 1 MiB. */
export interface TableRange {
  readonly start: Gpa;
  readonly sizeBytes: number;
}

/** The E820 map: RAM, less the legacy hole from 0x9fc00 to 1 MiB, in which the ACPI tables are told apart. */
export function memoryMap(memory: GuestMemory, acpi?: TableRange): MemoryMapEntry[] {
  const { conventionalEnd, highStart } = bootLayout;
  const ram = memory.ranges.flatMap(({ start, sizeBytes }) => [
    span(start, Math.min(start + sizeBytes, conventionalEnd), addressRange.memory),
    span(Math.max(start, highStart), start + sizeBytes, addressRange.memory),
  ]);
  const acpiStart = acpi ? alignDown(acpi.start, pageSizeBytes) : highStart;
  const acpiEnd = acpi ? alignUp(acpi.start + acpi.sizeBytes, pageSizeBytes) : highStart;
  const hole = [
    span(conventionalEnd, acpiStart, addressRange.reserved),
    span(acpiStart, acpiEnd, addressRange.acpiReclaim),
    span(acpiEnd, highStart, addressRange.reserved),
  ];
  return [...ram, ...hole].filter((entry) => entry.sizeBytes > 0).sort((a, b) => a.start - b.start);
}

const span = (start: number, end: number, type: number): MemoryMapEntry => ({ start, sizeBytes: end - start, type });

/** First address past the RAM that begins at 1 MiB or spans it; 1 MiB when there is none. */
export function highMemoryEnd(memory: GuestMemory): number {
  const { highStart } = bootLayout;
  const range = memory.ranges.find(({ start, sizeBytes }) => start <= highStart && start + sizeBytes > highStart);
  return range ? range.start + range.sizeBytes : highStart;
}

/** Throws BootMemoryError unless the range is RAM at 1 MiB or above. */
export function requireHighMemory(memory: GuestMemory, name: string, start: number, sizeBytes: number): void {
  if (start >= bootLayout.highStart && memory.contains(gpa(start), sizeBytes)) return;
  const sizes = { neededBytes: start + sizeBytes, availableBytes: highMemoryEnd(memory) };
  if (start < bootLayout.highStart) {
    throw new BootMemoryError('kernel', name, `it loads at ${hex(start)}, below 1 MiB`, sizes);
  }
  const needs = `it needs ${inMebibytes(sizes.neededBytes)} of memory, the machine has ${inMebibytes(sizes.availableBytes)}`;
  throw new BootMemoryError('kernel', name, needs, sizes);
}

export interface InitrdPlacement {
  readonly name: string;
  readonly sizeBytes: number;
  /** It must lie in [lowest, addressMax]. */
  readonly lowest: number;
  readonly addressMax: number;
}

/** Where an initial RAM disk goes: as high as the kernel takes it, page-aligned. Throws BootMemoryError. */
export function placeInitrd(memory: GuestMemory, { name, sizeBytes, lowest, addressMax }: InitrdPlacement): TableRange {
  const end = Math.min(highMemoryEnd(memory), addressMax + 1);
  const start = alignDown(end - sizeBytes, pageSizeBytes);
  if (start < lowest) {
    const room = Math.max(0, end - alignUp(lowest, pageSizeBytes));
    const reason = `it has ${hex(sizeBytes)} bytes, memory has room for ${hex(room)} between ${hex(lowest)} and ${hex(end)}`;
    throw new BootMemoryError('initial RAM disk', name, reason, { neededBytes: sizeBytes, availableBytes: room });
  }
  return { start: gpa(start), sizeBytes };
}
