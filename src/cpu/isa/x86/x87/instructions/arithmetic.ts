/** FADD, FMUL, FSUB(R), FDIV(R) in all their forms, and the one-operand arithmetic. */
import { add, multiply } from '../arithmetic.ts';
import { fromDouble, fromInt32, fromSingle, loaded, roundToIntegral } from '../convert.ts';
import { divide, squareRoot } from '../divide.ts';
import { conditionCodes, status, type X87 } from '../fpu.ts';
import { remainder } from '../remainder.ts';
import { extract, scale } from '../scale.ts';
import { cell, exception, type Float80Unit } from '../unit.ts';
import { operandWord, type X87Helper, type X87Helpers } from './helper.ts';

/** Operations, numbered as the reg field of the escape opcodes numbers them. */
const operation = { fadd: 0, fmul: 1, fsub: 4, fsubr: 5, fdiv: 6, fdivr: 7 } as const;

const isReversed = (op: number): boolean => op === operation.fsubr || op === operation.fdivr;

function apply(u: Float80Unit, op: number): void {
  switch (op) {
    case operation.fadd:
      add(u, 0);
      break;
    case operation.fmul:
      multiply(u);
      break;
    case operation.fsub:
    case operation.fsubr:
      add(u, 0x8000);
      break;
    default:
      divide(u);
  }
}

/** ST(destination) = ST(0) op ST(i); true when the instruction may pop. */
function registers(fpu: X87, op: number, i: number, destination: number, opcode: number): boolean {
  fpu.start();
  if (fpu.isEmpty(0) || fpu.isEmpty(i)) {
    const isMasked = fpu.stackFault(0, opcode);
    if (isMasked) fpu.storeIndefinite(destination);
    return isMasked;
  }
  const reversed = isReversed(op);
  fpu.load(0, reversed ? cell.b : cell.a);
  fpu.load(i, reversed ? cell.a : cell.b);
  apply(fpu.unit, op);
  const isWritten = fpu.finish(opcode);
  if (isWritten) fpu.store(destination, cell.r);
  return isWritten;
}

/** Whether the result cell holds a NaN. */
const isNanResult = (u: Float80Unit): boolean =>
  (u.words[cell.r + 2]! & 0x7fff) === 0x7fff && ((u.words[cell.r + 1]! & 0x7fffffff) | u.words[cell.r]!) !== 0;

/** ST(0) = ST(0) op memory, which is in cell `memoryCell` of the unit already. */
function withMemory(fpu: X87, op: number, kindOfLoad: number, opcode: number): void {
  const u = fpu.unit;
  fpu.load(0, isReversed(op) ? cell.b : cell.a);
  apply(u, op);
  // A denormal in memory is widened to a normal value; what its operation raises is decided here.
  if (kindOfLoad === loaded.denormal && (u.raised & (exception.IE | exception.ZE)) === 0 && !isNanResult(u)) {
    u.raised |= exception.DE;
  }
  if (fpu.finish(opcode)) fpu.store(0, cell.r);
}

function isReady(fpu: X87, opcode: number): boolean {
  fpu.start();
  if (!fpu.isEmpty(0)) return true;
  if (fpu.stackFault(0, opcode)) fpu.storeIndefinite(0);
  return false;
}

const memoryCell = (op: number): number => (isReversed(op) ? cell.a : cell.b);

