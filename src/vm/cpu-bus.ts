import type { Clock } from '../base/index.ts';
import type { CpuBus } from '../cpu/index.ts';
import type { Board } from '../machine/boards/index.ts';

export interface BusHost {
  readonly clock: Clock;
  wallClockMs(): number;
  readEntropy(): bigint;
}

/** How one processor sees its board. */
export function cpuBusOf(board: Board, cpuIndex: number, host: BusHost): CpuBus {
  const { ports, mmio } = board;
  return {
    readPort: (port, size) => ports.read(port, size),
    writePort: (port, size, value) => ports.write(port, size, value),
    readMmio: (gpa, size) => mmio.read(gpa, size),
    writeMmio: (gpa, size, value) => mmio.write(gpa, size, value),
    nowNs: () => host.clock.nowNs(),
    wallClockMs: () => host.wallClockMs(),
    acknowledgeInterrupt: () => board.acknowledge(cpuIndex),
    readMsr: (index) => board.readMsr(cpuIndex, index),
    writeMsr: (index, value) => board.writeMsr(cpuIndex, index, value),
    readCr8: () => board.readCr8(cpuIndex),
    writeCr8: (value) => board.writeCr8(cpuIndex, value),
    setFerr: (level) => board.setFerr(cpuIndex, level),
    readEntropy: () => host.readEntropy(),
  };
}
