import { arithmetic } from './definitions/arithmetic.ts';
import { control } from './definitions/control.ts';
import { moves } from './definitions/moves.ts';
import { shifts } from './definitions/shifts.ts';
import { system } from './definitions/system.ts';
import { x87 } from './definitions/x87.ts';
import { buildOpcodeMaps } from './opcode-map.ts';
import type { Row } from './row.ts';

/** Every instruction that the processor has. */
export const x86Rows: readonly Row[] = [...arithmetic, ...shifts, ...moves, ...control, ...system, ...x87];

export const x86OpcodeMaps = buildOpcodeMaps(x86Rows);