function formsOf(name: string, op: number): X87Helpers {
  const integerName = name.replace('f', 'fi');
  return {
    [`${name}Sti`]: (fpu, a, b) => {
      registers(fpu, op, a, 0, b);
    },
    [`${name}ToSti`]: (fpu, a, b) => {
      registers(fpu, op, a, a, b);
    },
    [`${name}p`]: (fpu, a, b) => {
      if (registers(fpu, op, a, a, b)) fpu.pop();
    },
    [`${name}M32`]: (fpu, _a, b) => {
      if (isReady(fpu, b)) withMemory(fpu, op, fromSingle(fpu.unit, memoryCell(op), fpu.words[operandWord]!), b);
    },
    [`${name}M64`]: (fpu, _a, b) => {
      if (!isReady(fpu, b)) return;
      const [lo, hi] = [fpu.words[operandWord]!, fpu.words[operandWord + 1]!];
      withMemory(fpu, op, fromDouble(fpu.unit, memoryCell(op), hi, lo), b);
    },
    [`${integerName}M32`]: (fpu, _a, b) => {
      if (!isReady(fpu, b)) return;
      fromInt32(fpu.unit, memoryCell(op), fpu.words[operandWord]!);
      withMemory(fpu, op, loaded.plain, b);
    },
    [`${integerName}M16`]: (fpu, _a, b) => {
      if (!isReady(fpu, b)) return;
      fromInt32(fpu.unit, memoryCell(op), (fpu.words[operandWord]! << 16) >> 16);
      withMemory(fpu, op, loaded.plain, b);
    },
  };
}

/** ST(0) = operation of ST(0). */
export const unary =
  (operate: (u: Float80Unit) => void): X87Helper =>
  (fpu, _a, b) => {
    if (!isReady(fpu, b)) return;
    fpu.load(0, cell.a);
    operate(fpu.unit);
    if (fpu.finish(b)) fpu.store(0, cell.r);
  };

function partialRemainder(fpu: X87, toNearest: boolean, opcode: number): void {
  fpu.start();
  fpu.status &= ~status.C2;
  if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
    if (fpu.stackFault(0, opcode)) fpu.storeIndefinite(0);
    return;
  }
  fpu.load(0, cell.a);
  fpu.load(1, cell.b);
  const { isPartial, quotient } = remainder(fpu.unit, toNearest);
  if (!fpu.finish(opcode)) return;
  fpu.store(0, cell.r);
  if (quotient === undefined) return;
  let codes = isPartial ? status.C2 : 0;
  if (quotient & 4) codes |= status.C0;
  if (quotient & 2) codes |= status.C3;
  if (quotient & 1) codes |= status.C1;
  fpu.status = (fpu.status & ~conditionCodes) | codes;
}

function fscale(fpu: X87, _a: number, opcode: number): void {
  fpu.start();
  if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
    if (fpu.stackFault(0, opcode)) fpu.storeIndefinite(0);
    return;
  }
  fpu.load(0, cell.a);
  fpu.load(1, cell.b);
  scale(fpu.unit);
  if (fpu.finish(opcode)) fpu.store(0, cell.r);
}

/** Gives ST(0) and a newly pushed register the default QNaN after a masked stack fault. */
export function pushIndefinitePair(fpu: X87): void {
  fpu.storeIndefinite(0);
  fpu.top -= 1;
  fpu.storeIndefinite(0);
}

/**
 * Begins an instruction that replaces ST(0) and pushes; `cleared` are condition codes that it clears in any case.
 * False when it ends with a stack fault.
 */
export function canExpand(fpu: X87, opcode: number, cleared: number): boolean {
  fpu.start();
  fpu.status &= ~cleared;
  const isUnderflow = fpu.isEmpty(0);
  if (!isUnderflow && fpu.isEmpty(-1)) return true;
  if (fpu.stackFault(isUnderflow ? 0 : 1, opcode)) pushIndefinitePair(fpu);
  return false;
}

function fxtract(fpu: X87, _a: number, opcode: number): void {
  if (!canExpand(fpu, opcode, 0)) return;
  fpu.load(0, cell.a);
  extract(fpu.unit);
  if (!fpu.finish(opcode)) return;
  fpu.store(0, cell.q);
  fpu.top -= 1;
  fpu.store(0, cell.r);
}

export const arithmeticHelpers: X87Helpers = {
  ...Object.assign({}, ...Object.entries(operation).map(([name, op]) => formsOf(name, op))),
  fsqrt: unary(squareRoot),
  frndint: unary(roundToIntegral),
  fprem: (fpu, _a, b) => partialRemainder(fpu, false, b),
  fprem1: (fpu, _a, b) => partialRemainder(fpu, true, b),
  fscale,
  fxtract,
};
