/** Instructions that move registers or change signs, without arithmetic. */
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

/** Copies ST(i) to ST(0) if the condition holds. Empty registers fault whether it does or not. */
function fcmov(fpu: X87, i: number, opcode: number, condition: number): void {
  fpu.start();
  if (fpu.isEmpty(0) || fpu.isEmpty(i)) {
    if (fpu.stackFault(0, opcode)) fpu.storeIndefinite(0);
    return;
  }
  if (condition !== 0) fpu.copy(i, 0);
}

export const stackHelpers: X87Helpers = {
  fxch,
  fchs: onSign((signExponent) => signExponent ^ 0x8000),
  fabs: onSign((signExponent) => signExponent & 0x7fff),
  fcmovb: fcmov,
  fcmove: fcmov,
  fcmovbe: fcmov,
  fcmovu: fcmov,
  fcmovnb: fcmov,
  fcmovne: fcmov,
  fcmovnbe: fcmov,
  fcmovnu: fcmov,
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
