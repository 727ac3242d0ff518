import type { Val, WasmEmitter } from '../isa/index.ts';
import type { MemoryType } from '../isa/x86/index.ts';
import type { RegionFrame } from './frame.ts';

const laneOf: Readonly<Record<string, { readonly extract: string; readonly replace: string }>> = {
  16: { extract: 'i16x8.extract_lane_u', replace: 'i16x8.replace_lane' },
  32: { extract: 'i32x4.extract_lane', replace: 'i32x4.replace_lane' },
  64: { extract: 'i64x2.extract_lane', replace: 'i64x2.replace_lane' },
  f32: { extract: 'f32x4.extract_lane', replace: 'f32x4.replace_lane' },
  f64: { extract: 'f64x2.extract_lane', replace: 'f64x2.replace_lane' },
};

const laneFor = (type: MemoryType): { readonly extract: string; readonly replace: string } => {
  const lane = laneOf[type];
  if (!lane) throw new RangeError(`Cannot take vector element: "${type}" is not one`);
  return lane;
};

/** The low bits of a vector register as an operand type says. */
export function readVector(e: WasmEmitter, vector: Val, type: MemoryType): Val {
  switch (type) {
    case 'v128':
      return vector;
    case 'v128.low64':
      return e.lane('i64x2.replace_lane', 1, vector, e.i64(0n));
    case 'v128.low32':
      return e.op('v128.and', vector, e.v128([255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    default:
      return e.lane(laneFor(type).extract, 0, vector);
  }
}

/** Writes the low bits and keeps what is above. */
export function writeVector(e: WasmEmitter, frame: RegionFrame, number: number, type: MemoryType, value: Val): void {
  if (type === 'v128') frame.setVector(number, value);
  else frame.setVector(number, e.lane(laneFor(type).replace, 0, frame.vector(number), value));
}
