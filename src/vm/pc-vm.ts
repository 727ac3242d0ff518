import { TimerQueue } from '../base/index.ts';
import {
  type CpuBus,
  type Engines,
  type InterpreterEngine,
  type InterpreterOptions,
  type LockstepEngine,
  layout,
  loadEngines,
  type ModuleKeeper,
  type ModuleWriter,
  type ProcessorName,
  parseProcessor,
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
  /** Gives where translated code is kept between runs, once the kernel is on its way; nowhere when absent. */
  readonly openKeeper?: (() => Promise<TranslationKeeper | undefined>) | undefined;
}

/** What executes guest code. */
export type EngineName = 'interpreter' | 'jit';
export type EngineMaker = (parts: InterpreterOptions, tools: EngineTools) => InterpreterEngine | LockstepEngine;

/** What an engine may be made with. */
export interface EngineTools {
  readonly engines: typeof Engines;
  readonly writer?: ModuleWriter | undefined;
  readonly keeper?: ModuleKeeper | undefined;
}

const engineMakers: Readonly<Record<EngineName, EngineMaker>> = {
  interpreter: (parts, { engines }) => new engines.InterpreterEngine(parts),
  jit: (parts, { engines, writer, keeper }) => engines.createJitEngine(parts, { keeper }, writer),
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
  const machine = createMachine(config, host);
  const loading = loadBootImage(config.boot, machine.memory, machine.board.acpi);
  loading.catch(() => {}); // Heard of below, once there is an engine.
  // Bytes that the loader has asked for come while this thread loads the engines.
  await new Promise<void>((resolve) => host.yieldToHost(resolve));
  const opening = config.openKeeper?.();
  const engines = await loadEngines();
  const keeper = await opening;
  host.prepareEngine?.();
  if (host.builtInterpreter) {
    const compileMain = keeper && ((bytes: Uint8Array<ArrayBuffer>) => keeper.compileInterpreter(bytes));
    engines.prepareInterpreter({ ...host.builtInterpreter, ...(compileMain && { compileMain }) });
  }
  const lease = leaseWriter(host, engines);
  try {
    const engine = machine.makeEngine({ engines, writer: lease?.writer, keeper });
    engine.enter(await loading);
    const vm = machine.makeVm(engine);
    void vm.ended.then(() => {
      lease?.release();
      if (engine instanceof engines.JitEngine) keeper?.keep(engine.keep());
      keeper?.close();
    });
    return vm;
  } catch (error) {
    lease?.release();
    keeper?.close();
    throw error;
  }
}

type Engine = ReturnType<EngineMaker>;

/** Everything but what executes its code. */
function createMachine(config: PcVmConfig, host: VmHost) {
  const processor = parseProcessor(config.cpu ?? 'max');
  const ranges = ramRangesFor(config.memoryBytes);
  const cpuCount = checkedCpuCount(config.cpus ?? 1);
  const linear = createLinearMemory(ranges, cpuCount);
  const memory = new LinearGuestMemory({ buffer: linear.buffer, baseOffset: layout.ram, ranges });
  const clock = new VmClock(host);
  const timers = new TimerQueue(clock);
  const [com1, com2, com3, com4] = config.serialPorts;
  const console = new ConsoleTap(com1, clock);
  const { debugExitPort } = config;
  let engine: Engine | undefined;
  const cpuOf = (index: number) => {
    if (!engine) throw new RangeError(`Cannot ask processor ${index}: no engine was made`);
    return engine.vcpus[index]?.cpu ?? engine.cpu;
  };
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
    ...processor,
    statistics: config.statistics,
  };
  const { engine: wanted = 'jit' } = config;
  return {
    memory,
    board,
    makeEngine(tools: EngineTools): Engine {
      const made = typeof wanted === 'string' ? engineMakers[wanted](parts, tools) : wanted(parts, tools);
      memory.onHostWrite((offset, length) => made.hostWrote(offset + layout.ram, length));
      engine = made;
      return made;
    },
    makeVm(made: Engine): VirtualMachine {
      const words = new Uint32Array(linear.buffer, 0, layout.ram / 4);
      const isInUserMode = (): boolean => words[layout.cpl / 4] === 3;
      const parts = { engine: made, vcpus: made.vcpus, board, timers, clock, console, isInUserMode };
      return new VirtualMachine(parts, host);
    },
  };
}

function furtherBuses(board: Board, host: BusHost): CpuBus[] {
  return Array.from({ length: board.cpuCount - 1 }, (_, i) => cpuBusOf(board, i + 1, host));
}

function checkedCpuCount(count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= mostCpus) return count;
  throw new RangeError(`Cannot give the guest ${count} processors: it has between 1 and ${mostCpus}`);
}
