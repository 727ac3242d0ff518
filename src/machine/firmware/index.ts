export type {
  AcpiInterruptOverride,
  AcpiIoApic,
  AcpiLocalApic,
  AcpiLocalNmi,
  AcpiPlatform,
  AcpiPortBlock,
  AcpiSerialPort,
} from './acpi-platform.ts';
export type { AcpiPlacement, AcpiTable } from './acpi-tables.ts';
export { buildAcpiTables, writeAcpiTables } from './acpi-tables.ts';
export { BootImageError, BootMemoryError, CommandLineError, KernelFormatError } from './boot-errors.ts';
export type { ByteSource } from './byte-source.ts';
export type { ElfFile, ElfNote, ElfSegment } from './elf.ts';
export { ElfError, isElf, readElf } from './elf.ts';
export type { EntryRegister, EntryState } from './entry-state.ts';
export type { LinuxBootOptions, LinuxProtocol } from './linux-boot.ts';
export { bootLinux, loadLinux } from './linux-boot.ts';
export type { KernelFile, LinuxKernel, Unpack } from './linux-kernel.ts';
export { readLinuxKernel } from './linux-kernel.ts';
export { memoryMap } from './memory-map.ts';
export type { MultibootModule, MultibootOptions } from './multiboot.ts';
export { loadMultiboot } from './multiboot.ts';
export { isMultiboot } from './multiboot-image.ts';
export type { SetupHeader } from './setup-header.ts';
export { hasSetupHeader } from './setup-header.ts';
