/**
 * FLD, FST(P), FILD, FIST(P), FBLD, FBSTP.
 *
 * A store to memory runs in two halves, because the memory write may fault and the FPU must then be unchanged: the
 * helper puts the bytes at `layout.helper` and returns 1 when they are to be written, 0 when an unmasked exception
 * forbids it; generated code writes them; `x87Commit` then sets the status word and pops.
 */
import { layout } from '../../layout.ts';
import { fromDecimal, toDecimal } from '../bcd.ts';
import { fromDouble, fromInt32, fromInt64, fromSingle, loaded, toDouble, toInteger, toSingle } from '../convert.ts';
import { status, type X87 } from '../fpu.ts';
import { type ConstantName, loadConstant } from '../scale.ts';
import { cell, exception, type Float80Unit } from '../unit.ts';
import { operandWord, type X87Helper, type X87Helpers } from './helper.ts';

/** Begins a push; false when the stack is full and the instruction has ended. */
function canPush(fpu: X87, opcode: number): boolean {
  fpu.start();
  if (fpu.isEmpty(-1)) return true;
  pushFault(fpu, 1, opcode);
  return false;
}

function pushFault(fpu: X87, c1: number, opcode: number): void {
  if (!fpu.stackFault(c1, opcode)) return;
  fpu.top -= 1;
  fpu.storeIndefinite(0);
}

function push(fpu: X87): void {
  fpu.status &= ~status.C1;
  fpu.top -= 1;
  fpu.store(0, cell.r);
}

/** Pushes R, which came from a narrower value. Unlike arithmetic, an unmasked denormal is loaded all the same. */
function pushWidened(fpu: X87, kindOfLoad: number, opcode: number): void {
  if (kindOfLoad === loaded.signalingNan) {
    fpu.raise(exception.IE, 0, opcode);
    if ((fpu.control & exception.IE) === 0) return;
    fpu.unit.words[cell.r + 1]! |= 0x40000000;
  } else if (kindOfLoad === loaded.denormal) fpu.raise(exception.DE, 0, opcode);
  push(fpu);
}

function fldM32(fpu: X87, _a: number, opcode: number): void {
  if (canPush(fpu, opcode)) pushWidened(fpu, fromSingle(fpu.unit, cell.r, fpu.words[operandWord]!), opcode);
}

function fldM64(fpu: X87, _a: number, opcode: number): void {
  if (!canPush(fpu, opcode)) return;
  pushWidened(fpu, fromDouble(fpu.unit, cell.r, fpu.words[operandWord + 1]!, fpu.words[operandWord]!), opcode);
}

function fldM80(fpu: X87, _a: number, opcode: number): void {
  if (!canPush(fpu, opcode)) return;
  const w = fpu.unit.words;
  w[cell.r] = fpu.words[operandWord]!;
  w[cell.r + 1] = fpu.words[operandWord + 1]!;
  w[cell.r + 2] = fpu.words[operandWord + 2]! & 0xffff;
  push(fpu);
}

const pushing =
  (load: (fpu: X87) => void): X87Helper =>
  (fpu, _a, b) => {
    if (!canPush(fpu, b)) return;
    load(fpu);
    push(fpu);
  };

function fldSti(fpu: X87, i: number, opcode: number): void {
  fpu.start();
  const isUnderflow = fpu.isEmpty(i);
  if (isUnderflow || !fpu.isEmpty(-1)) {
    pushFault(fpu, isUnderflow ? 0 : 1, opcode);
    return;
  }
  fpu.status &= ~status.C1;
  fpu.top -= 1;
  fpu.copy(i + 1, 0);
}

/** Writes the unit's result to `layout.helper`; false when nothing is to be stored. */
type Convert = (fpu: X87, u: Float80Unit) => boolean;

function copyOut(fpu: X87, u: Float80Unit, isStored: boolean): boolean {
  fpu.words[operandWord] = u.words[cell.q]!;
  fpu.words[operandWord + 1] = u.words[cell.q + 1]!;
  return isStored;
}

