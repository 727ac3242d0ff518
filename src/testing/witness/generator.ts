/** Random instruction sequences drawn from the instruction tables. */
import type { RegisterNumbers, Variant, VariantOperand, VexForm } from '../../cpu/isa/x86/index.ts';
import { formsOf, operandSizesOf, variantOf } from '../../cpu/isa/x86/variant.ts';
import { chooseAim, directOffset, encodeAddress, segmentPrefix } from './address.ts';
import type { WitnessCase, WitnessMode } from './case.ts';
import type { Draft } from './draft.ts';
import { arithmeticFlags, flagEffects, implicitRegisters } from './effects.ts';
import { type EncodedAddress, type EncodedInstruction, encode, littleEndian } from './encoding.ts';
import { type Encoding, EncodingDraw, encodings, floatEncodings, unitOf, type WitnessUnit } from './encodings.ts';
import { familyOf } from './families.ts';
import { type Preparation, prepare, prepareFloats } from './preparation.ts';
import { Random } from './random.ts';
import { Sequence } from './sequence.ts';
import { fillerVectors, floatingVectors } from './state-seeds.ts';

const lengths = [1, 1, 2, 2, 3, 3, 4, 5, 6, 8];
const direction = 0x400;
const maximumLength = 15;
/** Who so often draws nothing that can come next has nothing that can. */
const mostDraws = 1000;

export interface HostLimits {
  /** Names of rows that are left out. */
  readonly without: ReadonlySet<string>;
  /** What keeps the others, by name, to where hosts agree. */
  readonly within: Readonly<Record<string, Preparation>>;
}

export interface GeneratorOptions {
  readonly mode: WitnessMode;
  readonly units: readonly WitnessUnit[];
  /** Floating-point instructions only, on unusual values, with any MXCSR. */
  readonly hasFloats?: boolean | undefined;
  /** What a host cannot do as ours does. */
  readonly limits?: HostLimits;
  /** Only what not every x86-64 processor has. */
  readonly extensions?: boolean | undefined;
  /** Only rows of these names. */
  readonly names?: ReadonlySet<string> | undefined;
}

export class Generator {
  readonly #draw: EncodingDraw;
  readonly #mode: WitnessMode;
  readonly #hasVectors: boolean;
  readonly #hasFloats: boolean;
  readonly #limits: HostLimits | undefined;

  constructor({ mode, units, hasFloats = false, limits, extensions = false, names }: GeneratorOptions) {
    this.#limits = limits;
    this.#hasFloats = hasFloats;
    this.#mode = mode;
    this.#hasVectors = units.some((unit) => unit !== 'integer');
    const absent = mode === 64 ? 'legacy' : 'mode64';
    const drawn = hasFloats ? floatEncodings : encodings;
    const usable = drawn.filter((e) => {
      const { only, name, feature } = e.candidate.row;
      if (extensions && feature === undefined) return false;
      if (names && !names.has(name)) return false;
      return units.includes(unitOf(e)) && only !== absent && !limits?.without.has(name);
    });
    this.#draw = new EncodingDraw(usable);
  }

