/** What SSE and MMX rows share: options and vector constants. */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, type RowOptions, row } from '../row.ts';
import type { Body } from '../target.ts';

/** Operand size means nothing to them, except where an operand is of size y (REX.W). */
export const vectorOptions = (unit: 'sse' | 'mmx', operands: string): RowOptions =>
  operands.includes('y') ? { unit } : { unit, width: 32 };

export const sseRow = (opcode: string, name: string, operands: string, body: Body): Row =>
  row(opcode, name, operands, body, vectorOptions('sse', operands));

/** `operation` has the signature of the bodies that only combine values. */
export type VectorOperation = (e: WasmEmitter, ...vectors: Val[]) => Val;

/** A body that needs nothing but its operands. */
export const combine =
  (operation: VectorOperation): Body =>
  (e, _x, _w, ...operands) =>
    operation(e, ...operands);

/** Gives back its operand. */
export const move: Body = (_e, _x, _w, value) => value;

export const zeroVector = (e: WasmEmitter): Val => e.v128(new Array<number>(16).fill(0));

export const identityBytes: readonly number[] = Array.from({ length: 16 }, (_, i) => i);

/** Bytes of a vector of these lanes, `laneBytes` each (at most four: a lane is given as a 32-bit number). */
export const vectorBytes = (laneBytes: 1 | 2 | 4, lanes: readonly number[]): number[] =>
  lanes.flatMap((lane) => Array.from({ length: laneBytes }, (_, i) => (lane >>> (8 * i)) & 0xff));

/** The same 32 bits in each lane. */
export const splat32 = (e: WasmEmitter, value: number): Val => e.v128(vectorBytes(4, [value, value, value, value]));

/** Byte numbers of these lanes, for shuffles. */
export const laneBytesOf = (laneBytes: number, lanes: readonly number[]): number[] =>
  lanes.flatMap((lane) => Array.from({ length: laneBytes }, (_, i) => lane * laneBytes + i));

/** A shuffle of lanes that are `laneBytes` wide: those of `b` count on from those of `a`. */
export const shuffleLanes = (e: WasmEmitter, laneBytes: number, a: Val, b: Val, lanes: readonly number[]): Val =>
  e.shuffle(a, b, laneBytesOf(laneBytes, lanes));
