/** What surrounds the processor: guest RAM, buses, the tracker of decoded code. The machine provides them. */

import type { ProcessorModel } from '../features.ts';
import type { HypervisorInterface } from '../processor.ts';
import type { X86StateOptions } from './x86-state.ts';

export interface RamMap {
  /** Offset in the VM's linear memory of this guest-physical address, or -1 where there is no RAM. Constant within a page. */
  ramOffset(gpa: number): number;
  /** True where RAM is shadowed ROM: it is read in place, writes go to the bus. */
  isReadOnly?(gpa: number): boolean;
}

export type PortSize = 1 | 2 | 4;

export interface CpuBus {
  readPort(port: number, size: PortSize): number;
  writePort(port: number, size: PortSize, value: number): void;
  readMmio(gpa: number, size: PortSize): number;
  writeMmio(gpa: number, size: PortSize, value: number): void;
  nowNs(): number;
  /** The time of day: milliseconds since 1970, UTC. */
  wallClockMs(): number;
  /** The vector that the interrupt controller hands over. */
  acknowledgeInterrupt(): number;
  /** undefined: no such register outside the processor. */
  readMsr(index: number): bigint | undefined;
  /** false: no such register, or a value that it refuses. */
  writeMsr(index: number, value: bigint): boolean;
  readCr8(): number;
  writeCr8(value: number): void;
  /** FERR#, which reports x87 exceptions while CR0.NE is clear; gives IGNNE#, which lets waiting instructions go on. */
  setFerr(level: boolean): boolean;
  /** 64 bits that nobody can foretell. */
  readEntropy(): bigint;
}

/** Knows which pages of RAM have decoded code. Pages are linear-memory offsets shifted right by 12. */
export interface CodeTracker {
  hasCode(ramPage: number): boolean;
  /** Called before the processor writes these bytes of a page that has code. */
  written(ramOffset: number, length: number): void;
}

export interface X86CpuOptions extends X86StateOptions {
  readonly ram: RamMap;
  readonly bus: CpuBus;
  readonly code: CodeTracker;
  readonly tscHz: number;
  /** What the processor has; `max` when absent. */
  readonly model?: ProcessorModel | undefined;
  /** `kvm` when absent. */
  readonly hypervisor?: HypervisorInterface | undefined;
  /** Initial local APIC identifier; 0 is the bootstrap processor. */
  readonly apicId?: number;
  /** Processors of the package, 1 when absent. */
  readonly cpuCount?: number;
}

/** Why the processor executes no further instruction. */
export type CpuStop =
  | { readonly kind: 'halt' }
  /** An application processor after power-up or INIT (SDM 3A, 9.4.3). */
  | { readonly kind: 'wait-for-sipi' }
  | {
      readonly kind: 'triple-fault';
      readonly vector: number;
      readonly errorCode: number;
      readonly rip: bigint;
      readonly cr2: bigint;
    }
  | { readonly kind: 'unsupported'; readonly reason: string };

/** Structurally the loader's `EntryState` (machine/firmware/entry-state.ts). */
export interface DirectEntry {
  readonly mode: 'protected32' | 'long64';
  readonly instructionPointer: number;
  readonly registers: Partial<Record<'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rbp' | 'rsp', number>>;
  readonly gdt: { readonly base: number; readonly limit: number };
  readonly codeSelector: number;
  readonly dataSelector: number;
  readonly pageTableRoot?: number;
}
