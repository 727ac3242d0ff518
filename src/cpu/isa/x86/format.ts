import { registerNames } from './describe.ts';
import { type EffectiveAddress, type Instruction, noRegister, ripBase } from './instruction.ts';
import { segment } from './layout.ts';
import type { VariantOperand } from './variant.ts';

/** Names of rows that say more than the mnemonic does. */
const mnemonics: Readonly<Record<string, string>> = {
  call_indirect: 'call',
  call_far: 'call far',
  call_far_indirect: 'call far',
  jmp_indirect: 'jmp',
  jmp_far: 'jmp far',
  jmp_far_indirect: 'jmp far',
  imul3: 'imul',
  ret_imm: 'ret',
  ret_far: 'retf',
  pop_mem: 'pop',
};
const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const lowBytes = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const highBytes = ['ah', 'ch', 'dh', 'bh'];
const sizeWords: Readonly<Record<number, string>> = { 8: 'byte', 16: 'word', 32: 'dword', 64: 'qword' };
const repeats = ['', 'rep ', 'repne '];

const hex = (value: number | bigint): string => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

/** An instruction as text, in Intel's order of operands. `rip`: its own address, for the targets of branches. */
export function formatInstruction(instruction: Instruction, rip: bigint): string {
  const { variant, fault } = instruction;
  if (!variant) return fault === 6 ? '(undefined)' : `(raises vector ${fault})`;
  const { name } = variant.row;
  const mnemonic = mnemonics[name] ?? name.replace(/^mov_(to|from)_.*$/, 'mov');
  let immediates = 0;
  let prefix = '';
  const operands: string[] = [];
  for (const operand of variant.operands) {
    if (operand.kind === 'immediate') {
      const value = instruction.immediates[immediates++] ?? 0;
      if (operand.encoding === 'form') prefix = repeats[(Number(value) >> 8) & 3] ?? '';
      else if (operand.encoding === 'far') operands.push(`${hex(instruction.immediates[1] ?? 0)}:${hex(value)}`);
      else operands.push(hex(value));
    } else if (operand.kind !== 'untouched') operands.push(operandText(operand, instruction, rip));
  }
  // Their rows have the general register first, whichever way the value goes.
  if (/^mov_to_(cr|dr)$/.test(name)) operands.reverse();
  return `${prefix}${mnemonic} ${operands.join(', ')}`.trimEnd();
}

function operandText(operand: VariantOperand, instruction: Instruction, rip: bigint): string {
  const { registers, hasRex, memory, variant } = instruction;
  switch (operand.kind) {
    case 'register':
      return registerName(registers[operand.source], operand.width, hasRex);
    case 'vector':
      return `xmm${registers[operand.source]}`;
    case 'mmx':
      return `mm${registers[operand.source] & 7}`;
    case 'number':
      return numberName(
        variant?.row.name ?? '',
        variant?.row.operands ?? '',
        registers[operand.source],
        operand.source,
      );
    case 'relative': {
      const bits = variant?.shape.code === 64 ? 64 : 32;
      return hex(BigInt.asUintN(bits, rip + BigInt(instruction.length + instruction.relative)));
    }
    case 'memory': {
      const size = typeof operand.type === 'number' ? sizeWords[operand.type] : undefined;
      return `${size ? `${size} ` : ''}${addressText(memory)}`;
    }
    default:
      return addressText(memory);
  }
}

function numberName(name: string, operands: string, number: number, source: string): string {
  if (/_(cr|dr)$/.test(name) && source === 'reg') return `${name.slice(-2)}${number}`;
  return operands.includes('S') ? (segmentNames[number & 7] ?? '?') : (registerNames[number] ?? '?');
}

function registerName(number: number, width: number, hasRex: boolean): string {
  if (number >= 8) return `r${number}${{ 8: 'b', 16: 'w', 32: 'd' }[width] ?? ''}`;
  if (width === 8) return (hasRex || number < 4 ? lowBytes[number] : highBytes[number - 4]) ?? '?';
  const name = registerNames[number] ?? '?';
  return width === 64 ? name : `${width === 32 ? 'e' : ''}${name.slice(1)}`;
}

function addressText(memory: EffectiveAddress | undefined): string {
  if (!memory) return '[?]';
  const { base, index, scale, displacement, addressBits } = memory;
  const name = (number: number): string =>
    number === ripBase ? (addressBits === 64 ? 'rip' : 'eip') : registerName(number, addressBits, false);
  const parts: string[] = [];
  if (base !== noRegister) parts.push(name(base));
  if (index !== noRegister) parts.push(`${name(index)}${addressBits === 16 ? '' : `*${1 << scale}`}`);
  const sum = parts.join('+');
  const isAbsolute = parts.length === 0;
  const distance = isAbsolute ? hex(BigInt.asUintN(addressBits, BigInt(displacement))) : signed(displacement);
  const isShown = memory.segment >= segment.fs || memory.segment < segment.ss;
  return `${isShown ? `${segmentNames[memory.segment]}:` : ''}[${sum}${distance}]`;
}

function signed(displacement: number | bigint): string {
  if (Number(displacement) === 0) return '';
  return displacement < 0 ? hex(displacement) : `+${hex(displacement)}`;
}
