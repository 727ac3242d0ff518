/**
 * The escape opcodes D8-DF as a table (SDM 2, A.5.2), with the aliases that processors accept though the manual
 * leaves them out: DC D0 (FCOM), DC D8 (FCOMP), DD C8 and DF C8 (FXCH), DE D0 (FCOMP), DF D0 and DF D8 (FSTP),
 * D9 D8 (FSTP without the stack check), DF C0 (FFREEP), DB E0, E1 and E4 (no operation). FISTTP came with SSE3.
 */

export interface X87Memory {
  /**
   * `read`: generated code puts the bytes at `layout.helper` before the helper runs. `write`: it stores them from
   * there afterwards, if the helper returns 1. `linearRead` and `linearWrite`: the helper takes the linear address as
   * an i64 at `layout.helper` and makes the access itself.
   */
  readonly access: 'read' | 'write' | 'linearRead' | 'linearWrite';
  readonly bytes: number;
}

export interface X87Instruction {
  /** Key of `x87Helpers`. */
  readonly helper: string;
  /** Arguments of the helper: a register number or size; the 11-bit opcode. */
  readonly a: number;
  readonly b: number;
  readonly memory: X87Memory | undefined;
  /** The helper `x87Commit` is to be called after the store, and also when there was nothing to store. */
  readonly commit: boolean;
  readonly readsEflags: boolean;
  readonly setsEflags: boolean;
  /** Writes AX (FNSTSW AX). */
  readonly writesAx: boolean;
  /** Reports pending exceptions first; the helper does that itself. */
  readonly waits: boolean;
}

const operations = ['fadd', 'fmul', 'fcom', 'fcomp', 'fsub', 'fsubr', 'fdiv', 'fdivr'] as const;
const integerOperations = operations.map((name) => name.replace('f', 'fi'));

/** Helper and size of the memory operand, by opcode - D8 and reg field; size 0 = an environment. */
type MemoryRow = readonly (readonly [helper: string, bytes: number] | undefined)[];
const memoryForms: readonly MemoryRow[] = [
  operations.map((name) => [`${name}M32`, 4] as const),
  [
    ['fldM32', 4],
    undefined,
    ['fstM32', -4],
    ['fstpM32', -4],
    ['fldenv', 0],
    ['fldcw', 2],
    ['fnstenv', 0],
    ['fnstcw', -2],
  ],
  integerOperations.map((name) => [`${name}M32`, 4] as const),
  [
    ['fildM32', 4],
    ['fisttpM32', -4],
    ['fistM32', -4],
    ['fistpM32', -4],
    undefined,
    ['fldM80', 10],
    undefined,
    ['fstpM80', -10],
  ],
  operations.map((name) => [`${name}M64`, 8] as const),
  [
    ['fldM64', 8],
    ['fisttpM64', -8],
    ['fstM64', -8],
    ['fstpM64', -8],
    ['frstor', 0],
    undefined,
    ['fnsave', 0],
    ['fnstswM16', -2],
  ],
  integerOperations.map((name) => [`${name}M16`, 2] as const),
  [
    ['fildM16', 2],
    ['fisttpM16', -2],
    ['fistM16', -2],
    ['fistpM16', -2],
    ['fbld', 10],
    ['fildM64', 8],
    ['fbstp', -10],
    ['fistpM64', -8],
  ],
];

/** By opcode - D8 and reg field: one helper taking ST(i), or eight by rm field. */
type RegisterRow = readonly (string | undefined | readonly (string | undefined)[])[];
const none = undefined;
const registerForms: readonly RegisterRow[] = [
  operations.map((name) => (name.startsWith('fcom') ? name : `${name}Sti`)),
  [
    'fldSti',
    'fxch',
    ['fnop'],
    'fstpNoFault',
    ['fchs', 'fabs', none, none, 'ftst', 'fxam'],
    ['fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz'],
    ['f2xm1', 'fyl2x', 'fptan', 'fpatan', 'fxtract', 'fprem1', 'fdecstp', 'fincstp'],
    ['fprem', 'fyl2xp1', 'fsqrt', 'fsincos', 'frndint', 'fscale', 'fsin', 'fcos'],
  ],
  ['fcmovb', 'fcmove', 'fcmovbe', 'fcmovu', none, [none, 'fucompp'], none, none],
  [
    'fcmovnb',
    'fcmovne',
    'fcmovnbe',
    'fcmovnu',
    ['fnoOperation', 'fnoOperation', 'fnclex', 'fninit', 'fnoOperation'],
    'fucomi',
    'fcomi',
    none,
  ],
  ['faddToSti', 'fmulToSti', 'fcom', 'fcomp', 'fsubToSti', 'fsubrToSti', 'fdivToSti', 'fdivrToSti'],
  ['ffree', 'fxch', 'fstSti', 'fstpSti', 'fucom', 'fucomp', none, none],
  ['faddp', 'fmulp', 'fcomp', [none, 'fcompp'], 'fsubp', 'fsubrp', 'fdivp', 'fdivrp'],
  ['ffreep', 'fxch', 'fstpSti', 'fstpSti', ['fnstswAx'], 'fucomip', 'fcomip', none],
];

const notWaiting: ReadonlySet<string> = new Set(
  'fninit fnclex fnstcw fnstswM16 fnstswAx fnstenv fnsave fnoOperation'.split(' '),
);

/** Stores without a second half: they neither raise nor pop. */
const plainStores: ReadonlySet<string> = new Set(['fnstcw', 'fnstswM16']);

function memoryOf(helper: string, bytes: number, isOperandSize16: boolean): X87Memory {
  if (bytes > 0) return { access: 'read', bytes };
  if (bytes < 0) return { access: 'write', bytes: -bytes };
  const header = isOperandSize16 ? 14 : 28;
  switch (helper) {
    case 'fldenv':
      return { access: 'linearRead', bytes: header };
    case 'fnstenv':
      return { access: 'linearWrite', bytes: header };
    case 'frstor':
      return { access: 'linearRead', bytes: header + 80 };
    default:
      return { access: 'linearWrite', bytes: header + 80 };
  }
}

/** The instruction that an escape opcode and its ModRM byte make, or undefined for #UD. */
export function decodeX87(opcode: number, modrm: number, isOperandSize16 = false): X87Instruction | undefined {
  const column = (modrm >> 3) & 7;
  const fop = ((opcode & 7) << 8) | modrm;
  if (modrm < 0xc0) {
    const form = memoryForms[opcode & 7]?.[column];
    if (form === undefined) return undefined;
    const [helper, bytes] = form;
    const memory = memoryOf(helper, bytes, isOperandSize16);
    return instruction(helper, bytes === 0 && isOperandSize16 ? 2 : 4, fop, memory);
  }
  const entry = registerForms[opcode & 7]?.[column];
  const helper = typeof entry === 'string' ? entry : entry?.[modrm & 7];
  return helper === undefined ? undefined : instruction(helper, modrm & 7, fop, undefined);
}

function instruction(helper: string, a: number, b: number, memory: X87Memory | undefined): X87Instruction {
  return {
    helper,
    a,
    b,
    memory,
    commit: memory?.access === 'write' && !plainStores.has(helper),
    readsEflags: helper.startsWith('fcmov'),
    setsEflags: /^fu?comip?$/.test(helper),
    writesAx: helper === 'fnstswAx',
    waits: !notWaiting.has(helper),
  };
}
