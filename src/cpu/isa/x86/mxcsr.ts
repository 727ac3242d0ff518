/** MXCSR (SDM 1, 10.2.3), and what generated code compares operands with instead of looking at it. */
import { layout } from './layout.ts';

/** Sticky flags; the masks are the same bits, `maskShift` higher. */
export const exception = { IE: 1, DE: 2, ZE: 4, OE: 8, UE: 16, PE: 32 } as const;
/** Found before anything is computed (SDM 1, 4.9.2). */
export const preComputation: number = exception.IE | exception.DE | exception.ZE;

export const mxcsr = {
  flags: 0x3f,
  denormalsAreZeros: 0x40,
  maskShift: 7,
  rounding: 0x6000,
  roundingShift: 13,
  flushToZero: 0x8000,
  /** Bits that may be set. */
  valid: 0xffff,
  initial: 0x1f80,
} as const;

/** All exceptions masked. */
export const exceptionMasks = 0x1f80;

export const maskOf = (flag: number): number => flag << mxcsr.maskShift;

type Element = 'f32' | 'f64';

/**
 * Generated code does not look at MXCSR. It compares operands and results with words that follow it:
 *
 * - An operand is suspicious, a denormal, when 2|x| - 1, unsigned, is not above a bound. Zeros are the greatest of all, so
 *   that nothing finds them but a bound that finds everything.
 * - A result is strange when its exponent is one of the smallest three or the greatest: the next exponent has none of the
 *   bits of a mask. When results are not rounded to nearest, or an inexact one is to be noted, the mask is empty and all
 *   are strange.
 *
 * Vectors have the same in each lane, in another form: with half of the range added, 2|x| is compared as signed; and results
 * are strange when 2|x| - `size`, so shifted, is not below a limit, of which the least finds everything. Constants are
 * here too, as loading them takes one instruction of the host and building them up to four.
 */
const words = { operand: 0, result: 1, next: 2 } as const;
const vectors = { operand: 0, result: 1, half: 2, size: 3 } as const;
export type TestWord = keyof typeof words;
export type TestVector = keyof typeof vectors;

export const testOffset = (element: Element, word: TestWord): number =>
  element === 'f64' ? layout.sseTests64 + 8 * words[word] : layout.sseTests32 + 4 * words[word];

export const vectorTestOffset = (element: Element, vector: TestVector): number =>
  (element === 'f64' ? layout.sseVectorTests64 : layout.sseVectorTests32) + 16 * vectors[vector];

const shapes = { f32: { bits: 32, fraction: 23 }, f64: { bits: 64, fraction: 52 } } as const;
const elements = ['f32', 'f64'] as const;

/** Values of a word by what it finds, prepared: MXCSR changes often. */
type Values = Readonly<Record<'none' | 'denormals' | 'all', readonly [low: number, high: number]>>;

const split = (value: bigint): readonly [number, number] => [
  Number(BigInt.asIntN(32, value)),
  Number(BigInt.asIntN(32, value >> 32n)),
];

function valuesOf(element: Element): { readonly [Key in 'bound' | 'laneBound' | 'mask' | 'limit']: Values } {
  const { bits, fraction } = shapes[element];
  const all = (1n << BigInt(bits)) - 1n;
  const half = 1n << BigInt(bits - 1);
  const denormals = (1n << BigInt(fraction + 1)) - 2n;
  const top = all >> BigInt(fraction + 1);
  const mask = (top & ~3n) << BigInt(fraction);
  const limit = ((top - 2n) << BigInt(fraction + 1)) ^ half;
  return {
    bound: { none: split(0n), denormals: split(denormals), all: split(all) },
    laneBound: { none: split(half), denormals: split(denormals ^ half), all: split(all ^ half) },
    mask: { none: split(mask), denormals: split(mask), all: split(0n) },
    limit: { none: split(limit), denormals: split(limit), all: split(half) },
  };
}

const values = { f32: valuesOf('f32'), f64: valuesOf('f64') } as const;

