/** LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR (SDM 2A and 2B). Memory operands are named by layout.helper. */
import { layout } from '../layout.ts';
import { Descriptor, isNullSelector, readDescriptor, readUpperDescriptor } from './descriptor.ts';
import { vector } from './guest-fault.ts';
import {
  checkWritable,
  readLinear16,
  readLinear32,
  requireAlignment,
  writeLinear16,
  writeLinear32,
  writeLinearWords,
} from './linear-access.ts';
import { bank, currentBank, isCode64, isLongMode, isRealOrVirtual, pagingBank } from './mode.ts';
import { attribute, systemType } from './registers.ts';
import { addressFromWords, highWord, isCanonical } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { TableRegister } from './x86-state.ts';

const descriptor = new Descriptor();

function operandAddress(cpu: X86Cpu): number {
  const { state } = cpu;
  return addressFromWords(state.word(layout.helper), state.word(layout.helper + 4));
}

function requirePrivilege(cpu: X86Cpu): void {
  if (cpu.state.cpl !== 0) cpu.raise(vector.generalProtection, 0);
}

function loadTable(cpu: X86Cpu, register: TableRegister, opBytes: number): void {
  requirePrivilege(cpu);
  const { state } = cpu;
  const at = operandAddress(cpu);
  const limit = readLinear16(cpu, at, currentBank(state));
  const low = readLinear32(cpu, at + 2, currentBank(state));
  const base = isCode64(state) ? addressFromWords(low, readLinear32(cpu, at + 6, currentBank(state))) : low;
  if (!isCanonical(base)) cpu.raise(vector.generalProtection, 0);
  register.limit = limit;
  register.base = opBytes === 2 && !isCode64(state) ? base % 0x1000000 : base;
}

export const lgdt = (cpu: X86Cpu, opBytes: number): void => loadTable(cpu, cpu.state.gdtr, opBytes);
export const lidt = (cpu: X86Cpu, opBytes: number): void => loadTable(cpu, cpu.state.idtr, opBytes);

function storeTable(cpu: X86Cpu, register: TableRegister): void {
  const { state } = cpu;
  const at = operandAddress(cpu);
  const bankNumber = pagingBank(currentBank(state));
  const is64 = isCode64(state);
  checkWritable(cpu, at, is64 ? 10 : 6, bankNumber);
  requireAlignment(cpu, at, 4, currentBank(state));
  writeLinear16(cpu, at, register.limit, bankNumber);
  if (is64) writeLinearWords(cpu, at + 2, register.base | 0, highWord(register.base), bankNumber);
  else writeLinear32(cpu, at + 2, register.base | 0, bankNumber);
}

export const sgdt = (cpu: X86Cpu): void => storeTable(cpu, cpu.state.gdtr);
export const sidt = (cpu: X86Cpu): void => storeTable(cpu, cpu.state.idtr);

function requireProtected(cpu: X86Cpu): void {
  if (isRealOrVirtual(cpu.state)) cpu.raise(vector.invalidOpcode);
}

export function sldt(cpu: X86Cpu): number {
  requireProtected(cpu);
  return cpu.state.ldtr.selector;
}

export function str(cpu: X86Cpu): number {
  requireProtected(cpu);
  return cpu.state.tr.selector;
}

/** Reads a system descriptor of the GDT whose type is one of `types`. */
function readSystemDescriptor(cpu: X86Cpu, selector: number, types: readonly number[]): void {
  const errorCode = selector & 0xfffc;
  const isGlobal = (selector & 4) === 0;
  if (!isGlobal || !readDescriptor(cpu, selector, descriptor)) cpu.raise(vector.generalProtection, errorCode);
  if (!descriptor.isSystem || !types.includes(descriptor.type)) cpu.raise(vector.generalProtection, errorCode);
  if (!descriptor.isPresent) cpu.raise(vector.segmentNotPresent, errorCode);
  if (!isLongMode(cpu.state)) return;
  const isValid = readUpperDescriptor(cpu, selector, descriptor) && isCanonical(descriptor.base64);
  if (!isValid) cpu.raise(vector.generalProtection, errorCode);
}

const descriptorBase = (cpu: X86Cpu): number => (isLongMode(cpu.state) ? descriptor.base64 : descriptor.base);

export function lldt(cpu: X86Cpu, selector: number): void {
  requireProtected(cpu);
  requirePrivilege(cpu);
  const { ldtr } = cpu.state;
  if (isNullSelector(selector)) {
    Object.assign(ldtr, { selector, base: 0, limit: 0, attributes: attribute.unusable });
    return;
  }
  readSystemDescriptor(cpu, selector, [systemType.ldt]);
  ldtr.selector = selector & 0xffff;
  ldtr.base = descriptorBase(cpu);
  ldtr.limit = descriptor.limit;
  ldtr.attributes = descriptor.attributes;
}

const busyBit = 2;

export function ltr(cpu: X86Cpu, selector: number): void {
  requireProtected(cpu);
  requirePrivilege(cpu);
  if (isNullSelector(selector)) cpu.raise(vector.generalProtection, 0);
  readSystemDescriptor(
    cpu,
    selector,
    isLongMode(cpu.state) ? [systemType.tss32] : [systemType.tss16, systemType.tss32],
  );
  writeLinear32(cpu, descriptor.at + 4, descriptor.hi | (busyBit << 8), bank.supervisor);
  const { tr } = cpu.state;
  tr.selector = selector & 0xffff;
  tr.base = descriptorBase(cpu);
  tr.limit = descriptor.limit;
  tr.attributes = descriptor.attributes | busyBit;
}
