/** PCMPESTRI, PCMPESTRM, PCMPISTRI and PCMPISTRM (SDM 1, chapter 10.8 "String and text processing"; SDM 2B, 4.1). */
import type { Val, WasmEmitter } from '../../index.ts';
import { carryFrom } from '../arithmetic-flags.ts';
import { type Row, requires, row } from '../row.ts';
import { returnValues, type SharedFunction, type SharedFunctions } from '../shared-function.ts';
import type { Body, X86Target } from '../target.ts';
import { identityBytes, laneBytesOf, vectorBytes, zeroVector } from './sse-row.ts';

/** Bits of the immediate. */
const control = { words: 1, signed: 2, aggregation: 12, polarity: 0x30, output: 0x40 } as const;
const aggregation = { any: 0, ranges: 4, each: 8 } as const;
const polarity = { negative: 0x10, maskedNegative: 0x30 } as const;
/** Of a result: one bit for each element, then whether the strings end in their vectors. */
const ends = { first: 1 << 16, second: 1 << 17 } as const;

type Bits = 8 | 16;
const lanesOf = (bits: Bits): string => (bits === 8 ? 'i8x16' : 'i16x8');
const countOf = (bits: Bits): number => 128 / bits;

/** The strings and their lengths, as locals of the function that compares them. */
interface Strings {
  readonly e: WasmEmitter;
  readonly bits: Bits;
  readonly a: Val;
  readonly b: Val;
  readonly lengthA: Val;
  readonly lengthB: Val;
}

/** Bits below `length`. */
const below = (e: WasmEmitter, length: Val): Val => e.op('i32.sub', e.op('i32.shl', e.i32(1), length), e.i32(1));

/** All ones when element `i` of the first string is there. */
const hasElement = ({ e, lengthA }: Strings, i: number): Val =>
  e.op('i32.sub', e.i32(0), e.op('i32.gt_u', lengthA, e.i32(i)));

const splatElement = ({ e, bits }: Strings, vector: Val, i: number): Val => {
  const bytes = laneBytesOf(bits / 8, [i]);
  return e.shuffle(
    vector,
    vector,
    identityBytes.map((at) => bytes[at % bytes.length] ?? 0),
  );
};

const maskOf = ({ e, bits }: Strings, vector: Val): Val => e.op(`${lanesOf(bits)}.bitmask`, vector);
const elements = ({ bits }: Strings): number[] => Array.from({ length: countOf(bits) }, (_, i) => i);

/** Where the second string has element `i` of the first. */
const places = (strings: Strings, i: number): Val => {
  const { e, bits, a, b } = strings;
  return maskOf(strings, e.op(`${lanesOf(bits)}.eq`, b, splatElement(strings, a, i)));
};

function equalAny(strings: Strings): Val {
  const { e, lengthB } = strings;
  const found = elements(strings).map((i) => e.op('i32.and', places(strings, i), hasElement(strings, i)));
  return e.op(
    'i32.and',
    found.reduce((all, some) => e.op('i32.or', all, some)),
    below(e, lengthB),
  );
}

/** `bias`, an i32, makes signed elements unsigned ones of the same order. */
function inRanges(strings: Strings, bias: Val): Val {
  const { e, bits, lengthB } = strings;
  const flip = e.op('i32x4.splat', bias);
  const [a, b] = [e.op('v128.xor', strings.a, flip), e.op('v128.xor', strings.b, flip)];
  const compare = `${lanesOf(bits)}.le_u`;
  const found = elements(strings)
    .filter((i) => i % 2 === 0)
    .map((i) => {
      const isAbove = e.op(compare, splatElement(strings, a, i), b);
      const isBelow = e.op(compare, b, splatElement(strings, a, i + 1));
      const inside = maskOf(strings, e.op('v128.and', isAbove, isBelow));
      return e.op('i32.and', inside, hasElement(strings, i + 1));
    });
  return e.op(
    'i32.and',
    found.reduce((all, some) => e.op('i32.or', all, some)),
    below(e, lengthB),
  );
}

/** Behind the ends of both strings elements are equal. */
function equalEach(strings: Strings): Val {
  const { e, bits, a, b, lengthA, lengthB } = strings;
  const [inA, inB] = [below(e, lengthA), below(e, lengthB)];
  const equal = maskOf(strings, e.op(`${lanesOf(bits)}.eq`, a, b));
  const inBoth = e.op('i32.and', equal, e.op('i32.and', inA, inB));
  return e.op('i32.or', inBoth, e.op('i32.xor', e.op('i32.or', inA, inB), e.i32(-1)));
}

