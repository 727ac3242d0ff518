import type { X86Cpu } from './x86-cpu.ts';

/** Counts since the VM began, before the guest's own offset; exact for 104 days at 1 GHz. */
export const readTscNumber = (cpu: X86Cpu): number => Math.floor(cpu.bus.nowNs() * (cpu.tscHz / 1e9));
