import { layout, vcpuTlbBytes } from '../cpu/index.ts';
import { type BackedRamRange, backingSizeBytes } from '../machine/memory/index.ts';

const wasmPageBytes = 0x10000;
const wasmPagesMax = 0x10000;
const mebibyte = 0x100000;

/** More memory than an engine or the host can give. */
export class MemorySizeError extends RangeError {
  readonly wantedBytes: number;

  constructor(wantedBytes: number, reason: string, options?: ErrorOptions) {
    super(`Cannot give the guest ${wantedBytes / mebibyte}M of memory: ${reason}`, options);
    this.name = 'MemorySizeError';
    this.wantedBytes = wantedBytes;
  }
}

/** The most RAM that fits in a 32-bit WebAssembly memory beside the engine's own state. */
export const memoryMaxBytes = wasmPagesMax * wasmPageBytes - layout.ram;

/**
 * One VM's linear memory: the engine's state, RAM at `layout.ram`, and TLBs of all vCPUs but the first. The host commits its
 * pages as they are touched.
 */
export function createLinearMemory(ranges: readonly BackedRamRange[], cpuCount: number): WebAssembly.Memory {
  const wanted = backingSizeBytes(ranges);
  const tlbBytes = (cpuCount - 1) * vcpuTlbBytes;
  if (wanted + tlbBytes > memoryMaxBytes) {
    throw new MemorySizeError(wanted, `this engine has room for ${(memoryMaxBytes - tlbBytes) / mebibyte}M`);
  }
  const pages = Math.ceil((layout.ram + wanted + tlbBytes) / wasmPageBytes);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new MemorySizeError(wanted, 'the host does not allow so much address space', { cause });
  }
}
