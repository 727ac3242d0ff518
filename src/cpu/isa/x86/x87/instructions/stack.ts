/** Instructions that move registers or change signs, without arithmetic. */
import { layout } from '../../layout.ts';
import { status, type X87 } from '../fpu.ts';
import { cell } from '../unit.ts';
import type { X87Helper, X87Helpers } from './helper.ts';

function clearC1(fpu: X87): void {
  fpu.status &= ~status.C1;
}

function fxch(fpu: X87, i: number, opcode: number): void {
  fpu.start();
  const isEmptyTop = fpu.isEmpty(0);
  const isEmptyOther = fpu.isEmpty(i);
  if (isEmptyTop || isEmptyOther) {
    if (!fpu.stackFault(0, opcode)) return;
    if (isEmptyTop) fpu.storeIndefinite(0);
    if (isEmptyOther) fpu.storeIndefinite(i);
  } else clearC1(fpu);
  fpu.exchange(0, i);
}

const onSign =
  (change: (signExponent: number) => number): X87Helper =>
  (fpu, _a, b) => {
    fpu.start();
    if (fpu.isEmpty(0)) {
      if (fpu.stackFault(0, b)) fpu.storeIndefinite(0);
      return;
    }
    clearC1(fpu);
    fpu.load(0, cell.a);
    fpu.unit.words[cell.a + 2] = change(fpu.unit.words[cell.a + 2]!);
    fpu.store(0, cell.a);
  };

const zeroWord = layout.flagZero >> 2;
const signWord = layout.flagSign >> 2;
const carryWord = layout.flagCarry >> 2;

const isCarry = (fpu: X87): boolean => fpu.words[carryWord + 1]! < 0;
const isZero = (fpu: X87): boolean => (fpu.words[zeroWord]! | fpu.words[zeroWord + 1]!) === 0;
function isParity(fpu: X87): boolean {
  let folded = fpu.words[signWord]! & 0xff;
  folded ^= folded >> 4;
  return ((0x9669 >> (folded & 15)) & 1) !== 0;
}

/** Copies ST(i) to ST(0) if the condition holds. Empty registers fault whether it does or not. */
const moving =
  (condition: (fpu: X87) => boolean): X87Helper =>
  (fpu, a, b) => {
    fpu.start();
    if (fpu.isEmpty(0) || fpu.isEmpty(a)) {
      if (fpu.stackFault(0, b)) fpu.storeIndefinite(0);
      return;
    }
    if (condition(fpu)) fpu.copy(a, 0);
  };

export const stackHelpers: X87Helpers = {
  fxch,
  fchs: onSign((signExponent) => signExponent ^ 0x8000),
  fabs: onSign((signExponent) => signExponent & 0x7fff),
  fcmovb: moving(isCarry),
  fcmove: moving(isZero),
  fcmovbe: moving((fpu) => isCarry(fpu) || isZero(fpu)),
  fcmovu: moving(isParity),
  fcmovnb: moving((fpu) => !isCarry(fpu)),
  fcmovne: moving((fpu) => !isZero(fpu)),
  fcmovnbe: moving((fpu) => !(isCarry(fpu) || isZero(fpu))),
  fcmovnu: moving((fpu) => !isParity(fpu)),
  fincstp: (fpu) => {
    fpu.start();
    clearC1(fpu);
    fpu.top += 1;
  },
  fdecstp: (fpu) => {
    fpu.start();
    clearC1(fpu);
    fpu.top -= 1;
  },
  ffree: (fpu, a) => {
    fpu.start();
    clearC1(fpu);
    fpu.free(a);
  },
  ffreep: (fpu, a) => {
    fpu.start();
    clearC1(fpu);
    fpu.free(a);
    fpu.pop();
  },
  /** The alias at D9 D8-DF, which pops without minding an empty ST(0). */
  fstpNoFault: (fpu, a) => {
    fpu.start();
    clearC1(fpu);
    if (!fpu.isEmpty(0)) fpu.copy(0, a);
    fpu.pop();
  },
};
