import { TimerQueue } from '../base/index.ts';
import {
  type CpuBus,
  createJitEngine,
  InterpreterEngine,
  type InterpreterOptions,
  JitEngine,
  type LockstepEngine,
  layout,
  type ModuleKeeper,
  type ModuleWriter,
  type ProcessorName,
  parseProcessor,
  prepareInterpreter,
  type TranslationKeeper,
} from '../cpu/index.ts';
import { type Board, createPcBoard, ramRangesFor } from '../machine/boards/index.ts';
import type { SerialBackend } from '../machine/devices/index.ts';
import { LinearGuestMemory } from '../machine/memory/index.ts';
import { type BootImage, loadBootImage } from './boot-image.ts';
import { ConsoleTap } from './console-tap.ts';
import { type BusHost, cpuBusOf } from './cpu-bus.ts';
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
  /** How many processors the guest has, up to `mostCpus`; 1 when absent. */
  readonly cpus?: number | undefined;
  /** What the guest's processor has; everything when absent. */
  readonly cpu?: ProcessorName | undefined;
  /** Count what costs time to count; see VmStatistics. */
  readonly statistics?: boolean | undefined;
  /** Where translated code is kept between runs; nowhere when absent. */
  readonly keeper?: TranslationKeeper | undefined;
}

/** What executes guest code. */
export type EngineName = 'interpreter' | 'jit';
export type EngineMaker = (parts: InterpreterOptions, tools: EngineTools) => InterpreterEngine | LockstepEngine;

/** What an engine may be made with. */
export interface EngineTools {
  readonly writer?: ModuleWriter | undefined;
  readonly keeper?: ModuleKeeper | undefined;
}

const engineMakers: Readonly<Record<EngineName, EngineMaker>> = {
  interpreter: (parts) => new InterpreterEngine(parts),
  jit: (parts, { writer, keeper }) => createJitEngine(parts, { keeper }, writer),
};

/** A byte of flat logical destinations is not enough for more than 8; clusters and x2APIC are for more. */
export const mostCpus = 64;

/** One tick a nanosecond: what the guest reads is our clock itself. */
const tscHz = 1_000_000_000;

/**
 * Builds a PC, on the JIT unless told otherwise, and loads a kernel into it, ready to start. Throws MemorySizeError,
 * BootImageError, or RangeError for a debug-exit port that is taken or a number of processors that cannot be.
 */
export async function createPcVm(config: PcVmConfig, host: VmHost): Promise<VirtualMachine> {
  host.prepareEngine?.();
  const { keeper } = config;
  if (host.builtInterpreter) {
    const compileMain = keeper && ((bytes: Uint8Array<ArrayBuffer>) => keeper.compileInterpreter(bytes));
    prepareInterpreter({ ...host.builtInterpreter, ...(compileMain && { compileMain }) });
  }
  const lease = leaseWriter(host);
  try {
    const { vm, engine } = await buildPcVm(config, host, { writer: lease?.writer, keeper });
    void vm.ended.then(() => {
      lease?.release();
      if (engine instanceof JitEngine) keeper?.keep(engine.keep());
    });
    return vm;
  } catch (error) {
    lease?.release();
    throw error;
  }
}

async function buildPcVm(config: PcVmConfig, host: VmHost, tools: EngineTools) {
  const ranges = ramRangesFor(config.memoryBytes);
  const cpuCount = checkedCpuCount(config.cpus ?? 1);
  const linear = createLinearMemory(ranges, cpuCount);
  const memory = new LinearGuestMemory({ buffer: linear.buffer, baseOffset: layout.ram, ranges });
  const clock = new VmClock(host);
  const timers = new TimerQueue(clock);
  const [com1, com2, com3, com4] = config.serialPorts;
  const console = new ConsoleTap(com1, clock);
  const { debugExitPort } = config;
  const board = createPcBoard(
    {
      cpuCount,
      com1: console,
      ...(com2 && { com2 }),
      ...(com3 && { com3 }),
      ...(com4 && { com4 }),
      ...(debugExitPort !== undefined && { debugExitPort }),
    },
    {
      clock: timers,
      wallClock: () => host.wallClockMs(),
      tsc: (cpuIndex) => ({
        read: () => cpuOf(cpuIndex).readTsc(),
        whenReachesNs: (value) => cpuOf(cpuIndex).tscToNs(value),
      }),
      memory,
    },
  );
  const ram = {
    ramOffset(gpa: number): number {
      const offset = memory.ramOffset(gpa);
      return offset < 0 ? -1 : offset + layout.ram;
    },
  };
  const busHost = {
    clock: timers,
    wallClockMs: () => host.wallClockMs(),
    readEntropy: () => host.readEntropy(),
  };
  const [bus, ...otherBuses] = [cpuBusOf(board, 0, busHost), ...furtherBuses(board, busHost)];
  const parts = {
    memory: linear,
    ram,
    bus,
    otherBuses,
    tscHz,
    ...parseProcessor(config.cpu ?? 'max'),
    statistics: config.statistics,
  };
  const loading = loadBootImage(config.boot, memory, board.acpi);
  loading.catch(() => {}); // Heard of below, once there is an engine.
  const { engine: wanted = 'jit' } = config;
  const engine = typeof wanted === 'string' ? engineMakers[wanted](parts, tools) : wanted(parts, tools);
  memory.onHostWrite((offset, length) => engine.hostWrote(offset + layout.ram, length));
  const cpuOf = (index: number) => engine.vcpus[index]?.cpu ?? engine.cpu;
  engine.enter(await loading);
  const words = new Uint32Array(linear.buffer, 0, layout.ram / 4);
  const isInUserMode = (): boolean => words[layout.cpl / 4] === 3;
  const vm = new VirtualMachine({ engine, vcpus: engine.vcpus, board, timers, clock, console, isInUserMode }, host);
  return { vm, engine };
}

function furtherBuses(board: Board, host: BusHost): CpuBus[] {
  return Array.from({ length: board.cpuCount - 1 }, (_, i) => cpuBusOf(board, i + 1, host));
}

function checkedCpuCount(count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= mostCpus) return count;
  throw new RangeError(`Cannot give the guest ${count} processors: it has between 1 and ${mostCpus}`);
}