/** Where the first string begins in the second, as far as that goes. */
function equalOrdered(strings: Strings): Val {
  const { e, lengthB } = strings;
  const inB = below(e, lengthB);
  const count = countOf(strings.bits);
  const found = elements(strings).map((i) => {
    const begins = e.op('i32.shr_u', e.op('i32.and', places(strings, i), inB), e.i32(i));
    const isUnknown = e.op('i32.xor', hasElement(strings, i), e.i32(-1));
    return e.op('i32.or', e.op('i32.or', begins, e.i32(-1 << (count - i))), isUnknown);
  });
  return found.reduce((all, some) => e.op('i32.and', all, some));
}

function compareStrings(bits: Bits): SharedFunction {
  return {
    params: ['v128', 'v128', 'i32', 'i32', 'i32'],
    results: ['i32'],
    emit: (e, _scope, ...params) => {
      const [a, b, lengthA, lengthB, immediate] = params as [Val, Val, Val, Val, Val];
      const strings: Strings = { e, bits, a, b, lengthA, lengthB };
      const all = (1 << countOf(bits)) - 1;
      const isEnd = (length: Val, bit: number): Val =>
        e.select(e.op('i32.lt_u', length, e.i32(countOf(bits))), e.i32(bit), e.i32(0));
      const flags = e.op('i32.or', isEnd(lengthA, ends.first), isEnd(lengthB, ends.second));
      const field = (mask: number): Val => e.op('i32.and', immediate, e.i32(mask));
      const finish = (found: Val): Val => {
        const kind = field(polarity.maskedNegative);
        const masked = e.select(e.op('i32.eq', kind, e.i32(polarity.maskedNegative)), below(e, lengthB), e.i32(0));
        const flip = e.select(e.op('i32.eq', kind, e.i32(polarity.negative)), e.i32(-1), masked);
        return e.op('i32.or', e.op('i32.and', e.op('i32.xor', found, flip), e.i32(all)), flags);
      };
      const kind = field(control.aggregation);
      const inCase = (value: number, found: () => Val): void =>
        e.when(e.op('i32.eq', kind, e.i32(value)), () => returnValues(e, finish(found())));
      inCase(aggregation.any, () => equalAny(strings));
      inCase(aggregation.ranges, () => {
        const bias = bits === 8 ? 0x80808080 : 0x80008000;
        return inRanges(strings, e.select(field(control.signed), e.i32(bias | 0), e.i32(0)));
      });
      inCase(aggregation.each, () => equalEach(strings));
      return [finish(equalOrdered(strings))];
    },
  };
}

export const stringCompareFunctions: SharedFunctions = {
  compareBytes: compareStrings(8),
  compareWords: compareStrings(16),
};

const [rax, rcx, rdx] = [0, 1, 2];

/** How many elements there are before one that is zero. */
function implicitLength(e: WasmEmitter, bits: Bits, vector: Val): Val {
  const zeros = e.op(`${lanesOf(bits)}.bitmask`, e.op(`${lanesOf(bits)}.eq`, vector, zeroVector(e)));
  return e.op('i32.ctz', e.op('i32.or', zeros, e.i32(1 << countOf(bits))));
}

/** The absolute value of a register, at most what a vector holds. */
function explicitLength(e: WasmEmitter, x: X86Target, w: number, register: number, bits: Bits): Val {
  const type = w === 64 ? 'i64' : 'i32';
  const constant = (value: number): Val => (w === 64 ? e.i64(BigInt(value)) : e.i32(value));
  const value = x.register(w === 64 ? 64 : 32, register);
  const sign = e.op(`${type}.shr_s`, value, constant(w === 64 ? 63 : 31));
  const magnitude = e.op(`${type}.sub`, e.op(`${type}.xor`, value, sign), sign);
  const fits = e.op(`${type}.lt_u`, magnitude, constant(countOf(bits)));
  const low = w === 64 ? e.op('i32.wrap_i64', magnitude) : magnitude;
  return e.select(fits, low, e.i32(countOf(bits)));
}