  /**
   * The case of this seed; the same again as long as the tables are. It is shorter where nothing that is drawn from can come
   * next. Throws RangeError when nothing can come first.
   */
  generate(seed: number): WitnessCase {
    const random = new Random(seed);
    const sequence = new Sequence(random, this.#mode);
    const length = random.pick(lengths);
    for (let i = 0; i < length && this.#appendAny(sequence); i++) sequence.land();
    if (sequence.instructions.length === 0) {
      throw new RangeError('Cannot generate a sequence: no instruction of those to draw from can be its first');
    }
    sequence.finish();
    const eflags = random.below(0x1000) & (arithmeticFlags | (random.oneIn(3) ? direction : 0));
    return {
      mode: sequence.mode,
      hasSmallSegments: sequence.hasSmallSegments,
      image: sequence.image,
      patches: sequence.patches,
      eflags,
      gpr: sequence.initialRegisters(),
      vector: this.#hasVectors ? (this.#hasFloats ? floatingVectors : fillerVectors)(sequence.stateSeed) : undefined,
      hasFloats: this.#hasFloats,
      stateSeed: sequence.stateSeed,
      codeOffset: sequence.codeOffset,
      code: Uint8Array.from(sequence.code),
      undefinedAtEnd: sequence.undefinedFlags,
      undefinedAtFault: sequence.undefinedAtFault | sequence.undefinedFlags,
      instructions: sequence.instructions,
    };
  }

  /** Draws instructions until one can come here; false when none can. */
  #appendAny(sequence: Sequence): boolean {
    if (this.#draw.total === 0) return false;
    for (let draws = 0; draws < mostDraws; draws++) if (this.#append(sequence)) return true;
    return false;
  }

  /** Draws one instruction; false when it cannot come here. */
  #append(sequence: Sequence): boolean {
    const { random } = sequence;
    const encoding = this.#draw.at(random.below(this.#draw.total));
    const draft = drawDraft(sequence, encoding);
    const { name } = draft;
    const flags = flagEffects(name, draft.variant.shape.width, undefined);
    if ((flags.reads & sequence.undefinedFlags) !== 0) return false;
    if (!prepare(sequence, draft)) return false;
    if (this.#limits?.within[name]?.(sequence, draft) === false) return false;
    if (this.#hasFloats) prepareFloats(sequence, draft);
    const count = shiftCount(sequence, draft);
    const instruction = assemble(sequence, draft);
    const bytes = [...encode(instruction, sequence.position), ...draft.follow];
    const offset = sequence.code.length;
    sequence.code.push(...bytes);
    const effects = flagEffects(name, draft.variant.shape.width, count);
    sequence.instructions.push({
      offset,
      length: bytes.length,
      name,
      family: familyOf(draft.encoding.candidate.row),
      flags: effects,
    });
    sequence.applyFlags(effects);
    noteRegisters(sequence, draft);
    noteBranch(sequence, draft, offset + bytes.length);
    return true;
  }
}

function pickRegister(sequence: Sequence): number {
  const { random } = sequence;
  const register = random.oneIn(2) ? random.pick(sequence.favourites) : random.below(sequence.registers);
  return register === 4 && !random.oneIn(8) ? random.below(4) : register;
}

function drawDraft(sequence: Sequence, encoding: Encoding): Draft {
  const { random, mode } = sequence;
  const { row } = encoding.candidate;
  const stack = mode === 64 ? 'rsp' : 'esp';
  const sizes = operandSizesOf(row, stack);
  const operandSize = random.pick(sizes) as 16 | 32 | 64;
  const form = random.pick(formsOf(row));
  const isMemory = form === 'memory' && encoding.candidate.modrm === undefined;
  const variant = variantOf(row, { operandSize, form, stack });
  const memory = variant.operands.find((o) => o.kind === 'memory');
  const bytes = memory?.kind === 'memory' ? accessBytes(memory) : operandSize / 8;
  const isAligned = memory?.kind === 'memory' && memory.isAligned && (memory.type === 'v128' || memory.type === 'v256');
  return {
    encoding,
    name: row.name,
    variant,
    operandSize,
    isMemory,
    isGather: row.hasVectorIndex === true,
    hasRex: mode === 64 && random.oneIn(3),
    rm: pickRegister(sequence),
    reg: pickRegister(sequence),
    opcodeRegister: pickRegister(sequence),
    vexRegister: encoding.candidate.vex ? pickRegister(sequence) : 0,
    aim: chooseAim(sequence, bytes, isAligned ? bytes : 1),
    repeat: 0,
    immediate: undefined,
    takesTarget: undefined,
    follow: [],
  };
}

function accessBytes(operand: VariantOperand & { kind: 'memory' }): number {
  if (typeof operand.type === 'number') return operand.type / 8;
  if (operand.type === 'v256') return 32;
  return operand.type === 'v128' ? 16 : operand.type === 'f64' ? 8 : 4;
}

/** The masked count of a shift or rotation, where it is known. */
function shiftCount(sequence: Sequence, draft: Draft): number | undefined {
  if (!/^(rol|ror|rcl|rcr|shl|shr|sar|shld|shrd)$/.test(draft.name)) return undefined;
  const mask = draft.variant.shape.width === 64 ? 63n : 31n;
  const opcode = draft.encoding.opcodes[0] ?? 0;
  const { row } = draft.encoding.candidate;
  if (row.operands.includes('I')) {
    draft.immediate ??= BigInt(sequence.random.oneIn(2) ? sequence.random.below(34) : sequence.random.below(256));
    return Number(draft.immediate & mask);
  }
  if (draft.encoding.map === '' && opcode < 0xd2) return 1;
  const cl = sequence.known(1);
  return cl === undefined ? undefined : Number(cl & mask);
}

function assemble(sequence: Sequence, draft: Draft): EncodedInstruction {
  const { random, mode } = sequence;
  const { encoding, variant } = draft;
  const { candidate } = encoding;
  const plain = draft.isMemory ? encodeAddress(sequence, draft.aim) : undefined;
  const address = plain && draft.isGather ? withVectorIndex(sequence, plain) : plain;
  const hasModrm = candidate.hasModrm;
  const regField = candidate.digit ?? draft.reg;
  const fixed = candidate.modrm;
  const opcodeOffset = encoding.opcodes.length === 8 ? draft.opcodeRegister & 7 : 0;
  const modrm = !hasModrm
    ? undefined
    : fixed !== undefined
      ? { reg: (fixed >> 3) & 7, rm: fixed & 7 }
      : { reg: regField, rm: address ?? draft.rm };
  const isStackOrBranch = candidate.row.sizes !== undefined && draft.operandSize === 64;
  const w = draft.operandSize === 64 && !isStackOrBranch;
  return {
    prefixes: drawPrefixes(sequence, draft),
    map: encoding.map,
    opcode: (encoding.opcodes[0] ?? 0) + opcodeOffset,
    vex: candidate.vex && drawVex(sequence, draft, candidate.vex),
    rex: mode === 64 ? { w: w || (isStackOrBranch && random.oneIn(8)), isForced: draft.hasRex } : undefined,
    modrm,
    opcodeHigh: encoding.opcodes.length === 8 && draft.opcodeRegister > 7,
    tail: drawImmediates(sequence, draft, variant),
  };
}

/** A vector register as the index; an address that has no base, or one in the other modes, is kept as it is. */
function withVectorIndex({ random, mode }: Sequence, address: EncodedAddress): EncodedAddress {
  if (random.oneIn(20)) return address;
  const hasSib = address.sib !== undefined;
  const base = hasSib ? (address.sib as number) & 7 : address.rm;
  if (!hasSib && address.mod === 0 && address.rm === 5) return address;
  const sib = (random.below(4) << 6) | (random.below(8) << 3) | base;
  return { ...address, rm: 4, sib, x: mode === 64 && random.oneIn(2) };
}

/** Seldom with a register where none may be. */
function drawVex({ random, mode }: Sequence, draft: Draft, vex: VexForm): EncodedInstruction['vex'] {
  const { prefix } = draft.encoding.candidate;
  const isRegister = vex.usesRegister || random.oneIn(60);
  return {
    prefix,
    length: vex.length ?? random.pick([128, 256]),
    w: vex.isWide ?? (hasWidth(draft) ? draft.operandSize === 64 || (mode !== 64 && random.oneIn(3)) : random.oneIn(3)),
    register: isRegister ? draft.vexRegister : 0,
    isLong: random.oneIn(3),
  };
}

/** W chooses between operands of 32 and 64 bits. */
const hasWidth = ({ encoding }: Draft): boolean => /[A-Zb]y/.test(encoding.candidate.row.operands);

function drawPrefixes(sequence: Sequence, draft: Draft): number[] {
  const { random, mode } = sequence;
  const { candidate } = draft.encoding;
  const { row, prefix } = candidate;
  const prefixes: number[] = [];
  const defaultBits = mode === 64 && row.sizes === 'stack' ? 64 : mode === 16 ? 16 : 32;
  const isOverridden = mode === 16 ? draft.operandSize === 32 : draft.operandSize === 16;
  const takesSize = prefix !== '66' && prefix !== 'NP';
  if (candidate.vex) {
    if (random.oneIn(200)) prefixes.push(random.pick([0x66, 0xf2, 0xf3]));
  } else if (prefix === '66' || (takesSize && isOverridden && defaultBits !== draft.operandSize)) prefixes.push(0x66);
  if (candidate.vex) {
    // What stands for a prefix is in VEX.
  } else if (prefix === 'F3') prefixes.push(0xf3);
  else if (prefix === 'F2') prefixes.push(0xf2);
  else if (draft.repeat !== 0) prefixes.push(draft.repeat);
  const usesMemory =
    draft.isMemory || row.repeats === true || row.operands.includes('O') || /^v?maskmovdqu|^maskmovq/.test(row.name);
  if (usesMemory) {
    prefixes.push(...segmentPrefix(draft.aim.segment));
    if (draft.aim.addressBits !== (mode === 64 ? 64 : mode === 16 ? 16 : 32)) prefixes.push(0x67);
  } else if (random.oneIn(40)) prefixes.push(random.pick([0x2e, 0x36, 0x3e, 0x64, 0x67]));
  const isLockable = row.lock === true && draft.isMemory;
  if (isLockable ? random.oneIn(6) : random.oneIn(300)) prefixes.push(0xf0);
  if (prefixes.length > 1 && random.oneIn(2)) prefixes.reverse();
  if (random.oneIn(400)) prefixes.unshift(...new Array<number>(random.between(6, maximumLength)).fill(0x3e));
  return prefixes;
}

function drawImmediates(sequence: Sequence, draft: Draft, variant: Variant): number[] {
  const { random } = sequence;
  const bytes: number[] = [];
  const immediates = variant.operands.filter((o) => o.kind === 'immediate' && o.encoding !== 'form');
  const sizeBytes = draft.operandSize / 8;
  if (draft.immediate !== undefined) {
    const total = immediates.reduce(
      (sum, o) => sum + (o.kind === 'immediate' ? immediateBytes(o.encoding, sizeBytes) : 0),
      0,
    );
    return littleEndian(draft.immediate, total);
  }
  for (const operand of variant.operands) {
    if (operand.kind === 'immediate') {
      bytes.push(...littleEndian(random.value(), immediateBytes(operand.encoding, sizeBytes)));
    } else if (operand.kind === 'vector' && operand.source === 'immediate') {
      bytes.push(random.below(256));
    } else if (operand.kind === 'relative') {
      bytes.push(...new Array<number>(relativeBytes(operand.encoding, sizeBytes)).fill(0));
    } else if (operand.kind === 'memory' && operand.isDirect) {
      bytes.push(...littleEndian(directOffset(sequence, draft.aim), draft.aim.addressBits / 8));
    }
  }
  return bytes;
}

function immediateBytes(encoding: string, operandBytes: number): number {
  if (encoding === 'b' || encoding === 's') return 1;
  if (encoding === 'w') return 2;
  if (encoding === 'v') return operandBytes;
  return encoding === 'z' ? Math.min(4, operandBytes) : 0;
}

const relativeBytes = (encoding: 'b' | 'z', operandBytes: number): number =>
  encoding === 'b' ? 1 : Math.min(4, operandBytes);

const registerNumbers = ({ rm, reg, opcodeRegister, vexRegister }: Draft): Omit<RegisterNumbers, 'immediate'> => ({
  rm,
  reg,
  opcode: opcodeRegister,
  accumulator: 0,
  vex: vexRegister,
});

/** Number of the register that an operand changes; AH is part of the first. */
function touched(operand: VariantOperand, draft: Draft): number | undefined {
  const numbers = registerNumbers(draft);
  // Numbers of vector registers are in those of AVX.
  if (operand.kind === 'number' && draft.encoding.candidate.row.unit === 'avx') return undefined;
  if (operand.kind === 'number') return operand.source === 'rm' ? draft.rm : draft.reg;
  if (operand.kind !== 'register' || operand.access === 'read') return undefined;
  const number = numbers[operand.source];
  return operand.width === 8 && number >= 4 && number < 8 ? number & 3 : number;
}

function noteRegisters(sequence: Sequence, draft: Draft): void {
  const { name, variant } = draft;
  const { row } = draft.encoding.candidate;
  for (const number of implicitRegisters(name, row.operands).writes) {
    if (number !== 4 || name === 'leave' || name === 'enter') sequence.write(number);
  }
  for (const operand of variant.operands) {
    const number = touched(operand, draft);
    if (number === undefined) continue;
    sequence.write(number);
    // A byte register is also number 4-7 with a REX prefix, which the encoder may have added.
    const full = operand.kind === 'register' && operand.width === 8 ? byteAlias(operand, draft) : number;
    sequence.write(full);
  }
  noteStack(sequence, draft);
  const isWritten = variant.operands.some((o) => o.kind === 'memory' && o.access !== 'read') || writesMemory.test(name);
  const { linear } = draft.aim;
  if (isWritten && (linear < 0x2000_0000n || linear > 0x2fff_ffffn)) sequence.isStackDirty = true;
}

const writesMemory = /^(movs|stos|pop_mem|bts|btr|btc|cmpxchg8b|fst|fist|mask|vmask|vpmaskmov)/;

function byteAlias(operand: VariantOperand & { kind: 'register' }, draft: Draft): number {
  return registerNumbers(draft)[operand.source];
}

/** Operands that leave the stack (negative: enter it), for instructions that move nothing else. */
const stackMoves: Readonly<Record<string, number>> = {
  push: -1,
  pushf: -1,
  push_seg: -1,
  call: -1,
  call_indirect: -1,
  pusha: -8,
  popa: 8,
  pop: 1,
  pop_mem: 1,
  popf: 1,
  pop_seg: 1,
  ret: 1,
  ret_imm: 1,
};

/** Follows the stack pointer, and remembers that pushes cover patches. */
function noteStack(sequence: Sequence, draft: Draft): void {
  const moved = stackMoves[draft.name];
  if (moved === undefined) return;
  if (moved < 0) sequence.isStackDirty = true;
  const released = draft.name === 'ret_imm' ? Number(draft.immediate ?? 0n) : 0;
  sequence.moveStack((moved * draft.operandSize) / 8 + released);
}

/** Branches go forward, over nothing or over some of the instructions that follow. */
function noteBranch(sequence: Sequence, draft: Draft, end: number): void {
  const relative = draft.variant.operands.find((o) => o.kind === 'relative');
  const skip = sequence.random.pick([0, 0, 1, 1, 2]);
  if (draft.takesTarget) {
    const take = draft.takesTarget;
    sequence.branch(skip, (offset) => take(sequence.addressOf(offset)));
  } else if (relative?.kind === 'relative') {
    const bytes = relativeBytes(relative.encoding, draft.operandSize / 8);
    sequence.branch(skip, (offset) => {
      littleEndian(offset - end, bytes).forEach((byte, i) => {
        sequence.code[end - bytes + i] = byte;
      });
    });
  }
}
