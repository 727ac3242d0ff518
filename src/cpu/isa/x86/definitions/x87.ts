/** x87 rows, made from the table of escape opcodes in `x87/decode.ts` (SDM 2, A.5.2). */
import type { Val, WasmEmitter } from '../../index.ts';
import { conditionHolds } from '../arithmetic-flags.ts';
import { layout } from '../layout.ts';
import { hex, type Row, type RowOptions, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { decodeX87, order, storePlan, type X87Instruction, type X87Memory, x87Functions } from '../x87/index.ts';

const unit = { unit: 'x87', width: 32 } as const;

/** Calls the function that does the common case and leaves the rest to the helper of the same name. */
function callFunction(x: X86Target, name: string, ...args: readonly Val[]): void {
  const [faulted] = x.shared(name, ...args, x.rip());
  x.faultIf(faulted as Val);
}

/** Whether generated code accesses the operand; helpers access whole environments themselves. */
const isInUnit = (access: X87Memory['access'] | undefined): boolean => access === 'read' || access === 'write';

/** An operand of up to 8 bytes, or the lower 8 bytes of one. */
function loadLow(x: X86Target, linear: Val, bytes: number): Val {
  if (bytes === 2) return x.load(16, linear);
  return x.load(bytes === 4 ? 32 : 64, linear);
}

function read(e: WasmEmitter, x: X86Target, { helper, a, b }: X87Instruction, linear: Val, bytes: number): void {
  const low = loadLow(x, linear, bytes);
  const rest = bytes === 10 ? [x.load(16, above(x, e, linear, 8))] : [];
  if (helper in x87Functions) {
    callFunction(x, helper, low, ...rest, e.i32(b));
    return;
  }
  x.setState(bytes < 8 ? 'i32' : 'i64', layout.helper, low);
  if (rest[0]) x.setState('i32', layout.helper + 8, rest[0]);
  x.unitHelper(helper, e.i32(a), e.i32(b));
}

/** Both parts are made writable before one is written: nothing is stored when any of it faults. */
function storeOperand(x: X86Target, e: WasmEmitter, linear: Val, bytes: number, value: Val): void {
  const narrow = (): Val => e.op('i32.wrap_i64', value);
  if (bytes === 2) x.store(16, linear, narrow());
  else if (bytes === 4) x.store(32, linear, narrow());
  else {
    if (bytes === 10) {
      x.writable(64, linear, 'write');
      x.store(16, above(x, e, linear, 8), x.state('u16', layout.helper + 8));
    }
    x.store(64, linear, value);
  }
}

const above = (x: X86Target, e: WasmEmitter, linear: Val, bytes: number): Val =>
  x.wrapAddress(e.op('i64.add', linear, e.i64(BigInt(bytes))));

/** Stores, then does what the store does to the FPU: the memory write may fault, and nothing is changed then. */
function write(e: WasmEmitter, x: X86Target, instruction: X87Instruction, linear: Val, bytes: number): void {
  const { helper, a, b } = instruction;
  if (!(helper in x87Functions)) {
    const isToStore = x.unitHelper(helper, e.i32(a), e.i32(b));
    e.when(isToStore, () => storeOperand(x, e, linear, bytes, x.state('i64', layout.helper)));
    x.unitHelper('x87Commit');
    return;
  }
  const [value, plan] = x.shared(helper, e.i32(b), x.rip()) as [Val, Val];
  x.faultIf(e.op('i32.eq', plan, e.i32(storePlan.faulted)));
  const store = (): void => storeOperand(x, e, linear, bytes, value);
  e.when(e.op('i32.ge_s', plan, e.i32(storePlan.store)), store, undefined, true);
  const commit = (): void => {
    x.setState('u16', layout.x87Status, plan);
    x.setState('u16', layout.x87Tag, e.op('i32.shr_u', plan, e.i32(16)));
    x.setState('i64', layout.x87InstructionPointer, x.rip());
  };
  e.when(e.op('i32.ge_s', plan, e.i32(0)), commit, () => void x.unitHelper('x87Commit'), true);
}

/** Stores of control and status word: without exceptions. */
const plainStores: Readonly<Record<string, number>> = { fnstcw: layout.x87Control, fnstswM16: layout.x87Status };

/** Operand size 16 matters for environments only. */
function memoryBody(plain: X87Instruction, short: X87Instruction): Body {
  return (e, x, w, address) => {
    const instruction = w === 16 ? short : plain;
    const { helper, a, b, memory } = instruction;
    const linear = address as Val;
    const word = plainStores[helper];
    if (word !== undefined) {
      x.store(16, linear, x.state('u16', word));
      return;
    }
    if (!memory || !isInUnit(memory.access)) {
      x.setHelperArgument(linear);
      x.helper(helper, e.i32(a), e.i32(b));
      return;
    }
    // What the data pointer becomes when an exception is unmasked; the segment's base is not taken off again.
    x.setState('i64', layout.ea, linear);
    (memory.access === 'read' ? read : write)(e, x, instruction, linear, memory.bytes);
  };
}

/** FCMOVcc: the condition's code (SDM 1, appendix B) by the end of its name. */
const conditionCodes: Readonly<Record<string, number>> = { b: 2, e: 4, be: 6, u: 10, nb: 3, ne: 5, nbe: 7, nu: 11 };

/** ZF, PF and CF say what C3, C2 and C0 would; OF, SF and AF are cleared. See flags.ts for the words. */
function setFlags(e: WasmEmitter, x: X86Target, outcome: Val): void {
  const choice = (condition: Val, yes: bigint, no: bigint): Val => e.select(condition, e.i64(yes), e.i64(no));
  x.setFlags({
    zero: choice(e.op('i32.and', outcome, e.i32(order.equal)), 0n, 1n),
    sign: choice(e.op('i32.eq', outcome, e.i32(order.unordered)), 0n, 1n),
    // Carry, and its neighbour so that OF is clear.
    carry: choice(e.op('i32.and', outcome, e.i32(order.less)), 3n << 62n, 0n),
  });
}

/** `i`: the number of a register. */
function onRegister(e: WasmEmitter, x: X86Target, { helper, setsEflags }: X87Instruction, i: Val, opcode: Val): void {
  const condition = conditionCodes[helper.replace('fcmov', '')];
  if (helper === 'fnstswAx') x.setRegister(16, 0, x.state('u16', layout.x87Status));
  else if (setsEflags) {
    const [outcome] = x.shared(helper, i, opcode, x.rip()) as [Val];
    x.faultIf(e.op('i32.lt_s', outcome, e.i32(0)));
    setFlags(e, x, outcome);
  } else if (helper in x87Functions) callFunction(x, helper, i, opcode);
  else if (condition !== undefined) x.unitHelper(helper, i, opcode, conditionHolds(e, x.flags(), condition));
  else x.unitHelper(helper, i, opcode);
}

function memoryRow(opcode: number, digit: number): Row | undefined {
  const modrm = digit << 3;
  const plain = decodeX87(opcode, modrm, false);
  const short = decodeX87(opcode, modrm, true);
  if (!plain || !short) return undefined;
  const hasEnvironment = plain.memory?.access === 'linearRead' || plain.memory?.access === 'linearWrite';
  const options: RowOptions = {
    ...(hasEnvironment ? { unit: 'x87' } : unit),
    ...(plain.helper.startsWith('fisttp') && { feature: 'sse3' }),
  };
  return row(`${hex(opcode)} /${digit}`, plain.helper, hasEnvironment ? 'Nv' : 'Nd', memoryBody(plain, short), options);
}

/** One row for the eight registers of a column when they differ in the register only, else one for each. */
function registerRows(opcode: number, digit: number): Row[] {
  const forms = Array.from({ length: 8 }, (_, rm) => decodeX87(opcode, 0xc0 | (digit << 3) | rm));
  const [first] = forms;
  if (first && forms.every((form) => form?.helper === first.helper)) {
    const body: Body = (e, x, _w, number) => {
      const i = e.op('i32.and', number as Val, e.i32(7));
      onRegister(e, x, first, i, e.op('i32.or', i, e.i32(first.b)));
    };
    return [row(`${hex(opcode)} /${digit}`, first.helper, 'B', body, unit)];
  }
  return forms.flatMap((form, rm) => {
    if (!form) return [];
    const body: Body = (e, x) => onRegister(e, x, form, e.i32(form.a), e.i32(form.b));
    return [row(`${hex(opcode)} ${hex(0xc0 | (digit << 3) | rm)}`, form.helper, '', body, unit)];
  });
}

const escapes: Row[] = [];
for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
  for (let digit = 0; digit < 8; digit++) {
    const memory = memoryRow(opcode, digit);
    if (memory) escapes.push(memory);
    escapes.push(...registerRows(opcode, digit));
  }
}

/** FXSAVE and FXRSTOR: REX.W asks for 64-bit pointers. */
const wholeState =
  (name: string): Body =>
  (e, x, w, linear) => {
    x.setHelperArgument(linear as Val);
    x.helper(name, e.i32(w === 64 ? 1 : 0));
  };

const wait: Body = (_e, x) => {
  x.helper('requireWait');
  x.helper('fwait');
};

export const x87: readonly Row[] = [
  ...escapes,
  row('NP 0F AE /0', 'fxsave', 'Nv', wholeState('fxsave'), { unit: 'x87' }),
  row('NP 0F AE /1', 'fxrstor', 'Nv', wholeState('fxrstor'), { unit: 'x87' }),
  row('9B', 'fwait', '', wait, { width: 32 }),
];
