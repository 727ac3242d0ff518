// Test device: the guest ends the VM with a status, as with QEMU's `isa-debug-exit`.

import type { BusTarget } from '../bus/index.ts';

export const debugExitPorts = 4;

/** A write of V reports the status (V << 1) | 1, which is never 0. */
export function debugExit(onExit: (status: number) => void): BusTarget {
  return {
    read: () => 0,
    write: (_offset, _size, value) => onExit(((value << 1) | 1) >>> 0),
  };
}
