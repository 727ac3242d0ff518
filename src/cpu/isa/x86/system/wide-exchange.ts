/** CMPXCHG8B and CMPXCHG16B (SDM 2A). The operand's address is at layout.helper. */
import { layout } from '../layout.ts';
import { vector } from './guest-fault.ts';
import { checkWritable, readLinear32, readLinear64, writeLinear64, writeLinearWords } from './linear-access.ts';
import { currentBank } from './mode.ts';
import { addressFromWords } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

const { rax, rcx, rdx, rbx } = gprNumber;

function operandAddress({ state }: X86Cpu): number {
  return addressFromWords(state.word(layout.helper), state.word(layout.helper + 4));
}

export function cmpxchg8b(cpu: X86Cpu): void {
  const { state } = cpu;
  const address = operandAddress(cpu);
  const bankNumber = currentBank(state);
  checkWritable(cpu, address, 8, bankNumber);
  const lo = readLinear32(cpu, address, bankNumber);
  const hi = readLinear32(cpu, address + 4, bankNumber);
  const isEqual = lo === state.gprLow(rax) && hi === state.gprLow(rdx);
  if (isEqual) {
    writeLinearWords(cpu, address, state.gprLow(rbx), state.gprLow(rcx), bankNumber);
  } else {
    writeLinearWords(cpu, address, lo, hi, bankNumber);
    state.setGprWords(rax, lo, 0);
    state.setGprWords(rdx, hi, 0);
  }
  state.setZeroFlag(isEqual);
}

/** The operand must be aligned to 16 bytes. */
export function cmpxchg16b(cpu: X86Cpu): void {
  const { state } = cpu;
  const address = operandAddress(cpu);
  const bankNumber = currentBank(state);
  if (address & 15) cpu.raise(vector.generalProtection, 0);
  checkWritable(cpu, address, 16, bankNumber);
  const low = readLinear64(cpu, address, bankNumber);
  const high = readLinear64(cpu, address + 8, bankNumber);
  const isEqual = low === state.gpr(rax) && high === state.gpr(rdx);
  writeLinear64(cpu, address, isEqual ? state.gpr(rbx) : low, bankNumber);
  writeLinear64(cpu, address + 8, isEqual ? state.gpr(rcx) : high, bankNumber);
  if (!isEqual) {
    state.setGpr(rax, low);
    state.setGpr(rdx, high);
  }
  state.setZeroFlag(isEqual);
}
