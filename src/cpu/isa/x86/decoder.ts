import type { Width } from '../index.ts';
import { addressBitsOf, readDirectOffset, readEffectiveAddress } from './address-forms.ts';
import { CodeReader, maximumLength } from './code-reader.ts';
import { keyHas } from './features.ts';
import { type EffectiveAddress, type Instruction, noRegister, type RegisterNumbers } from './instruction.ts';
import { segment } from './layout.ts';
import { modeKey } from './mode.ts';
import { type Candidate, type OpcodeMap, type OpcodeMapName, type VexForm, variantIndex } from './opcode-map.ts';
import { Prefixes } from './prefixes.ts';
import { registersExist } from './register-numbers.ts';
import type { Row } from './row.ts';
import type { ImmediateEncoding } from './variant.ts';

const vectorUndefined = 6;
const vectorNotAvailable = 7;
const vectorGeneralProtection = 13;

/** Operand codes of what follows as an immediate: see row.ts. */
const vexImmediate = /I|\bl/;

const noRegisters: RegisterNumbers = { rm: 0, reg: 0, opcode: 0, accumulator: 0, vex: 0, immediate: 0 };

/** Decodes instructions of the rows that it was made with. Not reentrant. */
export class Decoder {
  readonly #maps: Readonly<Record<OpcodeMapName, OpcodeMap>>;
  readonly #code = new CodeReader();
  readonly #prefixes = new Prefixes();
  #mode = 0;
  #is64 = false;
  /** Index and scale of an address that a vector register makes many of. */
  #vectorIndex = 0;
  #vectorScale = 0;
  #modrm = 0;
  #memory: EffectiveAddress | undefined;

  constructor(maps: Readonly<Record<OpcodeMapName, OpcodeMap>>) {
    this.#maps = maps;
  }

