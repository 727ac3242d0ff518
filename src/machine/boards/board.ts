import type { AddressSpace } from '../bus/index.ts';
import type { SavedDevice } from '../devices/index.ts';
import type { AcpiPlatform } from '../firmware/index.ts';
import type { GuestMemory } from '../memory/index.ts';

/** What a board does to a processor. The calls come from inside device accesses and timers: they only note. */
export interface CpuInputs {
  /** INTR; on a rise the processor calls `Board.acknowledge` when it is ready. */
  setInterrupt(level: boolean): void;
  nmi(): void;
  init(): void;
  /** Start-up IPI: real mode at page `vector`. */
  sipi(vector: number): void;
}

/** Machine-wide happenings. Listeners are called from inside a device access: note it and act between slices. */
export interface BoardListeners {
  onPowerOff?(): void;
  /** The guest asked for a reset of the whole machine; nothing has been reset yet. */
  onReset?(): void;
  onDebugExit?(status: number): void;
  /** The A20 gate: when off, address bit 20 reads as zero. */
  onA20?(enabled: boolean): void;
}

/** Buses, controllers and devices wired together: everything of a machine but its processors. */
export interface Board {
  readonly cpuCount: number;
  readonly memory: GuestMemory;
  readonly ports: AddressSpace;
  /** Whatever guest-physical addresses are not RAM. */
  readonly mmio: AddressSpace;
  /** In the order of a snapshot; names are unique. */
  readonly devices: readonly SavedDevice<unknown>[];
  readonly acpi: AcpiPlatform;

  connectCpu(cpuIndex: number, inputs: CpuInputs): void;
  /** Whose local APIC answers at the APIC page; called before a processor runs. */
  selectCpu(cpuIndex: number): void;
  /** Interrupt acknowledge: gives the vector and moves it into service. */
  acknowledge(cpuIndex: number): number;
  /** For IA32_APIC_BASE, IA32_TSC_DEADLINE and 0x800-0x8ff; undefined means #GP(0). */
  readMsr(cpuIndex: number, index: number): bigint | undefined;
  /** False means #GP(0). */
  writeMsr(cpuIndex: number, index: number, value: bigint): boolean;
  readCr8(cpuIndex: number): number;
  writeCr8(cpuIndex: number, value: number): void;

  /** FERR# of a processor, while CR0.NE is clear; gives IGNNE#. */
  setFerr(cpuIndex: number, level: boolean): boolean;

  listen(listeners: BoardListeners): void;
  readonly isA20Enabled: boolean;
  /** A short press: the guest is asked to shut down. */
  pressPowerButton(): void;
  /** Everything as after power-up but RAM, the clock and CMOS. */
  reset(): void;
}
