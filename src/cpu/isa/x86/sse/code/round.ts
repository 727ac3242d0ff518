/** ROUNDPS and its kin: elements that are integers, in their own format (SDM 2B). */
import type { Val, WasmEmitter } from '../../../index.ts';
import { layout } from '../../layout.ts';
import { mxcsr } from '../../mxcsr.ts';
import type { X86Target } from '../../target.ts';
import { areAllStrange, doubtDenormals, doubtMasks, type FloatFormat, isIncomplete, wasmTypeOf } from './format.ts';
import { runFormatSlowly } from './slow-way.ts';

/** Rounding control, 0 nearest, 1 down, 2 up, 3 towards zero: bits 0-1 of the immediate, or MXCSR's when bit 2 says so. */
function roundingMode(e: WasmEmitter, x: X86Target, immediate: Val): Val {
  const own = e.op('i32.and', immediate, e.i32(3));
  const usesControl = e.op('i32.and', immediate, e.i32(4));
  const current = (): Val =>
    e.op('i32.and', e.op('i32.shr_u', x.state('i32', layout.mxcsr), e.i32(mxcsr.roundingShift)), e.i32(3));
  return e.choose('i32', usesControl, current, () => own);
}

function rounded(e: WasmEmitter, x: X86Target, format: FloatFormat, value: Val, immediate: Val): Val {
  const mode = roundingMode(e, x, immediate);
  const type = e.typeOf(value);
  const is = (number: number): Val => e.op('i32.eq', mode, e.i32(number));
  const to = (name: string) => (): Val => e.op(`${wasmTypeOf(format)}.${name}`, value);
  const directed = (): Val => e.choose(type, is(1), to('floor'), () => e.choose(type, is(2), to('ceil'), to('trunc')));
  return e.choose(type, mode, directed, to('nearest'));
}

/** Whether inexact results are to be noted, which bit 3 of the immediate forbids. Undefined: it is known to. */
function notesInexact(e: WasmEmitter, immediate: Val): Val | undefined {
  const known = e.known(immediate);
  if (known !== undefined) return known & 8 ? undefined : areAllStrange(e);
  return e.op('i32.and', areAllStrange(e), e.op('i32.eqz', e.op('i32.and', immediate, e.i32(8))));
}

/** Denormals are as good as zeros, but for what they round to; nothing is reported of them. */
export function floatRound(e: WasmEmitter, x: X86Target, format: FloatFormat, value: Val, immediate: Val): Val {
  const type = wasmTypeOf(format);
  const [result] = e.attempt(
    [e.typeOf(value)],
    (doubt) => {
      const masks = doubtDenormals(e, x, format, doubt, [value]);
      if (format.lanes === 1) doubt(e.op(`${type}.ne`, value, value));
      else doubtMasks(e, format, doubt, [...masks, e.op(`${type}.eq`, value, value)]);
      const found = rounded(e, x, format, value, immediate);
      const isToNote = notesInexact(e, immediate);
      if (isToNote !== undefined) {
        const isInexact =
          format.lanes === 1
            ? e.op(`${type}.ne`, found, value)
            : isIncomplete(e, format.element, e.op(`${type}.eq`, found, value));
        doubt(e.op('i32.and', isToNote, isInexact));
      }
      return [found];
    },
    () => [runFormatSlowly(e, x, format, { name: 'round', predicate: immediate }, value)],
  );
  x.noteTame(result, format.name);
  return result;
}