/** The number of the lowest or highest bit that is set, else that of elements. */
function indexOf(e: WasmEmitter, found: Val, immediate: Val, bits: Bits): Val {
  const first = e.op('i32.ctz', e.op('i32.or', found, e.i32(1 << countOf(bits))));
  const highest = e.op('i32.sub', e.i32(31), e.op('i32.clz', found));
  const last = e.select(found, highest, e.i32(countOf(bits)));
  return e.select(e.op('i32.and', immediate, e.i32(control.output)), last, first);
}

/** The bits themselves, or all ones where one is set. */
function maskFrom(e: WasmEmitter, found: Val, immediate: Val, bits: Bits): Val {
  const narrow = e.lane('i32x4.replace_lane', 0, zeroVector(e), found);
  const bit = (i: number): number => (bits === 8 ? 1 << (i % 8) : 1 << i);
  const selected = Array.from({ length: countOf(bits) }, (_, i) => bit(i));
  const spread =
    bits === 8
      ? e.shuffle(
          narrow,
          narrow,
          identityBytes.map((i) => i >> 3),
        )
      : e.op('i16x8.splat', found);
  const tested = e.v128(vectorBytes(bits === 8 ? 1 : 2, selected));
  const wide = e.op(`${lanesOf(bits)}.eq`, e.op('v128.and', spread, tested), tested);
  return e.select(e.op('i32.and', immediate, e.i32(control.output)), wide, narrow);
}

/** CF: something was found; ZF and SF: the second and the first string end; OF: the first element was found. */
function setFlags(e: WasmEmitter, x: X86Target, result: Val): void {
  const bit = (at: number): Val =>
    e.op('i64.extend_i32_u', e.op('i32.and', e.op('i32.shr_u', result, e.i32(at)), e.i32(1)));
  const found = e.op('i32.ne', e.op('i32.and', result, e.i32(0xffff)), e.i32(0));
  x.setFlags({
    zero: e.op('i64.xor', bit(17), e.i64(1n)),
    sign: e.op('i64.or', e.op('i64.shl', bit(16), e.i64(63n)), e.i64(1n)),
    carry: carryFrom(e, e.op('i64.extend_i32_u', found), bit(0)),
  });
}

const compare =
  (isExplicit: boolean, output: 'index' | 'mask'): Body =>
  (e, x, w, ...operands) => {
    const [a, b, immediate] = operands as [Val, Val, Val];
    const isWords = e.op('i32.and', immediate, e.i32(control.words));
    const either = (type: 'i32' | 'v128', make: (bits: Bits) => Val): Val =>
      e.choose(
        type,
        isWords,
        () => make(16),
        () => make(8),
      );
    const result = either('i32', (bits) => {
      const lengthA = isExplicit ? explicitLength(e, x, w, rax, bits) : implicitLength(e, bits, a);
      const lengthB = isExplicit ? explicitLength(e, x, w, rdx, bits) : implicitLength(e, bits, b);
      return x.shared(bits === 8 ? 'compareBytes' : 'compareWords', a, b, lengthA, lengthB, immediate)[0] as Val;
    });
    const found = e.op('i32.and', result, e.i32(0xffff));
    const finish = (): Val | undefined => {
      if (output === 'mask') return either('v128', (bits) => maskFrom(e, found, immediate, bits));
      x.setRegister(
        32,
        rcx,
        either('i32', (bits) => indexOf(e, found, immediate, bits)),
      );
      return undefined;
    };
    const value = finish();
    setFlags(e, x, result);
    return value;
  };

/** REX.W makes the lengths 64-bit ones. The operand in memory need not be aligned. */
const unit = { unit: 'sse' } as const;

export const stringCompare: readonly Row[] = requires('sse42', [
  row('66 0F 3A 60', 'pcmpestrm', 'Vx,Wu,Ib,Xx=', compare(true, 'mask'), unit),
  row('66 0F 3A 61', 'pcmpestri', 'Vx,Wu,Ib', compare(true, 'index'), unit),
  row('66 0F 3A 62', 'pcmpistrm', 'Vx,Wu,Ib,Xx=', compare(false, 'mask'), { ...unit, width: 32 }),
  row('66 0F 3A 63', 'pcmpistri', 'Vx,Wu,Ib', compare(false, 'index'), { ...unit, width: 32 }),
]);
