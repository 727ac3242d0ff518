import type { Variant } from './variant.ts';

/** Names of rows that say more than the mnemonic does. */
const plain: Readonly<Record<string, string>> = {
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
  push_seg: 'push',
  pop_seg: 'pop',
  hint: 'nop',
  fnstswAx: 'fnstsw',
  fnoOperation: 'fnop',
  fstpNoFault: 'fstp',
};

/** Mnemonics that differ by operand size. */
const bySize: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  cbw: { 16: 'cbw', 32: 'cwde', 64: 'cdqe' },
  cwd: { 16: 'cwd', 32: 'cdq', 64: 'cqo' },
  cmpxchg8b: { 64: 'cmpxchg16b' },
  iret: { 32: 'iretd', 64: 'iretq' },
  pushf: { 32: 'pushfd', 64: 'pushfq' },
  popf: { 32: 'popfd', 64: 'popfq' },
  pusha: { 32: 'pushad' },
  popa: { 32: 'popad' },
  movd: { 64: 'movq' },
  pextrd: { 64: 'pextrq' },
  pinsrd: { 64: 'pinsrq' },
  fxsave: { 64: 'fxsave64' },
  fxrstor: { 64: 'fxrstor64' },
  xsave: { 64: 'xsave64' },
  xrstor: { 64: 'xrstor64' },
  xsaveopt: { 64: 'xsaveopt64' },
  xsavec: { 64: 'xsavec64' },
  xsaves: { 64: 'xsaves64' },
  xrstors: { 64: 'xrstors64' },
};
const sizeLetters: Readonly<Record<number, string>> = { 8: 'b', 16: 'w', 32: 'd', 64: 'q' };
const countJumps: Readonly<Record<number, string>> = { 2: 'jcxz', 4: 'jecxz', 8: 'jrcxz' };

/**
 * Of the x87 instructions with ST(i) as their destination. Rows are named by what they do to the two values, SDM 2 names
 * them by where the value goes: `DC E0+i` is FSUBR ST(i), ST(0).
 */
const reversed: Readonly<Record<string, string>> = {
  fsubToSti: 'fsubr',
  fsubrToSti: 'fsub',
  fdivToSti: 'fdivr',
  fdivrToSti: 'fdiv',
  fsubp: 'fsubrp',
  fsubrp: 'fsubp',
  fdivp: 'fdivrp',
  fdivrp: 'fdivp',
};

/** The mnemonic of SDM 2. `addressBytes` is needed for the instructions that count in rCX. */
export function mnemonicOf({ row, shape, operands }: Variant, addressBytes: number): string {
  const { name, unit } = row;
  const { width } = shape;
  if (name === 'jcxz') return countJumps[addressBytes] ?? name;
  if (/^(movs|cmps|stos|lods|scas)$/.test(name)) return `${name}${sizeLetters[width]}`;
  if (/^(ins|outs)$/.test(name)) return `${name}${sizeLetters[Math.min(width, 32)]}`;
  if (name === 'movd' && !operands.some(({ kind }) => kind === 'mmx' || kind === 'vector')) return name;
  const legacy = name.startsWith('v') ? bySize[name.slice(1)]?.[width] : undefined;
  if (legacy !== undefined) return `v${legacy}`;
  const known = bySize[name]?.[width] ?? reversed[name] ?? plain[name];
  if (known !== undefined) return known;
  return unit === 'x87' ? name.replace(/(M\d\d|ToSti|Sti)$/, '') : name.replace(/^mov_(to|from)_.*$/, 'mov');
}

/** Bits at the memory operand of an instruction that is given only its address; undefined: nobody says. */
export function sizeOfAddressed({ row, shape }: Variant): number | undefined {
  const { name, operands } = row;
  const [, suffix] = /M(\d\d)$/.exec(name) ?? [];
  if (row.unit === 'x87' && suffix !== undefined) return Number(suffix);
  if (/^(fldcw|fnstcw|lldt|ltr|lmsw)$/.test(name)) return 16;
  if (/^fb(ld|stp)$/.test(name)) return 80;
  if (/^(invlpg|clflush)$/.test(name)) return 8;
  if (/^bt[src]?$/.test(name) || name === 'pop_mem') return shape.width;
  if (name === 'cmpxchg8b') return shape.width === 64 ? 128 : 64;
  if (name === 'bound') return 2 * shape.width;
  return /Np/.test(operands) ? shape.width + 16 : undefined;
}
