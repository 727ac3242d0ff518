/**
 * Boots a kernel by the Multiboot Specification, version 0.6.96 (Multiboot 1): section 3.2 gives the machine state,
 * section 3.3 the boot information.
 */
import { type GuestMemory, gpa } from '../memory/index.ts';
import { BootMemoryError } from './boot-errors.ts';
import { bootLayout, bootSelectors, writeBootGdt } from './boot-layout.ts';
import { alignUp, hex, inMebibytes, kibibyte, pageSizeBytes, viewOf, writeUint64, zeroTerminated } from './bytes.ts';
import type { EntryState } from './entry-state.ts';
import { highMemoryEnd, type MemoryMapEntry, memoryMap, type TableRange } from './memory-map.ts';
import { type LoadPiece, type MultibootImage, readMultibootImage } from './multiboot-image.ts';

export interface MultibootModule {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The string that the kernel sees with the module; its name when absent. */
  readonly commandLine?: string | undefined;
}

export interface MultibootOptions {
  readonly memory: GuestMemory;
  readonly kernel: { readonly name: string; readonly bytes: Uint8Array };
  readonly commandLine: string;
  readonly modules?: readonly MultibootModule[] | undefined;
  readonly acpi?: TableRange | undefined;
}

interface PlacedModule {
  readonly module: MultibootModule;
  readonly start: number;
}

const bootLoaderMagic = 0x2badb002;
const bootLoaderName = 'Mezz';

/** Loads kernel and modules and writes the boot information. Throws KernelFormatError or BootMemoryError. */
export function loadMultiboot(options: MultibootOptions): EntryState {
  const { memory } = options;
  const image = readMultibootImage(options.kernel.bytes, options.kernel.name);
  for (const piece of image.pieces) requireRoom(memory, image, piece);
  const modules = placeModules(memory, image, options.modules ?? []);
  const information = buildInformation(options, modules);
  const informationAt = placeInformation(memory, image, modules, information(0).length);
  for (const piece of image.pieces) loadPiece(memory, piece);
  for (const { module, start } of modules) memory.bytesForWrite(gpa(start), module.bytes.length).set(module.bytes);
  const bytes = information(informationAt);
  memory.bytesForWrite(gpa(informationAt), bytes.length).set(bytes);
  return {
    mode: 'protected32',
    instructionPointer: gpa(image.entryPoint),
    registers: { rax: bootLoaderMagic, rbx: informationAt },
    gdt: writeBootGdt(memory, 'protected32'),
    codeSelector: bootSelectors.code,
    dataSelector: bootSelectors.data,
  };
}

/** A piece may lie in conventional memory or from 1 MiB on, clear of the table that the loader itself writes. */
function requireRoom(memory: GuestMemory, image: MultibootImage, { address, memorySizeBytes }: LoadPiece): void {
  const end = address + memorySizeBytes;
  const isConventional = address >= bootLayout.pvhStartInfo && end <= bootLayout.conventionalEnd;
  const isHigh = address >= bootLayout.highStart && memory.contains(gpa(address), memorySizeBytes);
  if (isConventional || isHigh) return;
  const sizes = { neededBytes: end, availableBytes: highMemoryEnd(memory) };
  const reason =
    address >= bootLayout.highStart
      ? `it needs ${inMebibytes(end)} of memory, the machine has ${inMebibytes(sizes.availableBytes)}`
      : `it loads at ${hex(address)}-${hex(end - 1)}, which is reserved below 1 MiB`;
  throw new BootMemoryError('kernel', image.name, reason, sizes);
}

function loadPiece(memory: GuestMemory, { address, bytes, memorySizeBytes }: LoadPiece): void {
  const window = memory.bytesForWrite(gpa(address), memorySizeBytes);
  window.set(bytes);
  window.fill(0, bytes.length);
}

/** Modules follow the kernel, each on a page boundary. */
function placeModules(memory: GuestMemory, image: MultibootImage, modules: readonly MultibootModule[]): PlacedModule[] {
  const memoryEnd = highMemoryEnd(memory);
  let next = alignUp(kernelEnd(image), pageSizeBytes);
  return modules.map((module) => {
    const start = next;
    next = alignUp(start + module.bytes.length, pageSizeBytes);
    if (start + module.bytes.length <= memoryEnd) return { module, start };
    const sizes = { neededBytes: module.bytes.length, availableBytes: Math.max(0, memoryEnd - start) };
    const reason = `it has ${hex(sizes.neededBytes)} bytes, memory has room for ${hex(sizes.availableBytes)}`;
    throw new BootMemoryError('module', module.name, reason, sizes);
  });
}