  /**
   * The instruction at `code[at]`, or undefined when it goes on past `limit`.
   * `mode` is the mode key (mode.ts).
   */
  decode(code: Uint8Array, at: number, limit: number, mode: number): Instruction | undefined {
    this.#code.begin(code, at, limit);
    this.#mode = mode;
    this.#is64 = (mode & modeKey.codeMask) === modeKey.code64;
    this.#vectorIndex = 0;
    this.#vectorScale = 0;
    this.#memory = undefined;
    const opcode = this.#prefixes.read(this.#code, this.#is64);
    const instruction = this.#code.isTooLong ? this.#faulting(vectorGeneralProtection) : this.#instruction(opcode);
    // What was read past the limit is made up: only the bytes before it say whether the instruction is too long.
    if (this.#code.isTruncated && limit - at < maximumLength) return undefined;
    return this.#code.isTooLong ? this.#faulting(vectorGeneralProtection) : instruction;
  }

  #instruction(first: number): Instruction {
    if ((first === 0xc4 || first === 0xc5) && this.#isVex()) return this.#vexInstruction(first === 0xc4);
    let map: OpcodeMapName = '';
    let opcode = first;
    if (first === 0x0f) {
      map = '0F';
      opcode = this.#code.byte();
      if (opcode === 0x38 || opcode === 0x3a) {
        map = opcode === 0x38 ? '0F38' : '0F3A';
        opcode = this.#code.byte();
      }
    }
    return this.#byMap(map, opcode);
  }

  /** C4 and C5 are LES and LDS outside of 64-bit mode when a memory operand follows (SDM 2A, 2.3.5.1). */
  #isVex(): boolean {
    if (this.#is64) return true;
    if (this.#mode & modeKey.real) return false;
    return this.#code.peek() >= 0xc0;
  }

  #vexInstruction(isLong: boolean): Instruction {
    const map = this.#prefixes.readVex(this.#code, isLong, this.#is64);
    if (map === undefined) return this.#faulting(vectorUndefined);
    const instruction = this.#byMap(map, this.#code.byte());
    return this.#prefixes.excludeVex ? this.#faulting(vectorUndefined) : instruction;
  }

  #byMap(map: OpcodeMapName, opcode: number): Instruction {
    const candidates = this.#maps[map][opcode] ?? [];
    const hasModrm = candidates.some((c) => c.hasModrm);
    // MOV to and from control and debug registers ignores the mod field (SDM 2B, MOV).
    const isRegisterOnly = map === '0F' && opcode >= 0x20 && opcode <= 0x23;
    if (hasModrm) {
      this.#modrm = this.#code.byte();
      if (isRegisterOnly) this.#modrm |= 0xc0;
    }
    const candidate = candidates.find((c) => this.#matches(c));
    if (!candidate) return this.#unmatched(candidates);
    return this.#complete(candidate, opcode);
  }

  /** #UD. What is too long is so first, whatever its VEX prefix says: found by a witness. */
  #unmatched(candidates: readonly Candidate[]): Instruction {
    const isVex = this.#prefixes.vex !== undefined && keyHas(this.#mode, 'avx');
    const near = isVex ? candidates[0] : undefined;
    if (near?.hasModrm && this.#modrm < 0xc0) readEffectiveAddress(this.#code, this.#modrm, this.#mode, this.#prefixes);
    // Immediates behind a VEX prefix have one byte.
    if (near && vexImmediate.test(near.row.operands)) this.#code.byte();
    return this.#faulting(vectorUndefined);
  }

  #matches(candidate: Candidate): boolean {
    if (candidate.prefix !== undefined && candidate.prefix !== this.#prefixes.mandatory) return false;
    if (candidate.row.only === (this.#is64 ? 'legacy' : 'mode64')) return false;
    if (candidate.row.feature !== undefined && !keyHas(this.#mode, candidate.row.feature)) return false;
    if (candidate.vex && !this.#matchesVex(candidate.vex)) return false;
    if (candidate.row.withoutRepeat && this.#prefixes.repeat !== undefined) return false;
    if (candidate.row.withoutRexB && this.#prefixes.rex & 1) return false;
    if (!candidate.hasModrm) return true;
    if (candidate.modrm !== undefined) return candidate.modrm === this.#modrm;
    if (candidate.digit !== undefined && candidate.digit !== ((this.#modrm >> 3) & 7)) return false;
    return this.#modrm >= 0xc0 ? candidate.allowsRegister : candidate.allowsMemory;
  }

  #matchesVex({ length, isWide, usesRegister }: VexForm): boolean {
    if (length !== undefined && length !== this.#prefixes.vexLength) return false;
    if (isWide !== undefined && isWide !== ((this.#prefixes.rex & 8) !== 0)) return false;
    return usesRegister || this.#prefixes.vexRegister === 0;
  }

  #operandSize(candidate: Candidate): Width {
    // A mandatory 66 does not also select 16-bit operands.
    const override = this.#prefixes.hasOperandOverride && candidate.prefix !== '66';
    if (!this.#is64) {
      if (candidate.vex) return 32;
      const isCode32 = (this.#mode & modeKey.codeMask) === modeKey.code32;
      return isCode32 !== override ? 32 : 16;
    }
    if (candidate.row.sizes === 'branch') return 64;
    if (this.#prefixes.rex & 8) return 64;
    if (override) return 16;
    return candidate.row.sizes === 'stack' ? 64 : 32;
  }

  #stackShape(): number {
    if (this.#is64) return 0;
    const isPlain = (this.#mode & (modeKey.flat | modeKey.stack16)) === modeKey.flat;
    return isPlain ? 1 : 2;
  }

  #complete(candidate: Candidate, opcode: number): Instruction {
    const isMemory = candidate.hasModrm && candidate.modrm === undefined && this.#modrm < 0xc0;
    if (isMemory) this.#memory = readEffectiveAddress(this.#code, this.#modrm, this.#mode, this.#prefixes);
    if (candidate.row.hasVectorIndex && !this.#takeVectorIndex()) return this.#faulting(vectorUndefined);
    const operandSize = this.#operandSize(candidate);
    const { wideFeature } = candidate.row;
    if (wideFeature && operandSize === 64 && !keyHas(this.#mode, wideFeature)) return this.#faulting(vectorUndefined);
    const variant = candidate.variantAt(variantIndex(this.#stackShape(), operandSize, isMemory));
    if (!variant) return this.#faulting(vectorUndefined);
    const off = this.#unitFault(candidate.row.unit);
    const registers = {
      rm: (this.#modrm & 7) | (this.#prefixes.rex & 1 ? 8 : 0),
      reg: ((this.#modrm >> 3) & 7) | (this.#prefixes.rex & 4 ? 8 : 0),
      opcode: (opcode & 7) | (this.#prefixes.rex & 1 ? 8 : 0),
      accumulator: 0 as const,
      vex: this.#prefixes.vexRegister,
      immediate: 0,
    };
    const immediates: (number | bigint)[] = [];
    let relative = 0;
    for (const operand of variant.operands) {
      if (operand.kind === 'immediate') this.#immediate(operand.encoding, operandSize, immediates);
      else if (operand.kind === 'relative') relative = this.#relative(operand.encoding, operandSize);
      else if (operand.kind === 'vector' && operand.source === 'immediate')
        registers.immediate = this.#registerImmediate();
      else if (operand.kind === 'memory' && operand.isDirect)
        this.#memory = readDirectOffset(this.#code, this.#mode, this.#prefixes);
    }
    if (!this.#lockIsLegal(candidate, isMemory)) return this.#faulting(vectorUndefined);
    if (off !== undefined) return this.#faulting(off);
    if (!registersExist(variant, registers)) return this.#faulting(vectorUndefined);
    return {
      variant,
      fault: undefined,
      length: this.#code.length,
      registers,
      hasRex: this.#prefixes.hasRex,
      memory: this.#memory,
      immediates,
      relative,
    };
  }

  #registerImmediate(): number {
    return (this.#code.byte() >> 4) & (this.#is64 ? 15 : 7);
  }

  #lockIsLegal(candidate: Candidate, isMemory: boolean): boolean {
    return !this.#prefixes.hasLock || (candidate.row.lock === true && isMemory);
  }

  /** #UD or #NM for instructions of a unit that is switched off (SDM 3A, tables 13-1 and 2-2). */
  #unitFault(unit: Row['unit']): number | undefined {
    if (unit === undefined) return undefined;
    if (unit === 'avx' && this.#mode & modeKey.noAvx) return vectorUndefined;
    if (unit === 'xsave' || unit === 'avx') return this.#mode & modeKey.taskSwitched ? vectorNotAvailable : undefined;
    const isEmulated = (this.#mode & modeKey.emulate) !== 0;
    if (unit === 'x87') return this.#mode & (modeKey.emulate | modeKey.taskSwitched) ? vectorNotAvailable : undefined;
    if (isEmulated || (unit === 'sse' && this.#mode & modeKey.noSse)) return vectorUndefined;
    return this.#mode & modeKey.taskSwitched ? vectorNotAvailable : undefined;
  }

  /** The index of an address is the number of a vector register; false: there is none, or it meets another operand (SDM 2A, 2.3.12). */
  #takeVectorIndex(): boolean {
    const memory = this.#memory;
    if (!memory || memory.addressBits === 16 || (this.#modrm & 7) !== 4) return false;
    // 4 is a register here.
    this.#vectorIndex = memory.index === noRegister ? 4 : memory.index;
    this.#vectorScale = memory.scale;
    memory.index = noRegister;
    memory.scale = 0;
    const reg = ((this.#modrm >> 3) & 7) | (this.#prefixes.rex & 4 ? 8 : 0);
    return new Set([this.#vectorIndex, reg, this.#prefixes.vexRegister]).size === 3;
  }

  #immediate(encoding: ImmediateEncoding, operandSize: Width, into: (number | bigint)[]): void {
    switch (encoding) {
      case 'b':
        into.push(this.#code.byte());
        return;
      case 'w':
        into.push(this.#code.word());
        return;
      case 's':
        into.push(narrow(this.#code.signedByte(), operandSize));
        return;
      case 'z':
        into.push(operandSize === 16 ? this.#code.word() : this.#code.doubleWord());
        return;
      case 'v':
        into.push(
          operandSize === 16 ? this.#code.word() : operandSize === 32 ? this.#code.doubleWord() : this.#code.quadWord(),
        );
        return;
      case 'far':
        into.push(operandSize === 16 ? this.#code.word() : this.#code.doubleWord(), this.#code.word());
        return;
      case 'form':
        into.push(this.#form());
        return;
      default: {
        const unknown: never = encoding;
        throw new RangeError(`Cannot decode immediate: encoding "${String(unknown)}" is not one`);
      }
    }
  }

  #form(): number {
    const vector = (this.#vectorIndex << 24) | (this.#vectorScale << 28);
    const repeat = this.#prefixes.repeat === 'F3' ? 1 : this.#prefixes.repeat === 'F2' ? 2 : 0;
    return (
      vector |
      (addressBitsOf(this.#mode, this.#prefixes) / 8) |
      (repeat << 8) |
      ((this.#prefixes.segmentOverride ?? this.#memory?.segment ?? segment.ds) << 16)
    );
  }

  #relative(encoding: 'b' | 'z', operandSize: Width): number {
    if (encoding === 'b') return this.#code.signedByte();
    return operandSize === 16 ? this.#code.signedWord() : this.#code.doubleWord();
  }

  #faulting(fault: number): Instruction {
    return {
      variant: undefined,
      fault,
      length: Math.min(this.#code.length, maximumLength),
      registers: noRegisters,
      hasRex: false,
      memory: undefined,
      immediates: [],
      relative: 0,
    };
  }
}

const narrow = (value: number, width: Width): number => (width === 16 ? value & 0xffff : value);
