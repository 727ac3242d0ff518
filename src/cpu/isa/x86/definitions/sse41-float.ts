/** Floating point of SSE4.1 (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, requires } from '../row.ts';
import { carryTame, type FloatFormat, floatArithmetic, floatRound, formats, type PackedFormat } from '../sse/index.ts';
import type { Body } from '../target.ts';
import { sseRow } from './sse-row.ts';
import { neighbours } from './sse3.ts';

const round =
  (format: FloatFormat): Body =>
  (e, x, _w, value, immediate) =>
    floatRound(e, x, format, value as Val, immediate as Val);

/** Keeps the lanes that bits of the immediate from `first` on choose; the others are zero. */
function keepLanes(e: WasmEmitter, { lanes }: PackedFormat, value: Val, immediate: Val, first: 0 | 4): Val {
  const bitOf = Array.from({ length: 16 }, (_, byte) => 1 << (first + Math.floor((byte * lanes) / 16)));
  const known = e.known(immediate);
  if (known !== undefined) {
    const kept = bitOf.map((bit) => (known & bit ? 0xff : 0));
    return kept.includes(0) ? e.op('v128.and', value, e.v128(kept)) : value;
  }
  const bits = e.v128(bitOf);
  const isKept = e.op('i8x16.eq', e.op('v128.and', e.op('i8x16.splat', immediate), bits), bits);
  return e.op('v128.and', value, isKept);
}

/**
 * DPPS and DPPD: the sum of the products that bits 4-7 choose, in the lanes that bits 0-3 choose; zero elsewhere. Each of two
 * operands comes as one vector or as two, and `step` is given each operation on all of them: exceptions of a later one are
 * not found when an earlier one raises any (SDM 2A, DPPS).
 */
export const dotProduct =
  (format: PackedFormat, step: (body: Body) => Body = (body) => body): Body =>
  (e, x, w, ...values) => {
    const { name } = format;
    const immediate = values.at(-1) as Val;
    const taken = values.slice(0, -1).map((operand) => {
      const kept = keepLanes(e, format, operand, immediate, 4);
      if (kept !== operand) carryTame(x, name, [operand], [kept]);
      return kept;
    });
    const multiply = step((_e, _x, _w, ...factors) => {
      const count = factors.length / 2;
      return factors
        .slice(0, count)
        .map((factor, i) => floatArithmetic(e, x, format, 'mul', factor, factors[count + i] as Val));
    });
    const addNeighbours = step((_e, _x, _w, ...vectors) =>
      vectors.map((v) => floatArithmetic(e, x, format, 'add', ...neighbours(e, x, format, v, v))),
    );
    const products = multiply(e, x, w, ...taken) as readonly Val[];
    const pairs = addNeighbours(e, x, w, ...products) as readonly Val[];
    // Of singles there are two sums by now, in both halves.
    const sums = format.lanes === 2 ? pairs : (addNeighbours(e, x, w, ...pairs) as readonly Val[]);
    const results = sums.map((sum) => keepLanes(e, format, sum, immediate, 0));
    for (const result of results) x.noteTame(result, name);
    return results;
  };

const oneDotProduct =
  (format: PackedFormat): Body =>
  (e, x, w, ...values) =>
    (dotProduct(format)(e, x, w, ...values) as readonly Val[])[0];

const { ss, sd, ps, pd } = formats;

export const sse41Float: readonly Row[] = requires('sse41', [
  sseRow('66 0F 3A 08', 'roundps', 'Vx=,Wx,Ib', round(ps)),
  sseRow('66 0F 3A 09', 'roundpd', 'Vx=,Wx,Ib', round(pd)),
  sseRow('66 0F 3A 0A', 'roundss', 'Vss=,Wss,Ib', round(ss)),
  sseRow('66 0F 3A 0B', 'roundsd', 'Vsd=,Wsd,Ib', round(sd)),
  sseRow('66 0F 3A 40', 'dpps', 'Vx+,Wx,Ib', oneDotProduct(ps)),
  sseRow('66 0F 3A 41', 'dppd', 'Vx+,Wx,Ib', oneDotProduct(pd)),
]);
