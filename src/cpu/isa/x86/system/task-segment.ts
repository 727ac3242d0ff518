/** What privilege changes read from the task-state segment (SDM 3A, 7.2.1 and 7.7). */
import { vector } from './guest-fault.ts';
import { readLinear16, readLinear32, readLinearAddress } from './linear-access.ts';
import { bank } from './mode.ts';
import type { X86Cpu } from './x86-cpu.ts';

export const is32BitTss = (attributes: number): boolean => (attributes & 8) !== 0;

/** Stack of an inner privilege level, from a 16- or 32-bit TSS. */
export interface InnerStack {
  selector: number;
  pointer: number;
}

const inner: InnerStack = { selector: 0, pointer: 0 };

/** The result is reused by the next call. */
export function readInnerStack(cpu: X86Cpu, level: number): InnerStack {
  const { tr } = cpu.state;
  const is32 = is32BitTss(tr.attributes);
  const offset = is32 ? 4 + level * 8 : 2 + level * 4;
  checkTss(cpu, offset, is32 ? 6 : 4);
  const at = tr.base + offset;
  inner.pointer = is32 ? readLinear32(cpu, at, bank.supervisor) : readLinear16(cpu, at, bank.supervisor);
  inner.selector = readLinear16(cpu, at + (is32 ? 4 : 2), bank.supervisor);
  return inner;
}

/** RSP0-2 (`slot` 0-2) or IST1-7 (`slot` 4-10) of a 64-bit TSS. */
export function readLongStack(cpu: X86Cpu, slot: number): number {
  const offset = 4 + slot * 8;
  checkTss(cpu, offset, 8);
  return readLinearAddress(cpu, cpu.state.tr.base + offset, bank.supervisor);
}

function checkTss(cpu: X86Cpu, offset: number, bytes: number): void {
  const { tr } = cpu.state;
  if (offset + bytes - 1 > tr.limit) cpu.raise(vector.invalidTss, tr.selector & 0xfffc);
}
