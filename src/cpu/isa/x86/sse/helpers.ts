/** Whole SSE floating-point instructions, for what generated code does not do itself. */
import { layout } from '../layout.ts';
import { exception, mxcsr, noteDenormal, preComputation, raiseFlags, setMxcsr } from '../mxcsr.ts';
import { cr4, vector, type X86Cpu } from '../system/index.ts';
import { arithmetic, squareRoot } from './arithmetic.ts';
import { compare, compareByPredicate, extreme } from './compare.ts';
import { fromHalf, fromInteger, narrow, roundToInteger, toHalf, toInteger, widen } from './convert.ts';
import { formatOf } from './element.ts';
import { fused } from './fused.ts';
import { operation } from './operation.ts';
import { SseUnit } from './unit.ts';

/** Word indices of two vectors of operands, the second four words on, and of the result. */
const aWord = layout.helper >> 2;
const resultWord = aWord + 8;

const unit = new SseUnit();

/** Bits 0 to 2 of `signs`: the product's sign changes, the addend's in even elements, and in odd ones. */
function fuse(words: Int32Array, bits: number, lane: number, at: number, signs: number): void {
  const pair = (i: number): readonly [number, number] => [words[i]!, bits === 64 ? words[i + 1]! : 0];
  const negates = { product: (signs & 1) !== 0, addend: (signs & (lane & 1 ? 4 : 2)) !== 0 };
  fused(unit, formatOf(bits), pair(at), pair(at + 4), pair(at + 12), negates);
}

/** One element, from the words at a place of each operand. */
function element(words: Int32Array, which: number, bits: number, lane: number, predicate: number): void {
  const format = formatOf(bits);
  const isNarrowSource = which === operation.widen || bits === 32;
  const step = (which === operation.fromInt64 ? 64 : which === operation.fromInt32 || isNarrowSource ? 32 : 64) >> 5;
  const at = aWord + lane * step;
  const [aLow, aHigh] = [words[at]!, step === 2 ? words[at + 1]! : 0];
  const [bLow, bHigh] = [words[at + 4]!, step === 2 ? words[at + 5]! : 0];
  switch (which) {
    case operation.add:
    case operation.sub:
    case operation.mul:
    case operation.div:
      arithmetic(unit, format, which, aLow, aHigh, bLow, bHigh);
      return;
    case operation.sqrt:
      squareRoot(unit, format, aLow, aHigh);
      return;
    case operation.min:
    case operation.max:
      extreme(unit, format, which === operation.max, aLow, aHigh, bLow, bHigh);
      return;
    case operation.cmp:
      compareByPredicate(unit, format, predicate, aLow, aHigh, bLow, bHigh);
      return;
    case operation.comis:
    case operation.ucomis:
      unit.low = compare(unit, format, which === operation.comis, aLow, aHigh, bLow, bHigh);
      return;
    case operation.widen:
      widen(unit, aLow);
      return;
    case operation.narrow:
      narrow(unit, aLow, aHigh);
      return;
    case operation.fromInt32:
      fromInteger(unit, format, 32, aLow, 0);
      return;
    case operation.fromInt64:
      fromInteger(unit, format, 64, aLow, aHigh);
      return;
    case operation.toInt32:
    case operation.truncateToInt32:
      toInteger(unit, format, 32, which === operation.truncateToInt32, aLow, aHigh);
      return;
    case operation.toInt64:
    case operation.truncateToInt64:
      toInteger(unit, format, 64, which === operation.truncateToInt64, aLow, aHigh);
      return;
    case operation.fused:
      fuse(words, bits, lane, at, predicate);
      return;
    case operation.fromHalf:
      fromHalf(unit, (words[aWord + (lane >> 1)]! >>> (16 * (lane & 1))) & 0xffff);
      return;
    case operation.toHalf:
      toHalf(unit, aLow, predicate);
      return;
    case operation.round:
      roundToInteger(unit, format, predicate, aLow, aHigh);
      return;
    default:
      throw new RangeError(`Cannot execute SSE operation ${which}: there is none`);
  }
}

/** Whether result elements of an operation on elements of `bits` are of 64 bits. */
const isWideResult = (which: number, bits: number): boolean =>
  which === operation.widen ||
  which === operation.toInt64 ||
  which === operation.truncateToInt64 ||
  (bits === 64 && which !== operation.narrow && which !== operation.toInt32 && which !== operation.truncateToInt32);

/** Raises #XM, or #UD where the system does not know it (SDM 3A, 2.5, CR4.OSXMMEXCPT). */
function raiseSimdException(cpu: X86Cpu): never {
  return cpu.raise(cpu.state.cr4 & cr4.OSXMMEXCPT ? vector.simd : vector.invalidOpcode);
}

/** Flags that wait for those of other elements of the same instruction; undefined: they are reported at once. */
let held: number | undefined;

/** Sets sticky flags; raises what is not masked. Those found before the computation keep the others from being found. */
function report(cpu: X86Cpu, words: Int32Array, raised: number): void {
  const value = words[layout.mxcsr >> 2]!;
  const unmasked = ~(value >> mxcsr.maskShift) & mxcsr.flags;
  const isEarly = (raised & unmasked & preComputation) !== 0;
  const reported = isEarly ? raised & preComputation : raised;
  raiseFlags(words, reported);
  if (reported & unmasked) raiseSimdException(cpu);
}

const wordsOf = ({ state }: X86Cpu): Int32Array => state.i32;

export const sseHelpers = {
  /** (`packCall`, predicate): operands and result are vectors at layout.helper, 16 bytes each; elements beyond are zero. */
  sseOperation(cpu: X86Cpu, call: number, predicate: number): void {
    const words = wordsOf(cpu);
    const which = call & 0xff;
    const bits = (call >> 8) & 0xff;
    const lanes = call >> 16;
    const isWide = isWideResult(which, bits);
    unit.begin(words[layout.mxcsr >> 2]!);
    words.fill(0, resultWord, resultWord + 4);
    for (let lane = 0; lane < lanes; lane++) {
      element(words, which, bits, lane, predicate);
      if (which === operation.toHalf) {
        words[resultWord + (lane >> 1)]! |= (unit.low & 0xffff) << (16 * (lane & 1));
        continue;
      }
      const at = resultWord + (isWide ? 2 * lane : lane);
      words[at] = unit.low;
      if (isWide) words[at + 1] = unit.high;
    }
    if (held !== undefined) held |= unit.raised;
    else if (unit.raised !== 0) report(cpu, words, unit.raised);
    if (unit.hasDenormal) noteDenormal(words);
  },
  /** Translated code met a denormal where it expects none. */
  sseDenormal(cpu: X86Cpu): void {
    noteDenormal(wordsOf(cpu));
  },
  /** A result was inexact, which is masked. */
  sseInexact(cpu: X86Cpu): void {
    if (held !== undefined) held |= exception.PE;
    else raiseFlags(wordsOf(cpu), exception.PE);
  },
  /** What the operations until `sseRelease` find is reported there. */
  sseHold(): void {
    held = 0;
  },
  sseRelease(cpu: X86Cpu): void {
    const raised = held ?? 0;
    held = undefined;
    if (raised !== 0) report(cpu, wordsOf(cpu), raised);
  },
  /** (value) */
  loadMxcsr(cpu: X86Cpu, value: number): void {
    setMxcsr(wordsOf(cpu), value);
  },
};
