/** LAR, LSL, VERR, VERW, ARPL: what a program may learn about a selector (SDM 3A, 5.10). They report in ZF. */
import { Descriptor, isNullSelector, readDescriptor, rpl } from './descriptor.ts';
import { vector } from './guest-fault.ts';
import { isLongMode, isRealOrVirtual } from './mode.ts';
import { systemType } from './registers.ts';
import type { X86Cpu } from './x86-cpu.ts';

const descriptor = new Descriptor();

function requireProtected(cpu: X86Cpu): void {
  if (isRealOrVirtual(cpu.state)) cpu.raise(vector.invalidOpcode);
}

/** Reads what the selector names when its privilege allows to see it. */
function readVisible(cpu: X86Cpu, selector: number): boolean {
  if (isNullSelector(selector) || !readDescriptor(cpu, selector, descriptor)) return false;
  if (descriptor.isCode && descriptor.isConforming) return true;
  return Math.max(cpu.state.cpl, rpl(selector)) <= descriptor.dpl;
}

const larTypes: readonly number[] = [1, 2, 3, 4, 5, 9, 11, 12];
const larTypesLong: readonly number[] = [2, 9, 11, 12];
const lslTypes: readonly number[] = [
  systemType.tss16,
  systemType.ldt,
  systemType.tss16Busy,
  systemType.tss32,
  systemType.tss32Busy,
];
const lslTypesLong: readonly number[] = [systemType.ldt, systemType.tss32, systemType.tss32Busy];

export function lar(cpu: X86Cpu, selector: number, gpr: number, opBytes: number): void {
  requireProtected(cpu);
  const { state } = cpu;
  const types = isLongMode(state) ? larTypesLong : larTypes;
  const isValid = readVisible(cpu, selector) && (!descriptor.isSystem || types.includes(descriptor.type));
  if (isValid) state.setGprSized(gpr, opBytes, descriptor.hi & (opBytes === 2 ? 0xff00 : 0x00ffff00));
  state.setZeroFlag(isValid);
}

export function lsl(cpu: X86Cpu, selector: number, gpr: number, opBytes: number): void {
  requireProtected(cpu);
  const { state } = cpu;
  const types = isLongMode(state) ? lslTypesLong : lslTypes;
  const isValid = readVisible(cpu, selector) && (!descriptor.isSystem || types.includes(descriptor.type));
  if (isValid) state.setGprSized(gpr, opBytes, descriptor.limit);
  state.setZeroFlag(isValid);
}

export function verr(cpu: X86Cpu, selector: number): void {
  requireProtected(cpu);
  const isReadable =
    readVisible(cpu, selector) && !descriptor.isSystem && (!descriptor.isCode || descriptor.isReadableCode);
  cpu.state.setZeroFlag(isReadable);
}

export function verw(cpu: X86Cpu, selector: number): void {
  requireProtected(cpu);
  cpu.state.setZeroFlag(readVisible(cpu, selector) && descriptor.isWritableData);
}

/** The selector with at least the RPL of `source`. */
export function arpl(cpu: X86Cpu, selector: number, source: number): number {
  requireProtected(cpu);
  const isLower = rpl(selector) < rpl(source);
  cpu.state.setZeroFlag(isLower);
  return isLower ? (selector & ~3) | rpl(source) : selector;
}
