/** FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1. */
import { status } from '../fpu.ts';
import { exponential, logarithm, logarithmOfSuccessor } from '../logarithm.ts';
import {
  arctangentOfPoint,
  reduceAngle,
  type TrigonometricFunction,
  trigonometric,
  trigonometricOfZero,
} from '../trigonometric.ts';
import { cell, copyCell, type Float80Unit, setCell } from '../unit.ts';
import { canExpand, unary } from './arithmetic.ts';
import type { X87Helper, X87Helpers } from './helper.ts';

const circular =
  (name: TrigonometricFunction): X87Helper =>
  (fpu, _a, b) => {
    fpu.start();
    fpu.status &= ~status.C2;
    if (fpu.isEmpty(0)) {
      if (fpu.stackFault(0, b)) fpu.storeIndefinite(0);
      return;
    }
    fpu.load(0, cell.a);
    const angle = reduceAngle(fpu.unit);
    if (angle === 'outOfRange') fpu.status |= status.C2;
    else {
      if (angle === 'zero') trigonometricOfZero(fpu.unit, name);
      else if (angle !== 'settled') trigonometric(fpu.unit, name, angle);
      if (fpu.finish(b)) fpu.store(0, cell.r);
    }
  };

/** FSINCOS and FPTAN: replaces ST(0) with one result and pushes another. */
const circularPair =
  (name: TrigonometricFunction, pushed: 'cosine' | 'one'): X87Helper =>
  (fpu, _a, b) => {
    if (!canExpand(fpu, b, status.C2)) return;
    fpu.load(0, cell.a);
    const u = fpu.unit;
    const angle = reduceAngle(u);
    if (angle === 'outOfRange') {
      fpu.status = (fpu.status & ~status.C1) | status.C2;
      return;
    }
    if (angle === 'settled') copyCell(u, cell.r, cell.q);
    else {
      if (angle === 'zero') trigonometricOfZero(u, name);
      else trigonometric(u, name, angle);
      copyCell(u, cell.r, cell.q);
      if (pushed === 'one' || angle === 'zero') setCell(u, cell.r, 0x3fff, 0x80000000 | 0, 0);
      else trigonometric(u, 'cosine', angle);
    }
    if (!fpu.finish(b)) return;
    fpu.store(0, cell.q);
    fpu.top -= 1;
    fpu.store(0, cell.r);
  };

/** ST(1) = operation of ST(0) and ST(1), then pop. */
const popping =
  (operate: (u: Float80Unit) => void): X87Helper =>
  (fpu, _a, b) => {
    fpu.start();
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      if (!fpu.stackFault(0, b)) return;
      fpu.storeIndefinite(1);
      fpu.pop();
      return;
    }
    fpu.load(0, cell.a);
    fpu.load(1, cell.b);
    operate(fpu.unit);
    if (!fpu.finish(b)) return;
    fpu.store(1, cell.r);
    fpu.pop();
  };

export const transcendentalHelpers: X87Helpers = {
  fsin: circular('sine'),
  fcos: circular('cosine'),
  fsincos: circularPair('sine', 'cosine'),
  fptan: circularPair('tangent', 'one'),
  fpatan: popping(arctangentOfPoint),
  f2xm1: unary(exponential),
  fyl2x: popping(logarithm),
  fyl2xp1: popping(logarithmOfSuccessor),
};
