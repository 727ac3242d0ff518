/** How x87 exceptions are reported (SDM 1, 8.7). */
import { frozen, vector } from './guest-fault.ts';
import { cr0 } from './registers.ts';
import type { X86Cpu } from './x86-cpu.ts';

/**
 * In front of a waiting instruction, while an unmasked exception is pending. With CR0.NE clear, as in MS-DOS: FERR#, by which
 * the machine interrupts; the processor waits for that unless IGNNE# lets the instruction run (SDM 1, 8.7.2 and D.2.1).
 */
export function raiseMathFault(cpu: X86Cpu): void {
  if (cpu.state.cr0 & cr0.NE) cpu.raise(vector.x87);
  if (!cpu.bus.setFerr(true)) cpu.raise(frozen);
}
