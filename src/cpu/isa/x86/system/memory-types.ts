/** Memory type range registers (SDM 3A, 12.11) and IA32_PAT (12.12). They are kept and change nothing: there is no cache. */
import { physicalAddressBits } from './registers.ts';

export const mtrrMsr = { IA32_MTRRCAP: 0xfe, IA32_MTRR_DEF_TYPE: 0x2ff } as const;

/** Eight variable ranges, fixed ranges, write-combining. */
export const mtrrCap = 0x508n;
/** Pairs of base and mask. */
const variable = { first: 0x200, count: 16 } as const;
const fixed: readonly number[] = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f];

/** All that hold what was written. */
export const mtrrIndexes: readonly number[] = [
  ...Array.from({ length: variable.count }, (_, i) => variable.first + i),
  ...fixed,
  mtrrMsr.IA32_MTRR_DEF_TYPE,
];

const [uncacheable, writeCombining, writeThrough, writeProtected, writeBack, uncached] = [0, 1, 4, 5, 6, 7];
const rangeTypes: readonly number[] = [uncacheable, writeCombining, writeThrough, writeProtected, writeBack];
const patTypes: readonly number[] = [...rangeTypes, uncached];
/** Bits 11 and 10: ranges, and fixed ranges, are enabled. */
const defaultTypeBits = 0xcffn;
const maskBits = ((1n << BigInt(physicalAddressBits)) - 1n) & ~0x7ffn;
const baseBits = (((1n << BigInt(physicalAddressBits)) - 1n) & ~0xfffn) | 0xffn;

const bytesOf = (value: bigint): number[] =>
  Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
const hasRangeType = (value: bigint): boolean => rangeTypes.includes(Number(value & 0xffn));

export const isLegalPat = (value: bigint): boolean => bytesOf(value).every((type) => patTypes.includes(type));

/** Whether one of `mtrrIndexes` takes a value: reserved bits are zero, and types are types. */
export function isLegalMtrr(index: number, value: bigint): boolean {
  if (index === mtrrMsr.IA32_MTRR_DEF_TYPE) return (value & ~defaultTypeBits) === 0n && hasRangeType(value);
  if (fixed.includes(index)) return bytesOf(value).every((type) => rangeTypes.includes(type));
  if (index % 2 === 1) return (value & ~maskBits) === 0n;
  return (value & ~baseBits) === 0n && hasRangeType(value);
}