const kernelEnd = (image: MultibootImage): number =>
  Math.max(bootLayout.highStart, ...image.pieces.map(({ address, memorySizeBytes }) => address + memorySizeBytes));

/** In conventional memory, unless the kernel lies there: then after the modules. */
function placeInformation(
  memory: GuestMemory,
  image: MultibootImage,
  modules: readonly PlacedModule[],
  sizeBytes: number,
): number {
  const low = bootLayout.multibootInfo;
  const isFree = image.pieces.every(
    ({ address, memorySizeBytes }) => address >= low + sizeBytes || address + memorySizeBytes <= low,
  );
  if (isFree && low + sizeBytes <= bootLayout.conventionalEnd) return low;
  const last = modules.at(-1);
  const start = alignUp(last ? last.start + last.module.bytes.length : kernelEnd(image), pageSizeBytes);
  if (memory.contains(gpa(start), sizeBytes)) return start;
  const sizes = { neededBytes: sizeBytes, availableBytes: Math.max(0, highMemoryEnd(memory) - start) };
  throw new BootMemoryError('kernel', image.name, `no room for ${hex(sizeBytes)} bytes of boot information`, sizes);
}

const informationFlags = {
  memory: 1 << 0,
  commandLine: 1 << 2,
  modules: 1 << 3,
  memoryMap: 1 << 6,
  loaderName: 1 << 9,
};
const informationSize = 116;
const moduleEntrySize = 16;
const mapEntrySize = 24;

/** Returns a function from the address where the information will lie to its bytes. */
function buildInformation(options: MultibootOptions, modules: readonly PlacedModule[]): (at: number) => Uint8Array {
  const map = memoryMap(options.memory, options.acpi);
  const strings = [
    options.commandLine,
    bootLoaderName,
    ...modules.map(({ module }) => module.commandLine ?? module.name),
  ];
  const texts = strings.map(zeroTerminated);
  const modulesAt = informationSize;
  const mapAt = modulesAt + modules.length * moduleEntrySize;
  const textsAt = mapAt + map.length * mapEntrySize;
  const textAt = (index: number): number => texts.slice(0, index).reduce((at, text) => at + text.length, textsAt);
  return (at) => {
    const bytes = new Uint8Array(textAt(texts.length));
    const view = viewOf(bytes);
    const { memory, commandLine, modules: modulesFlag, memoryMap: mapFlag, loaderName } = informationFlags;
    view.setUint32(0, memory | commandLine | (modules.length ? modulesFlag : 0) | mapFlag | loaderName, true);
    view.setUint32(4, bootLayout.conventionalEnd / kibibyte, true);
    view.setUint32(8, (highMemoryEnd(options.memory) - bootLayout.highStart) / kibibyte, true);
    view.setUint32(16, at + textAt(0), true);
    view.setUint32(20, modules.length, true);
    view.setUint32(24, at + modulesAt, true);
    view.setUint32(44, map.length * mapEntrySize, true);
    view.setUint32(48, at + mapAt, true);
    view.setUint32(64, at + textAt(1), true);
    modules.forEach(({ module, start }, i) => {
      const entry = modulesAt + i * moduleEntrySize;
      view.setUint32(entry, start, true);
      view.setUint32(entry + 4, start + module.bytes.length, true);
      view.setUint32(entry + 8, at + textAt(2 + i), true);
    });
    writeMap(view, mapAt, map);
    texts.forEach((text, i) => {
      bytes.set(text, textAt(i));
    });
    return bytes;
  };
}

/** Each entry's size field doesn't count itself. */
function writeMap(view: DataView, mapAt: number, map: readonly MemoryMapEntry[]): void {
  map.forEach(({ start, sizeBytes, type }, i) => {
    const at = mapAt + i * mapEntrySize;
    view.setUint32(at, mapEntrySize - 4, true);
    writeUint64(view, at + 4, start);
    writeUint64(view, at + 12, sizeBytes);
    view.setUint32(at + 20, type, true);
  });
}
