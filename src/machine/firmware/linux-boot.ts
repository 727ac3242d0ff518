/**
 * Direct boot of Linux: "The Linux/x86 Boot Protocol" (Documentation/arch/x86/boot.rst), sections "32-bit Boot Protocol"
 * and "64-bit Boot Protocol", and PVH.
 *
 * An unpacked kernel is entered at its own startup_64 or startup_32 at the address it was linked for, so that the guest
 * doesn't unpack and relocate itself. startup_64 wants what the 64-bit protocol gives: RSI, an identity mapping, flat
 * segments. Without an unpacked kernel its decompressor is entered, by the same protocols.
 */
import { type GuestMemory, gpa } from '../memory/index.ts';
import { BootImageError, CommandLineError } from './boot-errors.ts';
import { bootLayout, bootSelectors, writeBootGdt, writeIdentityPageTables } from './boot-layout.ts';
import { vmlinuxHeader, writeBootParams } from './boot-params.ts';
import { type ByteSource, copyBytes } from './byte-source.ts';
import { hex, zeroTerminated } from './bytes.ts';
import { type ElfFile, loadSegments } from './elf.ts';
import type { EntryState } from './entry-state.ts';
import { type KernelFile, type LinuxKernel, readLinuxKernel, type Unpack } from './linux-kernel.ts';
import { memoryMap, placeInitrd, requireHighMemory, type TableRange } from './memory-map.ts';
import { enterByPvh, pvhEntryPoint } from './pvh-boot.ts';

export type LinuxProtocol = 'auto' | 'linux64' | 'linux32' | 'pvh';

export interface LinuxBootOptions {
  readonly memory: GuestMemory;
  readonly commandLine: string;
  readonly initrd?: { readonly name: string; readonly bytes: ByteSource } | undefined;
  /** The ACPI tables that `writeAcpiTables` put there. */
  readonly acpi?: (TableRange & { readonly rsdp: number }) | undefined;
  /** `auto`: the 64-bit protocol for 64-bit kernels, the 32-bit protocol for others. */
  readonly protocol?: LinuxProtocol | undefined;
}

/** A kernel in one of its forms, with the entry that a protocol asks for. */
interface EntryPlan {
  readonly protocol: 'linux64' | 'linux32' | 'pvh';
  readonly entryPoint: number;
  readonly lowest: number;
  readonly end: number;
  load(memory: GuestMemory): Promise<void>;
}

/** Reads, checks, loads: `readLinuxKernel` and `loadLinux` in one. */
export async function bootLinux(
  options: LinuxBootOptions & { readonly kernel: KernelFile; readonly unpack?: Unpack | undefined },
): Promise<EntryState> {
  return loadLinux(await readLinuxKernel(options.kernel, options.unpack), options);
}

/**
 * Puts a kernel, its command line, its initial RAM disk and its parameters into RAM. Nothing is written before every
 * part is known to fit. Throws BootMemoryError, CommandLineError or BootImageError.
 */
export async function loadLinux(kernel: LinuxKernel, options: LinuxBootOptions): Promise<EntryState> {
  const { memory, initrd, acpi } = options;
  const plan = planEntry(kernel, options.protocol ?? 'auto');
  requireHighMemory(memory, kernel.name, plan.lowest, plan.end - plan.lowest);
  const commandLine = encodeCommandLine(kernel, options.commandLine);
  const addressMax = kernel.setup?.initrdAddressMax ?? (plan.protocol === 'linux32' ? 0x37ffffff : 0x7fffffff);
  const sizeBytes = initrd?.bytes.length ?? 0;
  const placed = initrd && placeInitrd(memory, { name: initrd.name, sizeBytes, lowest: plan.end, addressMax });
  await Promise.all([
    plan.load(memory),
    initrd && placed && copyBytes(initrd.bytes, 0, memory.bytesForWrite(placed.start, sizeBytes)),
  ]);
  memory.bytesForWrite(bootLayout.commandLine, commandLine.length).set(commandLine);
  const start = { initrd: placed, rsdp: acpi?.rsdp, map: memoryMap(memory, acpi) };
  if (plan.protocol === 'pvh') return enterByPvh(memory, plan.entryPoint, start);
  writeBootParams(memory, { ...start, setup: kernel.setup });
  return plan.protocol === 'linux64' ? enter64(memory, plan.entryPoint) : enter32(memory, plan.entryPoint);
}

