/** x87 rows, made from the table of escape opcodes in `x87/decode.ts` (SDM 2, A.5.2). */
import type { Val, WasmEmitter } from '../../index.ts';
import { layout } from '../layout.ts';
import { hex, type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { decodeX87, type X87Instruction } from '../x87/index.ts';

const unit = { unit: 'x87', width: 32 } as const;

/** The operand lies at `layout.helper`: 10-byte ones as 8 and 2. */
function loadOperand(x: X86Target, e: WasmEmitter, linear: Val, bytes: number): void {
  if (bytes === 2) x.setState('i32', layout.helper, x.load(16, linear));
  else if (bytes === 4) x.setState('i32', layout.helper, x.load(32, linear));
  else {
    const low = x.load(64, linear);
    if (bytes === 10) x.setState('i32', layout.helper + 8, x.load(16, above(x, e, linear, 8)));
    x.setState('i64', layout.helper, low);
  }
}

/** Both parts are made writable before one is written: nothing is stored when any of it faults. */
function storeOperand(x: X86Target, e: WasmEmitter, linear: Val, bytes: number): void {
  if (bytes === 2) x.store(16, linear, x.state('u16', layout.helper));
  else if (bytes === 4) x.store(32, linear, x.state('i32', layout.helper));
  else {
    if (bytes === 10) {
      x.writable(64, linear, 'write');
      x.store(16, above(x, e, linear, 8), x.state('u16', layout.helper + 8));
    }
    x.store(64, linear, x.state('i64', layout.helper));
  }
}

const above = (x: X86Target, e: WasmEmitter, linear: Val, bytes: number): Val =>
  x.wrapAddress(e.op('i64.add', linear, e.i64(BigInt(bytes))));

/** Operand size 16 matters for environments only. */
function memoryBody(plain: X87Instruction, short: X87Instruction): Body {
  return (e, x, w, linear) => {
    const { helper, a, b, memory, commit } = w === 16 ? short : plain;
    const access = memory?.access;
    if (access === 'read') loadOperand(x, e, linear as Val, memory?.bytes ?? 0);
    else if (access !== 'write') x.setHelperArgument(linear as Val);
    // What the data pointer becomes when an exception is unmasked; the segment's base is not taken off again.
    if (access === 'read' || access === 'write') x.setState('i64', layout.ea, linear as Val);
    const isToStore = x.helper(helper, e.i32(a), e.i32(b));
    if (access !== 'write') return;
    const store = (): void => storeOperand(x, e, linear as Val, memory?.bytes ?? 0);
    if (!commit) return store();
    e.when(isToStore, store);
    x.helper('x87Commit');
  };
}

function memoryRow(opcode: number, digit: number): Row | undefined {
  const modrm = digit << 3;
  const plain = decodeX87(opcode, modrm, false);
  const short = decodeX87(opcode, modrm, true);
  if (!plain || !short) return undefined;
  const hasEnvironment = plain.memory?.access === 'linearRead' || plain.memory?.access === 'linearWrite';
  const options = hasEnvironment ? { unit: 'x87' as const } : unit;
  return row(`${hex(opcode)} /${digit}`, plain.helper, hasEnvironment ? 'Nv' : 'Nd', memoryBody(plain, short), options);
}

/** One row for the eight registers of a column when they differ in the register only, else one for each. */
function registerRows(opcode: number, digit: number): Row[] {
  const forms = Array.from({ length: 8 }, (_, rm) => decodeX87(opcode, 0xc0 | (digit << 3) | rm));
  const [first] = forms;
  if (first && forms.every((form) => form?.helper === first.helper)) {
    const body: Body = (e, x, _w, number) => {
      const i = e.op('i32.and', number as Val, e.i32(7));
      x.helper(first.helper, i, e.op('i32.or', i, e.i32(first.b)));
    };
    return [row(`${hex(opcode)} /${digit}`, first.helper, 'B', body, unit)];
  }
  return forms.flatMap((form, rm) => {
    if (!form) return [];
    const body: Body = (e, x) => void x.helper(form.helper, e.i32(form.a), e.i32(form.b));
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
