import type { X86Cpu } from './system/index.ts';

/** The general registers in the order of their numbers. */
export const registerNames: readonly string[] = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];
const hex = (value: number | bigint): string => BigInt.asUintN(64, BigInt(value)).toString(16);

/** The registers in one line, for messages. */
export function describeRegisters({ state }: X86Cpu): string {
  const general = registerNames.map((name, number) => `${name}=${hex(state.gpr(number))}`).join(' ');
  const control = `cr0=${hex(state.cr0)} cr2=${hex(state.cr2.value)} cr3=${hex(state.cr3.value)} cr4=${hex(state.cr4)}`;
  const cs = `cs=${hex(state.selector(1))} cpl=${state.cpl}`;
  return `rip=${hex(state.rip)} eflags=${hex(state.eflags)} ${cs} ${general} ${control} efer=${hex(state.efer)}`;
}
