import { registerNames } from './describe.ts';
import { type EffectiveAddress, type Instruction, noRegister, ripBase } from './instruction.ts';
import { segment } from './layout.ts';
import { mnemonicOf, sizeOfAddressed } from './mnemonic.ts';
import type { Variant, VariantOperand } from './variant.ts';

const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const lowBytes = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const highBytes = ['ah', 'ch', 'dh', 'bh'];
const sizeWords: Readonly<Record<string, string>> = {
  8: 'byte',
  16: 'word',
  32: 'dword',
  48: 'fword',
  64: 'qword',
  80: 'tbyte',
  128: 'xmmword',
  f32: 'dword',
  f64: 'qword',
  v128: 'xmmword',
  v256: 'ymmword',
  'v128.low32': 'dword',
  'v128.low64': 'qword',
};
const repeats = ['', 'rep ', 'repne '];

const hex = (value: number | bigint): string => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

/**
 * An instruction as text, by the mnemonics and the order of operands of SDM 2. `rip`: its own address, for the targets of
 * branches.
 */
export function formatInstruction(instruction: Instruction, rip: bigint): string {
  const { variant, fault, immediates } = instruction;
  if (!variant) return fault === 6 ? '(undefined)' : `(raises vector ${fault})`;
  const { name } = variant.row;
  if (takesVectorsByNumber(variant))
    return `${mnemonicOf(variant, 0)} ${numberedVectors(instruction, variant).join(', ')}`;
  let next = 0;
  let form = 0;
  const operands: string[] = [];
  for (const operand of variant.operands) {
    if (operand.kind === 'immediate') {
      const value = immediates[next++] ?? 0;
      if (operand.encoding === 'form') form = Number(value);
      else if (operand.encoding === 'far')
        operands.push(`${hex(immediates[1] ?? 0)}:${hex(BigInt.asUintN(32, BigInt(value)))}`);
      else operands.push(hex(/^bt[src]?$/.test(name) ? Number(value) & 0xff : value));
    } else if (!isImplied(operand)) operands.push(operandText(operand, instruction, rip));
  }
  // Their rows have the general register first, whichever way the value goes.
  if (/^mov_to_(cr|dr)$/.test(name)) operands.reverse();
  const prefix = isString(name) ? (repeats[(form >> 8) & 3] ?? '') : '';
  const shown = withImplied(variant, operands);
  const source = /^(movs|cmps|lods|outs)$/.test(name) ? sourceSegment(form) : '';
  return `${prefix}${source}${mnemonicOf(variant, form & 0xff)} ${shown.join(', ')}`.trimEnd();
}

/** Masked moves and gathers of vectors: their rows have numbers of registers and an address. */
const takesVectorsByNumber = ({ row }: Variant): boolean => row.unit === 'avx' && row.operands === 'K,L,k';

function numberedVectors({ registers, memory, immediates }: Instruction, { row }: Variant): string[] {
  const isWide = row.opcode.startsWith('VEX.256');
  const vector = (is256: boolean, number: number): string => `${is256 ? 'ymm' : 'xmm'}${number}`;
  if (!row.hasVectorIndex) {
    const [value, mask] = [registers.reg, registers.vex].map((number) => vector(isWide, number)) as [string, string];
    const operand = sized(isWide ? 'v256' : 'v128', memory);
    return / (2[EF]|8E)$/.test(row.opcode) ? [operand, mask, value] : [value, mask, operand];
  }
  const [, index, element] = /gather([dq])(\w\w?)$/.exec(row.name) ?? [];
  const isWideElement = /q|pd/.test(element ?? '');
  const [value, mask] = [registers.reg, registers.vex].map((number) =>
    vector(isWide && (isWideElement || index === 'd'), number),
  ) as [string, string];
  const form = Number(immediates[0] ?? 0);
  const indexRegister = vector(isWide && (index === 'q' || !isWideElement), (form >> 24) & 15);
  const scaled = `${indexRegister}*${1 << ((form >> 28) & 3)}`;
  const address = addressText(memory, scaled);
  return [value, `${isWideElement ? 'qword' : 'dword'} ${address}`, mask];
}

/** What is not touched, and XMM0 where it only takes the result. */
const isImplied = (operand: VariantOperand): boolean =>
  operand.kind === 'untouched' ||
  (operand.kind === 'vector' && operand.source === 'accumulator' && operand.access === 'write');

const isString = (name: string): boolean => /^(movs|cmps|stos|lods|scas|ins|outs)$/.test(name);

/** An override that the source of a string instruction has; nothing is what DS is. */
function sourceSegment(form: number): string {
  const number = (form >> 16) & 0xff;
  return number >= segment.fs ? `${segmentNames[number]} ` : '';
}

