import { TimerQueue } from '../base/index.ts';
import {
  createJitEngine,
  InterpreterEngine,
  type InterpreterOptions,
  type LockstepEngine,
  layout,
  type ModuleWriter,
  type ProcessorName,
  parseProcessor,
} from '../cpu/index.ts';
import { createPcBoard, ramRangesFor } from '../machine/boards/index.ts';
import type { SerialBackend } from '../machine/devices/index.ts';
import { LinearGuestMemory } from '../machine/memory/index.ts';
import { type BootImage, loadBootImage } from './boot-image.ts';
import { ConsoleTap } from './console-tap.ts';
import { cpuBusOf } from './cpu-bus.ts';
import { createLinearMemory } from './linear-memory.ts';
import { leaseWriter } from './module-writers.ts';
import { VirtualMachine } from './virtual-machine.ts';
import { VmClock } from './vm-clock.ts';
import type { VmHost } from './vm-host.ts';

export interface PcVmConfig {
  readonly memoryBytes: number;
  readonly boot: BootImage;
  /** COM1, the console, to COM4; ports without a backend are absent. */
  readonly serialPorts: readonly [SerialBackend, ...(SerialBackend | undefined)[]];
  readonly debugExitPort?: number | undefined;
  readonly engine?: EngineName | EngineMaker | undefined;
  /** What the guest's processor has; everything when absent. */
  readonly cpu?: ProcessorName | undefined;
  /** Count what costs time to count; see VmStatistics. */
  readonly statistics?: boolean | undefined;
}

/** What executes guest code. */
export type EngineName = 'interpreter' | 'jit';
export type EngineMaker = (parts: InterpreterOptions, writer?: ModuleWriter) => InterpreterEngine | LockstepEngine;

const engineMakers: Readonly<Record<EngineName, EngineMaker>> = {
  interpreter: (parts) => new InterpreterEngine(parts),
  jit: (parts, writer) => createJitEngine(parts, {}, writer),
};

/** One tick a nanosecond: what the guest reads is our clock itself. */
const tscHz = 1_000_000_000;

/**
 * Builds a PC, on the JIT unless told otherwise, and loads a kernel into it, ready to start. Throws MemorySizeError,
 * BootImageError, or RangeError for a debug-exit port that is taken.
 */
export async function createPcVm(config: PcVmConfig, host: VmHost): Promise<VirtualMachine> {
  host.prepareEngine?.();
  const lease = leaseWriter(host);
  try {
    const vm = await buildPcVm(config, host, lease?.writer);
    void vm.ended.then(() => lease?.release());
    return vm;
  } catch (error) {
    lease?.release();
    throw error;
  }
}

async function buildPcVm(config: PcVmConfig, host: VmHost, writer: ModuleWriter | undefined): Promise<VirtualMachine> {
  host.compactMemory?.(); // What was needed to get here makes room for the engine's generation.
  const ranges = ramRangesFor(config.memoryBytes);
  const linear = createLinearMemory(ranges);
  const memory = new LinearGuestMemory({ buffer: linear.buffer, baseOffset: layout.ram, ranges });
  const clock = new VmClock(host);
  const timers = new TimerQueue(clock);
  const [com1, com2, com3, com4] = config.serialPorts;
  const console = new ConsoleTap(com1, clock);
  const { debugExitPort } = config;
  const board = createPcBoard(
    {
      com1: console,
      ...(com2 && { com2 }),
      ...(com3 && { com3 }),
      ...(com4 && { com4 }),
      ...(debugExitPort !== undefined && { debugExitPort }),
    },
    {
      clock: timers,
      wallClock: () => host.wallClockMs(),
      tsc: () => ({ read: () => engine.cpu.readTsc(), whenReachesNs: (value) => engine.cpu.tscToNs(value) }),
      memory,
    },
  );
  const ram = {
    ramOffset(gpa: number): number {
      const offset = memory.ramOffset(gpa);
      return offset < 0 ? -1 : offset + layout.ram;
    },
  };
  const bus = cpuBusOf(board, 0, {
    clock: timers,
    wallClockMs: () => host.wallClockMs(),
    readEntropy: () => host.readEntropy(),
  });
  const parts = {
    memory: linear,
    ram,
    bus,
    tscHz,
    ...parseProcessor(config.cpu ?? 'max'),
    statistics: config.statistics,
  };
  const { engine: wanted = 'jit' } = config;
  const engine = typeof wanted === 'string' ? engineMakers[wanted](parts, writer) : wanted(parts, writer);
  memory.onHostWrite((offset, length) => engine.hostWrote(offset + layout.ram, length));
  host.compactMemory?.();
  engine.cpu.enter(await loadBootImage(config.boot, memory, board.acpi));
  const words = new Uint32Array(linear.buffer, 0, layout.ram / 4);
  const isInUserMode = (): boolean => words[layout.cpl / 4] === 3;
  return new VirtualMachine({ vcpu: engine, board, timers, clock, console, isInUserMode }, host);
}
