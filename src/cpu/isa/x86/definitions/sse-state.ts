/** MXCSR (SDM 1, 10.2.3). FXSAVE and FXRSTOR are in x87.ts. */
import { layout } from '../layout.ts';
import { mxcsr } from '../mxcsr.ts';
import type { Row } from '../row.ts';
import type { Body } from '../target.ts';
import { sseRow } from './sse-row.ts';

const vectorGeneralProtection = 13;

const loadControl: Body = (e, x, _w, value) => {
  e.when(e.op('i32.and', value, e.i32(~mxcsr.valid)), () => x.raise(vectorGeneralProtection, 0));
  x.unitHelper('loadMxcsr', value);
};

export const sseState: readonly Row[] = [
  sseRow('NP 0F AE /2', 'ldmxcsr', 'Md', loadControl),
  sseRow('NP 0F AE /3', 'stmxcsr', 'Md=', (_e, x) => x.state('i32', layout.mxcsr)),
];