/** Operands that no row has, since nothing in the instruction says which they are. */
function withImplied({ row, shape }: Variant, operands: readonly string[]): readonly string[] {
  const { name, opcode } = row;
  const accumulator = registerName(0, Math.min(shape.width, 32), false);
  if (name === 'in') return [accumulator, operands[0] ?? 'dx'];
  if (name === 'out') return [operands[0] ?? 'dx', accumulator];
  if (name === 'fnstswAx') return ['ax'];
  if (name === 'push_seg' || name === 'pop_seg') return [segmentIn(opcode)];
  if (/^(rol|ror|rcl|rcr|shl|shr|sar)$/.test(name) && operands.length === 1) {
    return [...operands, /^D[23]/.test(opcode) ? 'cl' : '1'];
  }
  if (/^sh[lr]d$/.test(name) && operands.length === 2) return [...operands, 'cl'];
  return /^f.*Sti$|^f(add|mul|sub|subr|div|divr)p$|^fcmov|^fu?comip?$/.test(name)
    ? withStackTop(name, operands)
    : operands;
}

/** 06, 0E, 16, 1E and the like; 0F A0 and 0F A8 and the like. */
function segmentIn(opcode: string): string {
  const number = (Number.parseInt(opcode.slice(-2), 16) >> 3) & 3;
  return segmentNames[opcode.startsWith('0F') ? segment.fs + (number & 1) : number] ?? '?';
}

/** Arithmetic of the x87 names its top of stack too. */
function withStackTop(name: string, operands: readonly string[]): readonly string[] {
  if (/^f(ld|st|stp)Sti$|^fcomp?$|^fucomp?$/.test(name)) return operands;
  return /ToSti$|p$/.test(name) && !/comip$/.test(name) ? [...operands, 'st(0)'] : ['st(0)', ...operands];
}

function operandText(operand: VariantOperand, instruction: Instruction, rip: bigint): string {
  const { registers, hasRex, memory, variant } = instruction;
  switch (operand.kind) {
    case 'register':
      return registerName(registers[operand.source], shownWidth(operand.width, variant), hasRex);
    case 'vector':
      return `${operand.type === 'v256' ? 'ymm' : 'xmm'}${registers[operand.source]}`;
    case 'mmx':
      return `mm${registers[operand.source] & 7}`;
    case 'number':
      return variant ? numberName(variant, registers[operand.source], operand.source) : '?';
    case 'relative': {
      const bits = variant?.shape.code === 64 ? 64 : (variant?.shape.width ?? 32);
      return hex(BigInt.asUintN(bits, rip + BigInt(instruction.length + instruction.relative)));
    }
    case 'memory':
      return sized(operand.type, memory);
    case 'address':
      return sized(variant && sizeOfAddressed(variant), memory);
    default:
      return addressText(memory);
  }
}

/** Some take 16 bits from a register of 32, or write 32 bits to one of 64, as SDM 2 has it. */
function shownWidth(width: number, variant: Variant | undefined): number {
  const { name = '' } = variant?.row ?? {};
  if (name === 'crc32' && width === 32 && variant?.shape.width === 64) return 64;
  if (width === 16 && (/^v?pinsrw$/.test(name) || (/^(lar|lsl)$/.test(name) && variant?.shape.width !== 16))) return 32;
  return width;
}

function sized(size: number | string | undefined, memory: EffectiveAddress | undefined): string {
  const word = size === undefined ? undefined : sizeWords[size];
  return `${word ? `${word} ` : ''}${addressText(memory)}`;
}

function numberName({ row, shape }: Variant, number: number, source: string): string {
  const { name, operands, unit } = row;
  if (unit === 'x87') return `st(${number & 7})`;
  if (/_(cr|dr)$/.test(name)) {
    return source === 'reg' ? `${name.slice(-2)}${number}` : registerName(number, shape.code, false);
  }
  if (operands.includes('S')) return segmentNames[number & 7] ?? '?';
  return registerName(number, name === 'invpcid' ? shape.code : shape.width, false);
}

function registerName(number: number, width: number, hasRex: boolean): string {
  if (number >= 8) return `r${number}${{ 8: 'b', 16: 'w', 32: 'd' }[width] ?? ''}`;
  if (width === 8) return (hasRex || number < 4 ? lowBytes[number] : highBytes[number - 4]) ?? '?';
  const name = registerNames[number] ?? '?';
  return width === 64 ? name : `${width === 32 ? 'e' : ''}${name.slice(1)}`;
}

/** `vectorIndex`: what stands for the index. */
function addressText(memory: EffectiveAddress | undefined, vectorIndex?: string): string {
  if (!memory) return '[?]';
  const { base, index, scale, displacement, addressBits } = memory;
  const name = (number: number): string =>
    number === ripBase ? (addressBits === 64 ? 'rip' : 'eip') : registerName(number, addressBits, false);
  const parts: string[] = [];
  if (base !== noRegister) parts.push(name(base));
  if (index !== noRegister) parts.push(`${name(index)}${addressBits === 16 ? '' : `*${1 << scale}`}`);
  if (vectorIndex !== undefined) parts.push(vectorIndex);
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
