/** Effective addresses as ModR/M, SIB and displacements say them (SDM 2A, 2.1.5 and 2.2.1). */
import type { CodeReader } from './code-reader.ts';
import { type EffectiveAddress, noRegister, ripBase } from './instruction.ts';
import { segment } from './layout.ts';
import { modeKey } from './mode.ts';
import type { Prefixes } from './prefixes.ts';

/** Base and index of 16-bit addressing by r/m (SDM 2A, table 2-1). */
const pairs16: readonly (readonly [number, number])[] = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, noRegister],
  [7, noRegister],
  [5, noRegister],
  [3, noRegister],
];

export function addressBitsOf(mode: number, { hasAddressOverride }: Prefixes): 16 | 32 | 64 {
  const code = mode & modeKey.codeMask;
  if (code === modeKey.code64) return hasAddressOverride ? 32 : 64;
  return (code === modeKey.code32) !== hasAddressOverride ? 32 : 16;
}

/** The address of a memory operand by its ModR/M byte, which was taken. */
export function readEffectiveAddress(
  code: CodeReader,
  modrm: number,
  mode: number,
  prefixes: Prefixes,
): EffectiveAddress {
  const addressBits = addressBitsOf(mode, prefixes);
  if (addressBits === 16) return readAddress16(code, modrm, prefixes);
  const is64 = (mode & modeKey.codeMask) === modeKey.code64;
  return readAddress32(code, modrm, prefixes, addressBits, is64);
}

/** Of MOV's forms that have nothing but an offset. */
export function readDirectOffset(code: CodeReader, mode: number, prefixes: Prefixes): EffectiveAddress {
  const addressBits = addressBitsOf(mode, prefixes);
  const displacement = addressBits === 64 ? code.quadWord() : addressBits === 32 ? code.doubleWord() : code.word();
  const { segmentOverride = segment.ds } = prefixes;
  return { base: noRegister, index: noRegister, scale: 0, displacement, segment: segmentOverride, addressBits };
}

function readAddress16(code: CodeReader, modrm: number, { segmentOverride }: Prefixes): EffectiveAddress {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  const isDirect = mod === 0 && rm === 6;
  const [base, index] = isDirect ? [noRegister, noRegister] : (pairs16[rm] ?? [noRegister, noRegister]);
  const displacement = isDirect ? code.word() : mod === 1 ? code.signedByte() : mod === 2 ? code.signedWord() : 0;
  const byDefault = base === 5 ? segment.ss : segment.ds;
  return { base, index, scale: 0, displacement, segment: segmentOverride ?? byDefault, addressBits: 16 };
}

function readAddress32(
  code: CodeReader,
  modrm: number,
  { rex, segmentOverride }: Prefixes,
  addressBits: 32 | 64,
  is64: boolean,
): EffectiveAddress {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  let base = rm | (rex & 1 ? 8 : 0);
  let index = noRegister;
  let scale = 0;
  let isBaseless = mod === 0 && rm === 5;
  const hasSib = rm === 4;
  if (hasSib) {
    const sib = code.byte();
    scale = sib >> 6;
    index = ((sib >> 3) & 7) | (rex & 2 ? 8 : 0);
    if (index === 4) index = noRegister;
    base = (sib & 7) | (rex & 1 ? 8 : 0);
    isBaseless = mod === 0 && (sib & 7) === 5;
  }
  const isLong = mod === 2 || isBaseless;
  const displacement = isLong ? code.doubleWord() : mod === 1 ? code.signedByte() : 0;
  if (isBaseless) base = is64 && !hasSib ? ripBase : noRegister;
  const byDefault = base === 4 || base === 5 ? segment.ss : segment.ds;
  return { base, index, scale, displacement, segment: segmentOverride ?? byDefault, addressBits };
}