function planEntry(kernel: LinuxKernel, wanted: LinuxProtocol): EntryPlan {
  const { elf, setup, name } = kernel;
  const pvhEntry = wanted === 'pvh' && elf ? pvhEntryPoint(elf) : undefined;
  if (elf && pvhEntry !== undefined) return planElf(elf, name, 'pvh', pvhEntry);
  const native = elf && (elf.machine === 'x86_64' ? 'linux64' : 'linux32');
  if (elf && native && (wanted === 'auto' || wanted === native)) return planElf(elf, name, native, elf.entry);
  const stub = setup && (setup.hasEntry64 && wanted !== 'linux32' ? 'linux64' : 'linux32');
  if (setup && stub && (wanted === 'auto' || wanted === stub)) {
    return planDecompressor(setup, stub);
  }
  throw new BootImageError('kernel', name, `it has no ${entryNames[wanted]}`);
}

const entryNames: Record<LinuxProtocol, string> = {
  auto: 'entry point',
  linux64: '64-bit entry',
  linux32: '32-bit entry',
  pvh: 'PVH entry (a Xen note PHYS32_ENTRY in an unpacked kernel)',
};

function planElf(elf: ElfFile, name: string, protocol: EntryPlan['protocol'], entryPoint: number): EntryPlan {
  const segments = loadSegments(elf);
  const lowest = Math.min(...segments.map((segment) => segment.physicalAddress));
  const end = Math.max(...segments.map((segment) => segment.physicalAddress + segment.memorySizeBytes));
  if (!(entryPoint >= lowest && entryPoint < end)) {
    throw new BootImageError('kernel', name, `its entry point ${hex(entryPoint)} is in none of its segments`);
  }
  // Linux clears its own BSS: what a segment has in memory alone stays untouched, and so uncommitted.
  const load = async (memory: GuestMemory): Promise<void> => {
    const copies = segments.map(({ physicalAddress, offset, fileSizeBytes }) =>
      copyBytes(elf.bytes, offset, memory.bytesForWrite(gpa(physicalAddress), fileSizeBytes)),
    );
    await Promise.all(copies);
  };
  return { protocol, entryPoint, lowest, end, load };
}

const entry64Offset = 0x200;

function planDecompressor(setup: NonNullable<LinuxKernel['setup']>, protocol: 'linux64' | 'linux32'): EntryPlan {
  const { loadAddress, file, protectedMode } = setup;
  return {
    protocol,
    entryPoint: loadAddress + (protocol === 'linux64' ? entry64Offset : 0),
    lowest: loadAddress,
    end: setup.memoryEnd,
    load: (memory) => copyBytes(file, protectedMode.at, memory.bytesForWrite(gpa(loadAddress), protectedMode.length)),
  };
}

function encodeCommandLine(kernel: LinuxKernel, commandLine: string): Uint8Array {
  const encoded = zeroTerminated(commandLine);
  const max = kernel.setup?.commandLineSizeMax ?? vmlinuxHeader.commandLineSize;
  if (encoded.indexOf(0) !== encoded.length - 1) {
    throw new CommandLineError(kernel.name, 'its command line contains a zero character');
  }
  if (encoded.length - 1 > Math.min(max, bootLayout.commandLineEnd - bootLayout.commandLine - 1)) {
    const reason = `its command line has ${encoded.length - 1} bytes, the kernel takes ${max}`;
    throw new CommandLineError(kernel.name, reason);
  }
  return encoded;
}

function enter64(memory: GuestMemory, entryPoint: number): EntryState {
  return {
    mode: 'long64',
    instructionPointer: gpa(entryPoint),
    registers: { rsi: bootLayout.bootParams, rsp: bootLayout.stackTop, rbp: bootLayout.stackTop },
    gdt: writeBootGdt(memory, 'long64'),
    codeSelector: bootSelectors.code,
    dataSelector: bootSelectors.data,
    pageTableRoot: writeIdentityPageTables(memory),
  };
}

function enter32(memory: GuestMemory, entryPoint: number): EntryState {
  return {
    mode: 'protected32',
    instructionPointer: gpa(entryPoint),
    registers: { rsi: bootLayout.bootParams, rsp: bootLayout.stackTop, rbp: 0, rdi: 0, rbx: 0 },
    gdt: writeBootGdt(memory, 'protected32'),
    codeSelector: bootSelectors.code,
    dataSelector: bootSelectors.data,
  };
}
