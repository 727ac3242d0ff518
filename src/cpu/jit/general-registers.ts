import type { Val, WasmEmitter, Width } from '../isa/index.ts';
import type { RegionFrame } from './frame.ts';

/** The low bits of a general register. */
export const readGeneral = (e: WasmEmitter, frame: RegionFrame, width: Width, number: number): Val =>
  e.truncate(64, width, frame.register(number));

/** 32 bits clear the upper half, fewer keep the rest (SDM 1, 3.4.1.1). */
export function writeGeneral(e: WasmEmitter, frame: RegionFrame, width: Width, number: number, value: Val): void {
  if (width === 64) frame.setRegister(number, value);
  else if (width === 32) frame.setRegister(number, e.op('i64.extend_i32_u', value));
  else insert(e, frame, number, { width, shift: 0n, value });
}

/** AH, CH, DH or BH: of register 0 to 3. */
export const readHighByte = (e: WasmEmitter, frame: RegionFrame, number: number): Val =>
  e.truncate(64, 8, e.op('i64.shr_u', frame.register(number), e.i64(8n)));

export function writeHighByte(e: WasmEmitter, frame: RegionFrame, number: number, value: Val): void {
  insert(e, frame, number, { width: 8, shift: 8n, value });
}

interface Insertion {
  readonly width: 8 | 16;
  readonly shift: bigint;
  readonly value: Val;
}

function insert(e: WasmEmitter, frame: RegionFrame, number: number, { width, shift, value }: Insertion): void {
  const mask = ((1n << BigInt(width)) - 1n) << shift;
  const kept = e.op('i64.and', frame.register(number), e.i64(~mask));
  const placed = e.op('i64.shl', e.op('i64.extend_i32_u', value), e.i64(shift));
  frame.setRegister(number, e.op('i64.or', kept, placed));
}
