import {
  type Effects,
  effectsWith,
  type Instruction,
  noRegister,
  originForm,
  ripBase,
  type VariantOperand,
} from '../isa/x86/index.ts';

/** Registers as bits: general ones 0 to 15, XMM 16 to 31. */
export type RegisterSet = number;
export const generalBit = (number: number): RegisterSet => 1 << number;
export const vectorBit = (number: number): RegisterSet => 1 << (16 + number);

/** Forms of flags as bits, as `layout.flagForm` numbers them; bit 1 for words that are newer in locals than in memory. */
export type FormSet = number;
export const memoryForms: FormSet = 1 << 0;
export const wordForms: FormSet = 1 << 1;

/** The only form of a set, if there is one. */
export const formOf = (forms: FormSet): number | undefined =>
  (forms & (forms - 1)) === 0 ? 31 - Math.clz32(forms) : undefined;

/** What an instruction reads and writes of what a region keeps in locals. */
export interface Touches {
  /** What it reads, or leaves as it was in part or sometimes. */
  readonly reads: RegisterSet;
  readonly writes: RegisterSet;
  /** Written whole and always. */
  readonly replaces: RegisterSet;
  readonly readsFlags: boolean;
  readonly replacesFlags: boolean;
  readonly setsFlagsInBranch: boolean;
  /** Forms that the flags may have behind it, besides the one from before unless it replaces that. */
  readonly flagForms: FormSet;
  readonly replacesForm: boolean;
  /** Calls helpers, which find everything in memory and may change it. */
  readonly hasHelper: boolean;
  /** Everything goes through memory, whatever happens. */
  readonly isBarrier: boolean;
}

const nothing: Touches = {
  reads: 0,
  writes: 0,
  replaces: 0,
  readsFlags: false,
  replacesFlags: false,
  setsFlagsInBranch: false,
  flagForms: 0,
  replacesForm: false,
  hasHelper: false,
  isBarrier: false,
};

const bitsOf = (numbers: ReadonlySet<number>): RegisterSet => {
  let bits = 0;
  for (const number of numbers) bits |= generalBit(number);
  return bits;
};

export function touchesOf(instruction: Instruction): Touches {
  let touches = known.get(instruction);
  if (!touches) known.set(instruction, (touches = findTouches(instruction)));
  return touches;
}

/** Decoded instructions are shared (see CachedDecoder). */
const known = new WeakMap<Instruction, Touches>();

function findTouches(instruction: Instruction): Touches {
  const { variant, memory } = instruction;
  if (!variant) return nothing;
  const effects = effectsWith(variant, instruction.immediates[0]);
  let reads = bitsOf(effects.registersRead);
  let writes = bitsOf(effects.registersWritten);
  let replaces = bitsOf(effects.registersReplaced);
  reads |= writes & ~replaces;
  if (memory && memory.base !== noRegister && memory.base !== ripBase) reads |= generalBit(memory.base);
  if (memory && memory.index !== noRegister) reads |= generalBit(memory.index);
  for (const operand of variant.operands) {
    const place = placeOf(operand, instruction);
    if (!place) continue;
    if (operand.access !== 'write') reads |= place.bit;
    if (operand.access === 'read') continue;
    writes |= place.bit;
    if (place.isWhole && !effects.isConditional) replaces |= place.bit;
    else reads |= place.bit;
  }
  return {
    reads,
    writes,
    replaces,
    readsFlags: effects.readsFlags || effects.mayKeepFlags,
    replacesFlags: effects.writesFlags && !effects.mayKeepFlags,
    setsFlagsInBranch: effects.setsFlagsInBranch,
    ...formsAfter(effects),
    hasHelper: effects.helpers.size > 0,
    isBarrier: effects.alwaysCallsHelper,
  };
}

/** As `RegionFrame` gives flags their form. */
function formsAfter(effects: Effects): Pick<Touches, 'flagForms' | 'replacesForm'> {
  const { readsFlags, writesFlags, mayKeepFlags, setsFlagsInBranch, setsOtherFlags, flagOrigins, helpers } = effects;
  let flagForms: FormSet = 0;
  for (const origin of flagOrigins) flagForms |= 1 << originForm(origin);
  if (setsOtherFlags || setsFlagsInBranch) flagForms |= wordForms;
  const hasHelper = helpers.size > 0;
  const replacesForm = writesFlags && !mayKeepFlags && !setsFlagsInBranch && !hasHelper;
  if (!replacesForm && (readsFlags || setsFlagsInBranch || hasHelper)) flagForms |= wordForms | memoryForms;
  return { flagForms, replacesForm };
}

/** The register of an operand, and whether a write leaves nothing of it. */
function placeOf(
  operand: VariantOperand,
  { registers, hasRex }: Instruction,
): { readonly bit: RegisterSet; readonly isWhole: boolean } | undefined {
  if (operand.kind === 'register') {
    const number = registers[operand.source];
    const isHighByte = operand.width === 8 && !hasRex && number >= 4 && number < 8;
    return { bit: generalBit(isHighByte ? number - 4 : number), isWhole: operand.width >= 32 };
  }
  if (operand.kind === 'vector')
    return { bit: vectorBit(registers[operand.source]), isWhole: operand.type === 'v128' || operand.type === 'v256' };
  return undefined;
}
