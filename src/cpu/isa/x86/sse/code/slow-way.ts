/** The slowest way of an SSE floating-point operation: all of it by its helper. */
import type { Val, WasmEmitter } from '../../../index.ts';
import type { X86Target } from '../../target.ts';
import { type Elements, type OperationName, packCall } from '../operation.ts';
import { bitsOf, type FloatFormat, inVector, outOfVector } from './format.ts';

export interface SlowOperation extends Elements {
  readonly name: OperationName;
  /** Of a comparison or a rounding: what its immediate says. */
  readonly predicate?: Val;
}

/** Operands and the result are vectors. */
export function runSlowly(e: WasmEmitter, x: X86Target, operation: SlowOperation, a: Val, b: Val = a): Val {
  const call = e.i32(packCall(operation.name, operation));
  const [result, faulted] = x.shared('sse', a, b, call, operation.predicate ?? e.i32(0), x.rip()) as [Val, Val];
  x.faultIf(faulted);
  return result;
}

/** The same for operands and a result as instructions of a format have them. */
export function runFormatSlowly(
  e: WasmEmitter,
  x: X86Target,
  format: FloatFormat,
  operation: Omit<SlowOperation, keyof Elements>,
  a: Val,
  b: Val = a,
): Val {
  const whole = { ...operation, bits: bitsOf(format), lanes: format.lanes };
  const [p, q] = [inVector(e, format, a), inVector(e, format, b)];
  return outOfVector(e, format, runSlowly(e, x, whole, p, q));
}
