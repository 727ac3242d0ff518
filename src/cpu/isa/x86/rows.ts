import { arithmetic } from './definitions/arithmetic.ts';
import { control } from './definitions/control.ts';
import { decimal } from './definitions/decimal.ts';
import { flagControl } from './definitions/flag-control.ts';
import { mmx } from './definitions/mmx.ts';
import { moves } from './definitions/moves.ts';
import { shifts } from './definitions/shifts.ts';
import { sseArithmetic } from './definitions/sse-arithmetic.ts';
import { sseConvert } from './definitions/sse-convert.ts';
import { sseInteger } from './definitions/sse-integer.ts';
import { sseMoves } from './definitions/sse-moves.ts';
import { sseShuffle } from './definitions/sse-shuffle.ts';
import { sseState } from './definitions/sse-state.ts';
import { strings } from './definitions/strings.ts';
import { system } from './definitions/system.ts';
import { systemCall } from './definitions/system-call.ts';
import { wideExchange } from './definitions/wide-exchange.ts';
import { x87 } from './definitions/x87.ts';
import { buildOpcodeMaps } from './opcode-map.ts';
import type { Row } from './row.ts';

/** Every instruction that the processor has. */
export const x86Rows: readonly Row[] = [
  ...arithmetic,
  ...decimal,
  ...shifts,
  ...moves,
  ...control,
  ...strings,
  ...flagControl,
  ...system,
  ...systemCall,
  ...wideExchange,
  ...x87,
  ...mmx,
  ...sseArithmetic,
  ...sseConvert,
  ...sseInteger,
  ...sseMoves,
  ...sseShuffle,
  ...sseState,
];

export const x86OpcodeMaps = buildOpcodeMaps(x86Rows);