const converts = {
  m32: (fpu, u) => copyOut(fpu, u, toSingle(u)),
  m64: (fpu, u) => copyOut(fpu, u, toDouble(u)),
  m80: (fpu, u) => {
    fpu.words[operandWord] = u.words[cell.a]!;
    fpu.words[operandWord + 1] = u.words[cell.a + 1]!;
    fpu.words[operandWord + 2] = u.words[cell.a + 2]!;
    return true;
  },
  i16: (fpu, u) => copyOut(fpu, u, toInteger(u, 16)),
  i32: (fpu, u) => copyOut(fpu, u, toInteger(u, 32)),
  i64: (fpu, u) => copyOut(fpu, u, toInteger(u, 64)),
  decimal: (fpu, u) => toDecimal(u, fpu.bytes.subarray(layout.helper, layout.helper + 10)),
} satisfies Record<string, Convert>;

/** As FIST does with rounding control "towards zero". */
const truncated =
  (convert: Convert): Convert =>
  (fpu, u) => {
    u.control |= roundingControl;
    return convert(fpu, u);
  };
const roundingControl = 0xc00;

/** What an empty register stores when that is masked: the format's indefinite. */
const empty = { signExponent: 0xffff, hi: 0xc0000000 | 0 };

function storing(convert: Convert, pops: boolean): X87Helper {
  return (fpu, _a, b) => {
    fpu.startStore();
    const u = fpu.unit;
    const isEmpty = fpu.isEmpty(0);
    if (isEmpty) {
      u.words[cell.a] = 0;
      u.words[cell.a + 1] = empty.hi;
      u.words[cell.a + 2] = empty.signExponent;
    } else fpu.load(0, cell.a);
    const isConverted = convert(fpu, u);
    const raised = isEmpty ? exception.IE | status.stackFault : u.raised;
    const isStored = isConverted && !(isEmpty && (u.control & exception.IE) === 0);
    fpu.hold(raised, b, pops && isStored);
    return isStored ? 1 : 0;
  };
}

/** FST and FSTP to a register. */
function storeRegister(fpu: X87, i: number, opcode: number): boolean {
  fpu.start();
  if (fpu.isEmpty(0)) {
    const isMasked = fpu.stackFault(0, opcode);
    if (isMasked) fpu.storeIndefinite(i);
    return isMasked;
  }
  fpu.status &= ~status.C1;
  fpu.copy(0, i);
  return true;
}

const constant = (name: ConstantName): X87Helper => pushing((fpu) => loadConstant(fpu.unit, name));

export const loadStoreHelpers: X87Helpers = {
  fldM32,
  fldM64,
  fldM80,
  fldSti,
  fildM16: pushing((fpu) => fromInt32(fpu.unit, cell.r, (fpu.words[operandWord]! << 16) >> 16)),
  fildM32: pushing((fpu) => fromInt32(fpu.unit, cell.r, fpu.words[operandWord]!)),
  fildM64: pushing((fpu) => fromInt64(fpu.unit, cell.r, fpu.words[operandWord + 1]!, fpu.words[operandWord]!)),
  fbld: pushing((fpu) => fromDecimal(fpu.unit, cell.r, fpu.bytes.subarray(layout.helper, layout.helper + 10))),
  fld1: constant('one'),
  fldl2t: constant('log2Of10'),
  fldl2e: constant('log2OfE'),
  fldpi: constant('pi'),
  fldlg2: constant('log10Of2'),
  fldln2: constant('lnOf2'),
  fldz: constant('zero'),
  fstM32: storing(converts.m32, false),
  fstpM32: storing(converts.m32, true),
  fstM64: storing(converts.m64, false),
  fstpM64: storing(converts.m64, true),
  fstpM80: storing(converts.m80, true),
  fistM16: storing(converts.i16, false),
  fistpM16: storing(converts.i16, true),
  fistM32: storing(converts.i32, false),
  fistpM32: storing(converts.i32, true),
  fistpM64: storing(converts.i64, true),
  fisttpM16: storing(truncated(converts.i16), true),
  fisttpM32: storing(truncated(converts.i32), true),
  fisttpM64: storing(truncated(converts.i64), true),
  fbstp: storing(converts.decimal, true),
  fstSti: (fpu, a, b) => {
    storeRegister(fpu, a, b);
  },
  fstpSti: (fpu, a, b) => {
    if (storeRegister(fpu, a, b)) fpu.pop();
  },
  x87Commit: (fpu) => fpu.commit(),
};