function write(
  i32: Int32Array,
  element: Element,
  offset: number,
  value: readonly [number, number],
  lanes: 1 | 2,
): void {
  const at = offset >> 2;
  const [low, high] = value;
  if (element === 'f64') {
    for (let i = 0; i < lanes; i++) {
      i32[at + 2 * i] = low;
      i32[at + 2 * i + 1] = high;
    }
  } else for (let i = 0; i < (lanes === 1 ? 1 : 4); i++) i32[at + i] = low;
}

/** Call it whenever the state is made anew, before anything runs. */
export function writeSseConstants(i32: Int32Array): void {
  for (const element of elements) {
    const { bits, fraction } = shapes[element];
    const half = 1n << BigInt(bits - 1);
    write(i32, element, testOffset(element, 'next'), split(1n << BigInt(fraction)), 1);
    write(i32, element, vectorTestOffset(element, 'half'), split(half - 1n), 2);
    write(i32, element, vectorTestOffset(element, 'size'), split(half - (2n << BigInt(fraction + 1))), 2);
  }
}

function setOperandBound(i32: Int32Array, finds: keyof Values): void {
  for (const element of elements) {
    write(i32, element, testOffset(element, 'operand'), values[element].bound[finds], 1);
    write(i32, element, vectorTestOffset(element, 'operand'), values[element].laneBound[finds], 2);
  }
}

function setResultTest(i32: Int32Array, finds: keyof Values): void {
  for (const element of elements) {
    write(i32, element, testOffset(element, 'result'), values[element].mask[finds], 1);
    write(i32, element, vectorTestOffset(element, 'result'), values[element].limit[finds], 2);
  }
}

const isMaskedAndSet = (value: number, flag: number): boolean =>
  (value & (flag | maskOf(flag))) === (flag | maskOf(flag));

/** Denormal operands change nothing: they are taken as they are, and the flag for them is set and masked. */
const areDenormalsKnown = (value: number): boolean =>
  isMaskedAndSet(value, exception.DE) && (value & mxcsr.denormalsAreZeros) === 0;

function refreshTests(i32: Int32Array): void {
  const value = i32[layout.mxcsr >> 2]!;
  const isAlarmed = i32[layout.sseAlarm >> 2] !== 0;
  const operand = areDenormalsKnown(value) ? 'none' : 'denormals';
  const isPlain = isMaskedAndSet(value, exception.PE) && (value & mxcsr.rounding) === 0 && !isAlarmed;
  setOperandBound(i32, isAlarmed ? 'all' : operand);
  setResultTest(i32, isPlain ? 'none' : 'all');
}

/** Gives MXCSR a value. `i32`: the vCPU's linear memory. */
export function setMxcsr(i32: Int32Array, value: number): void {
  i32[layout.mxcsr >> 2] = value;
  i32[layout.sseAlarm >> 2] = 0;
  refreshTests(i32);
}

/** Sets sticky flags. */
export function raiseFlags(i32: Int32Array, flags: number): void {
  const value = i32[layout.mxcsr >> 2]!;
  if ((flags & ~value) === 0) return;
  i32[layout.mxcsr >> 2] = value | flags;
  if (areDenormalsKnown(value | flags)) i32[layout.sseAlarm >> 2] = 0;
  refreshTests(i32);
}

/**
 * A denormal that matters is in a register: translated code does not test operands again that it has tested, or results
 * (`X86Target.isTame`), and must find every value suspicious until it was left.
 */
export function noteDenormal(i32: Int32Array): void {
  if (areDenormalsKnown(i32[layout.mxcsr >> 2]!) || i32[layout.sseAlarm >> 2] !== 0) return;
  i32[layout.sseAlarm >> 2] = 1;
  refreshTests(i32);
}

/** Call it when no translated code runs. */
export function endAlarm(i32: Int32Array): void {
  if (i32[layout.sseAlarm >> 2] === 0) return;
  i32[layout.sseAlarm >> 2] = 0;
  refreshTests(i32);
}
