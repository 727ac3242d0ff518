/** FCOM, FUCOM, FICOM, FTST, FXAM, and FCOMI, which answers in EFLAGS. */
import { compare, examine, order } from '../compare.ts';
import { fromDouble, fromInt32, fromSingle, loaded } from '../convert.ts';
import { status, type X87 } from '../fpu.ts';
import { cell, exception, setCell } from '../unit.ts';
import { operandWord, type X87Helpers } from './helper.ts';

const { C0, C1, C2, C3 } = status;
/** Condition codes by outcome: greater, less, equal, unordered. */
const codesOf = [0, C0, C3, C3 | C2 | C0] as const;

function setCodes(fpu: X87, codes: number): void {
  fpu.status = (fpu.status & ~(C3 | C2 | C0)) | codes;
}

/** Compares cells A and B; true when the instruction may pop. A refused compare still answers (checked on hardware). */
function compareLoaded(fpu: X87, quietIsInvalid: boolean, kindOfLoad: number, opcode: number): boolean {
  const u = fpu.unit;
  const outcome = compare(u, quietIsInvalid);
  if (kindOfLoad === loaded.denormal && outcome !== order.unordered) u.raised |= exception.DE;
  setCodes(fpu, codesOf[outcome]!);
  return fpu.finish(opcode);
}

/** A compare with an empty register: unordered. True when the instruction may pop. */
function compareEmpty(fpu: X87, opcode: number): boolean {
  setCodes(fpu, C3 | C2 | C0);
  return fpu.stackFault(0, opcode);
}

function compareRegisters(fpu: X87, i: number, quietIsInvalid: boolean, opcode: number): boolean {
  fpu.start();
  if (fpu.isEmpty(0) || fpu.isEmpty(i)) return compareEmpty(fpu, opcode);
  fpu.load(0, cell.a);
  fpu.load(i, cell.b);
  return compareLoaded(fpu, quietIsInvalid, loaded.plain, opcode);
}

type Load = (fpu: X87) => number;
const loads: Record<string, Load> = {
  fcomM32: (fpu) => fromSingle(fpu.unit, cell.b, fpu.words[operandWord]!),
  fcomM64: (fpu) => fromDouble(fpu.unit, cell.b, fpu.words[operandWord + 1]!, fpu.words[operandWord]!),
  ficomM32: (fpu) => {
    fromInt32(fpu.unit, cell.b, fpu.words[operandWord]!);
    return loaded.plain;
  },
  ficomM16: (fpu) => {
    fromInt32(fpu.unit, cell.b, (fpu.words[operandWord]! << 16) >> 16);
    return loaded.plain;
  },
};

function compareMemory(fpu: X87, load: Load, opcode: number): boolean {
  fpu.start();
  if (fpu.isEmpty(0)) return compareEmpty(fpu, opcode);
  fpu.load(0, cell.a);
  return compareLoaded(fpu, true, load(fpu), opcode);
}

function memoryForms(): X87Helpers {
  const forms: X87Helpers = {};
  for (const [name, load] of Object.entries(loads)) {
    forms[name] = (fpu, _a, b) => {
      compareMemory(fpu, load, b);
    };
    forms[name.replace('com', 'comp')] = (fpu, _a, b) => {
      if (compareMemory(fpu, load, b)) fpu.pop();
    };
  }
  return forms;
}

/** The outcome, which generated code gives the flags. */
function compareToFlags(fpu: X87, i: number, quietIsInvalid: boolean, opcode: number, pops: boolean): number {
  fpu.start();
  if (fpu.isEmpty(0) || fpu.isEmpty(i)) {
    if (fpu.stackFault(0, opcode) && pops) fpu.pop();
    return order.unordered;
  }
  fpu.load(0, cell.a);
  fpu.load(i, cell.b);
  const outcome = compare(fpu.unit, quietIsInvalid);
  const { raised } = fpu.unit;
  // Unlike FCOM, FCOMI clears C1 only with a stack fault (checked on hardware).
  if (raised !== 0) fpu.raise(raised, (fpu.status & C1) >> 9, opcode);
  if (pops && (raised & ~fpu.control) === 0) fpu.pop();
  return outcome;
}

function ftst(fpu: X87, _a: number, opcode: number): void {
  fpu.start();
  if (fpu.isEmpty(0)) {
    compareEmpty(fpu, opcode);
    return;
  }
  fpu.load(0, cell.a);
  setCell(fpu.unit, cell.b, 0, 0, 0);
  compareLoaded(fpu, true, loaded.plain, opcode);
}

function fxam(fpu: X87): void {
  fpu.start();
  fpu.load(0, cell.a);
  const sign = fpu.unit.words[cell.a + 2]! & 0x8000 ? C1 : 0;
  const codes = fpu.isEmpty(0) ? C3 | C0 : examine(fpu.unit);
  fpu.status = (fpu.status & ~(C3 | C2 | C1 | C0)) | codes | sign;
}

export const compareHelpers: X87Helpers = {
  ...memoryForms(),
  fcom: (fpu, a, b) => {
    compareRegisters(fpu, a, true, b);
  },
  fcomp: (fpu, a, b) => {
    if (compareRegisters(fpu, a, true, b)) fpu.pop();
  },
  fcompp: (fpu, _a, b) => {
    if (!compareRegisters(fpu, 1, true, b)) return;
    fpu.pop();
    fpu.pop();
  },
  fucom: (fpu, a, b) => {
    compareRegisters(fpu, a, false, b);
  },
  fucomp: (fpu, a, b) => {
    if (compareRegisters(fpu, a, false, b)) fpu.pop();
  },
  fucompp: (fpu, _a, b) => {
    if (!compareRegisters(fpu, 1, false, b)) return;
    fpu.pop();
    fpu.pop();
  },
  fcomi: (fpu, a, b) => compareToFlags(fpu, a, true, b, false),
  fcomip: (fpu, a, b) => compareToFlags(fpu, a, true, b, true),
  fucomi: (fpu, a, b) => compareToFlags(fpu, a, false, b, false),
  fucomip: (fpu, a, b) => compareToFlags(fpu, a, false, b, true),
  ftst,
  fxam,
};
