import { aes } from './definitions/aes.ts';
import { arithmetic } from './definitions/arithmetic.ts';
import { avx } from './definitions/avx.ts';
import { avxLanes } from './definitions/avx-lanes.ts';
import { avx2 } from './definitions/avx2.ts';
import { bitCount } from './definitions/bit-count.ts';
import { bitManipulation } from './definitions/bit-manipulation.ts';
import { carryless } from './definitions/carryless.ts';
import { control } from './definitions/control.ts';
import { crc32 } from './definitions/crc32.ts';
import { decimal } from './definitions/decimal.ts';
import { extendedState } from './definitions/extended-state.ts';
import { flagControl } from './definitions/flag-control.ts';
import { fma } from './definitions/fma.ts';
import { mmx } from './definitions/mmx.ts';
import { moves } from './definitions/moves.ts';
import { sha } from './definitions/sha.ts';
import { shifts } from './definitions/shifts.ts';
import { sseArithmetic } from './definitions/sse-arithmetic.ts';
import { sseConvert } from './definitions/sse-convert.ts';
import { sseInteger } from './definitions/sse-integer.ts';
import { sseMoves } from './definitions/sse-moves.ts';
import { sseShuffle } from './definitions/sse-shuffle.ts';
import { sseState } from './definitions/sse-state.ts';
import { sse3 } from './definitions/sse3.ts';
import { sse41 } from './definitions/sse41.ts';
import { sse41Float } from './definitions/sse41-float.ts';
import { sse41Lanes } from './definitions/sse41-lanes.ts';
import { ssse3 } from './definitions/ssse3.ts';
import { stringCompare } from './definitions/string-compare.ts';
import { strings } from './definitions/strings.ts';
import { system } from './definitions/system.ts';
import { systemCall } from './definitions/system-call.ts';
import { wideExchange } from './definitions/wide-exchange.ts';
import { x87 } from './definitions/x87.ts';
import { buildOpcodeMaps } from './opcode-map.ts';
import type { Row } from './row.ts';
import { shapesText } from './variant.ts';

/** The instructions by family: a file of definitions each. */
export const x86Families: Readonly<Record<string, readonly Row[]>> = {
  arithmetic,
  decimal,
  shifts,
  moves,
  control,
  strings,
  flagControl,
  system,
  systemCall,
  wideExchange,
  x87,
  mmx,
  sseArithmetic,
  sseConvert,
  sseInteger,
  sseMoves,
  sseShuffle,
  sseState,
  extendedState,
  sse3,
  ssse3,
  sse41,
  sse41Lanes,
  sse41Float,
  stringCompare,
  crc32,
  bitCount,
  bitManipulation,
  avx,
  avxLanes,
  avx2,
  fma,
  aes,
  carryless,
  sha,
};

/** Every instruction that the processor has. */
export const x86Rows: readonly Row[] = Object.values(x86Families).flat();

/**
 * Of what all their shapes are made. Made before any shape, so that bodies have the same numbers, and shapes the same keys, in
 * every program of a build.
 */
export const x86ShapesText = x86Rows.map(shapesText).join('\n');

export const x86OpcodeMaps = buildOpcodeMaps(x86Rows);
