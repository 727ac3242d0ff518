/** POPCNT, LZCNT and MOVBE (SDM 2, instruction pages named by mnemonic). */
import type { Val } from '../../index.ts';
import { carryFrom } from '../arithmetic-flags.ts';
import { type Row, requires, row } from '../row.ts';
import type { Body } from '../target.ts';
import { swapBytes } from './moves.ts';

/** ZF says that there was no bit; the other flags are cleared. */
const countOnes: Body = (e, x, w, source) => {
  const type = w === 64 ? 'i64' : 'i32';
  const count = e.op(`${type}.popcnt`, source as Val);
  x.setFlags({ zero: e.zeroExtend(w, 64, count), sign: e.i64(1n), carry: e.i64(0n) });
  return count;
};

/** CF says that the source is zero, ZF that the count is. */
const countLeadingZeros: Body = (e, x, w, source) => {
  const type = w === 64 ? 'i64' : 'i32';
  const leading = e.op(`${type}.clz`, source as Val);
  const count = w === 16 ? e.op('i32.sub', leading, e.i32(16)) : leading;
  const cf = e.op('i64.extend_i32_u', e.isZero(w, source as Val));
  const { sign } = x.flags();
  x.setFlags({ zero: e.zeroExtend(w, 64, count), sign, carry: carryFrom(e, cf, e.i64(0n)) });
  return count;
};

const moveSwapped: Body = (e, _x, w, value) => swapBytes(e, w, value as Val);

export const bitCount: readonly Row[] = [
  ...requires('popcnt', [row('F3 0F B8', 'popcnt', 'Gv=,Ev', countOnes)]),
  ...requires('lzcnt', [row('F3 0F BD', 'lzcnt', 'Gv=,Ev', countLeadingZeros)]),
  ...requires('movbe', [
    row('0F 38 F0', 'movbe', 'Gv=,Mv', moveSwapped, { withoutRepeat: true }),
    row('0F 38 F1', 'movbe', 'Mv=,Gv', moveSwapped, { withoutRepeat: true }),
  ]),
];
