/** POPF where it changes the mode, and what IRET does to EFLAGS; the rest is in definitions/flag-control.ts. */
import { flag, lazyFlags } from '../layout.ts';
import { vector } from './guest-fault.ts';
import { ioPrivilegeLevel, isProtected, isVirtual8086, setEflags } from './mode.ts';
import type { StackSlot } from './stack.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';

/** Flags that any level may change with a 16-bit operand; a wider one adds AC and ID. */
const freeFlags = lazyFlags | flag.TF | flag.DF | flag.NT;
const wideFlags = flag.AC | flag.ID;

/** EFLAGS with those flags of a popped image that `cpl` may change (SDM 2B, "POPF"). */
function mergedFlags(state: X86State, image: number, opBytes: number, cpl: number): number {
  let mask = opBytes === 2 ? freeFlags : freeFlags | wideFlags;
  if (cpl <= ioPrivilegeLevel(state)) mask |= flag.IF;
  if (cpl === 0) mask |= opBytes === 2 ? flag.IOPL : flag.IOPL | flag.VIF | flag.VIP;
  return (state.eflags & ~mask) | (image & mask);
}

/** EFLAGS as IRET has them: RF too, from a wide image. */
export function returnedFlags(cpu: X86Cpu, image: number, opBytes: number, cpl: number): number {
  const resume = opBytes === 2 ? 0 : cpu.breakpoints.resumeFlag(image);
  return mergedFlags(cpu.state, image, opBytes, cpl) | resume;
}

function requireIopl3InVirtual8086(cpu: X86Cpu): void {
  if (isVirtual8086(cpu.state) && ioPrivilegeLevel(cpu.state) !== 3) cpu.raise(vector.generalProtection, 0);
}

/** VIF and VIP stay as they are. */
export function popf(cpu: X86Cpu, opBytes: number): void {
  requireIopl3InVirtual8086(cpu);
  const { state } = cpu;
  const stack = cpu.stack.useCurrent();
  const image = stack.pop(opBytes as StackSlot);
  stack.commit();
  const kept = flag.VIF | flag.VIP;
  const wanted = (image & ~kept) | (state.eflagsRest & kept);
  setEflags(state, mergedFlags(state, wanted, opBytes, isProtected(state) ? state.cpl : 0));
}
