/** SSE and SSE2 data movement (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter } from '../../index.ts';
import { type Row, row } from '../row.ts';
import type { Body } from '../target.ts';
import { asVector, mmxRow } from './mmx.ts';
import { combine, move, sseRow, vectorOptions, zeroVector } from './sse-row.ts';

const lowQuad = (e: WasmEmitter, vector: Val): Val => e.lane('i64x2.extract_lane', 0, vector);
const highQuad = (e: WasmEmitter, vector: Val): Val => e.lane('i64x2.extract_lane', 1, vector);
const replaceHigh = combine((e, vector, value) => e.lane('i64x2.replace_lane', 1, vector, value));

/** Whole vectors: load and store opcodes. */
const whole: readonly Row[] = [
  ['NP', '10', '11', 'movups', 'u'],
  ['66', '10', '11', 'movupd', 'u'],
  ['NP', '28', '29', 'movaps', 'x'],
  ['66', '28', '29', 'movapd', 'x'],
  ['66', '6F', '7F', 'movdqa', 'x'],
  ['F3', '6F', '7F', 'movdqu', 'u'],
].flatMap(([prefix = '', load = '', store = '', name = '', size = '']) => [
  sseRow(`${prefix} 0F ${load}`, name, `V${size}=,W${size}`, move),
  sseRow(`${prefix} 0F ${store}`, name, `W${size}=,V${size}`, move),
]);

/** A load clears what is above the element, a move between registers keeps it. */
const scalar: readonly Row[] = [
  sseRow('F3 0F 10', 'movss', 'Vd=,Ud', move),
  sseRow('F3 0F 10', 'movss', 'Vx=,Mzd', move),
  sseRow('F3 0F 11', 'movss', 'Wd=,Vd', move),
  sseRow('F2 0F 10', 'movsd', 'Vq=,Uq', move),
  sseRow('F2 0F 10', 'movsd', 'Vx=,Mzq', move),
  sseRow('F2 0F 11', 'movsd', 'Wq=,Vq', move),
  sseRow('F3 0F 7E', 'movq', 'Vx=,Wzq', move),
  sseRow('66 0F D6', 'movq', 'Mq=,Vq', move),
  sseRow('66 0F D6', 'movq', 'Ux=,Vzq', move),
];

const halves: readonly Row[] = [
  ...['NP', '66'].flatMap((prefix) => {
    const suffix = prefix === 'NP' ? 'ps' : 'pd';
    return [
      sseRow(`${prefix} 0F 12`, `movl${suffix}`, 'Vq=,Mq', move),
      sseRow(`${prefix} 0F 13`, `movl${suffix}`, 'Mq=,Vq', move),
      sseRow(`${prefix} 0F 16`, `movh${suffix}`, 'Vx+,Mq', replaceHigh),
      sseRow(`${prefix} 0F 17`, `movh${suffix}`, 'Mq=,Vx', combine(highQuad)),
    ];
  }),
  sseRow('NP 0F 12', 'movhlps', 'Vq=,Ux', combine(highQuad)),
  sseRow('NP 0F 16', 'movlhps', 'Vx+,Uq', replaceHigh),
];

const general: readonly Row[] = [
  sseRow('66 0F 6E', 'movd', 'Vx=,Ey', (e, _x, w, value) =>
    e.lane(w === 64 ? 'i64x2.replace_lane' : 'i32x4.replace_lane', 0, zeroVector(e), value),
  ),
  sseRow('66 0F 7E', 'movd', 'Ey=,Vq', (e, _x, w, value) => e.truncate(64, w, value)),
  sseRow(
    'NP 0F 50',
    'movmskps',
    'Gd=,Ux',
    combine((e, v) => e.op('i32x4.bitmask', v)),
  ),
  sseRow(
    '66 0F 50',
    'movmskpd',
    'Gd=,Ux',
    combine((e, v) => e.op('i64x2.bitmask', v)),
  ),
  sseRow(
    '66 0F D7',
    'pmovmskb',
    'Gd=,Ux',
    combine((e, v) => e.op('i8x16.bitmask', v)),
  ),
  mmxRow(
    'NP 0F D7',
    'pmovmskb',
    'Gd=,Hq',
    combine((e, v) => e.op('i32.and', e.op('i8x16.bitmask', asVector(e, v)), e.i32(0xff))),
  ),
];

const nonTemporal: readonly Row[] = [
  sseRow('NP 0F 2B', 'movntps', 'Mx=,Vx', move),
  sseRow('66 0F 2B', 'movntpd', 'Mx=,Vx', move),
  sseRow('66 0F E7', 'movntdq', 'Mx=,Vx', move),
];

/** MASKMOVDQU and MASKMOVQ: `bytes` of the first operand, where the second has sign bits, go to rDI. */
const maskedStore =
  (bytes: 8 | 16): Body =>
  (e, x, _w, data, mask, form) => {
    const [value, selector] = bytes === 16 ? [data, mask] : [asVector(e, data), asVector(e, mask)];
    x.setHelperArgument(lowQuad(e, value), 0);
    if (bytes === 16) x.setHelperArgument(highQuad(e, value), 1);
    const bits = e.op('i8x16.bitmask', selector);
    x.helper('maskedStore', form, bytes === 16 ? bits : e.op('i32.and', bits, e.i32(0xff)));
  };

const masked: readonly Row[] = [
  row('66 0F F7', 'maskmovdqu', 'Vx,Ux', maskedStore(16), { ...vectorOptions('sse', ''), repeats: true }),
  { ...mmxRow('NP 0F F7', 'maskmovq', 'Pq,Hq', maskedStore(8)), repeats: true },
];

export const sseMoves: readonly Row[] = [...whole, ...scalar, ...halves, ...general, ...nonTemporal, ...masked];
