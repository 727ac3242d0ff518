import type { Width } from '../index.ts';
import { keyHas } from './features.ts';
import { type EffectiveAddress, type Instruction, noRegister, type RegisterNumbers, ripBase } from './instruction.ts';
import { segment } from './layout.ts';
import { modeKey } from './mode.ts';
import {
  type Candidate,
  type MandatoryPrefix,
  type OpcodeMap,
  type OpcodeMapName,
  type VexForm,
  variantIndex,
} from './opcode-map.ts';
import { registersExist } from './register-numbers.ts';
import type { Row } from './row.ts';
import type { ImmediateEncoding } from './variant.ts';

const vectorUndefined = 6;
const vectorNotAvailable = 7;
const vectorGeneralProtection = 13;
const maximumLength = 15;

/** By the field of a VEX prefix. */
const vexMaps: readonly (OpcodeMapName | undefined)[] = [undefined, 'VEX.0F', 'VEX.0F38', 'VEX.0F3A'];
const vexPrefixes: readonly MandatoryPrefix[] = ['NP', '66', 'F3', 'F2'];

/** Operand codes of what follows as an immediate: see row.ts. */
const vexImmediate = /I|\bl/;

const noRegisters: RegisterNumbers = { rm: 0, reg: 0, opcode: 0, accumulator: 0, vex: 0, immediate: 0 };

/** Base and index of 16-bit addressing by r/m (SDM 2A, table 2-1). */
const pairs16: readonly (readonly [number, number])[] = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, noRegister],
  [7, noRegister],
  [5, noRegister],
  [3, noRegister],
];

/** Decodes instructions of the rows that it was made with. Not reentrant. */
export class Decoder {
  readonly #maps: Readonly<Record<OpcodeMapName, OpcodeMap>>;
  #code: Uint8Array = new Uint8Array(0);
  #at = 0;
  #start = 0;
  #limit = 0;
  #isTruncated = false;

  #mode = 0;
  #is64 = false;
  #operandOverride = false;
  #addressOverride = false;
  #repeat: 'F2' | 'F3' | undefined;
  #hasLock = false;
  #segmentOverride: number | undefined;
  /** R, X, B and W of a REX or a VEX prefix, as REX has them. */
  #rex = 0;
  #hasRex = false;
  /** The mandatory prefix that a VEX prefix stands for; undefined: there is none. */
  #vexPrefix: MandatoryPrefix | undefined;
  #vexRegister = 0;
  #vexLength: 128 | 256 = 128;
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
    this.#begin(code, at, limit, mode);
    const opcode = this.#prefixes();
    const instruction = this.#tooLong() ? this.#faulting(vectorGeneralProtection) : this.#instruction(opcode);
    // What was read past the limit is made up: only the bytes before it say whether the instruction is too long.
    if (this.#isTruncated && limit - at < maximumLength) return undefined;
    return this.#tooLong() ? this.#faulting(vectorGeneralProtection) : instruction;
  }

  #begin(code: Uint8Array, at: number, limit: number, mode: number): void {
    this.#code = code;
    this.#at = at;
    this.#start = at;
    this.#limit = limit;
    this.#isTruncated = false;
    this.#mode = mode;
    this.#is64 = (mode & modeKey.codeMask) === modeKey.code64;
    this.#operandOverride = false;
    this.#addressOverride = false;
    this.#repeat = undefined;
    this.#hasLock = false;
    this.#segmentOverride = undefined;
    this.#rex = 0;
    this.#hasRex = false;
    this.#vexPrefix = undefined;
    this.#vexRegister = 0;
    this.#vectorIndex = 0;
    this.#vectorScale = 0;
    this.#memory = undefined;
  }

  #tooLong(): boolean {
    return this.#at - this.#start > maximumLength;
  }

  #byte(): number {
    if (this.#at >= this.#limit) this.#isTruncated = true;
    const value = this.#isTruncated ? 0 : (this.#code[this.#at] ?? 0);
    this.#at++;
    return value;
  }

  #word(): number {
    return this.#byte() | (this.#byte() << 8);
  }

  #doubleWord(): number {
    return this.#word() | (this.#word() << 16);
  }

  #quadWord(): bigint {
    const low = BigInt(this.#doubleWord() >>> 0);
    return low | (BigInt(this.#doubleWord()) << 32n);
  }

  /** Reads legacy prefixes and REX; the first opcode byte. */
  #prefixes(): number {
    for (;;) {
      const byte = this.#byte();
      if (this.#legacyPrefix(byte)) {
        this.#rex = 0; // REX counts only right before the opcode.
        this.#hasRex = false;
      } else if (this.#is64 && (byte & 0xf0) === 0x40) {
        this.#rex = byte & 15;
        this.#hasRex = true;
      } else return byte;
      if (this.#tooLong() || this.#isTruncated) return 0x90;
    }
  }

  #legacyPrefix(byte: number): boolean {
    switch (byte) {
      case 0x66:
        this.#operandOverride = true;
        return true;
      case 0x67:
        this.#addressOverride = true;
        return true;
      case 0xf2:
        this.#repeat = 'F2';
        return true;
      case 0xf3:
        this.#repeat = 'F3';
        return true;
      case 0xf0:
        this.#hasLock = true;
        return true;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
        if (!this.#is64) this.#segmentOverride = (byte >> 3) & 3;
        return true;
      case 0x64:
      case 0x65:
        this.#segmentOverride = byte & 1 ? segment.gs : segment.fs;
        return true;
      default:
        return false;
    }
  }

  #instruction(first: number): Instruction {
    if ((first === 0xc4 || first === 0xc5) && this.#isVex()) return this.#vexInstruction(first === 0xc4);
    let map: OpcodeMapName = '';
    let opcode = first;
    if (first === 0x0f) {
      map = '0F';
      opcode = this.#byte();
      if (opcode === 0x38 || opcode === 0x3a) {
        map = opcode === 0x38 ? '0F38' : '0F3A';
        opcode = this.#byte();
      }
    }
    return this.#byMap(map, opcode);
  }

  /** C4 and C5 are LES and LDS outside of 64-bit mode when a memory operand follows (SDM 2A, 2.3.5.1). */
  #isVex(): boolean {
    if (this.#is64) return true;
    if (this.#mode & modeKey.real) return false;
    const next = this.#byte();
    this.#at--;
    return next >= 0xc0;
  }

  /** SDM 2A, 2.3.5: R, X, B and vvvv are inverted; their bits that choose further registers mean nothing outside of 64-bit mode. */
  #vexInstruction(isLong: boolean): Instruction {
    const isBad = this.#hasRex || this.#operandOverride || this.#repeat !== undefined || this.#hasLock;
    const first = this.#byte() ^ 0xe0;
    const last = isLong ? this.#byte() : first ^ 0x60;
    const map = vexMaps[isLong ? first & 31 : 1];
    const [r, x, b] = [(first >> 5) & 4, isLong ? (first >> 5) & 2 : 0, isLong ? (first >> 5) & 1 : 0];
    const w = isLong ? (last >> 4) & 8 : 0;
    this.#rex = this.#is64 ? r | x | b | w : w;
    this.#vexRegister = (~last >> 3) & (this.#is64 ? 15 : 7);
    this.#vexLength = last & 4 ? 256 : 128;
    this.#vexPrefix = vexPrefixes[last & 3] ?? 'NP';
    if (map === undefined) return this.#faulting(vectorUndefined);
    const instruction = this.#byMap(map, this.#byte());
    return isBad ? this.#faulting(vectorUndefined) : instruction;
  }

  #byMap(map: OpcodeMapName, opcode: number): Instruction {
    const candidates = this.#maps[map][opcode] ?? [];
    const hasModrm = candidates.some((c) => c.hasModrm);
    // MOV to and from control and debug registers ignores the mod field (SDM 2B, MOV).
    const isRegisterOnly = map === '0F' && opcode >= 0x20 && opcode <= 0x23;
    if (hasModrm) {
      this.#modrm = this.#byte();
      if (isRegisterOnly) this.#modrm |= 0xc0;
    }
    const candidate = candidates.find((c) => this.#matches(c));
    if (!candidate) return this.#unmatched(candidates);
    return this.#complete(candidate, opcode);
  }

  /** #UD. What is too long is so first, whatever its VEX prefix says: found by a witness. */
  #unmatched(candidates: readonly Candidate[]): Instruction {
    const isVex = this.#vexPrefix !== undefined && keyHas(this.#mode, 'avx');
    const near = isVex ? candidates[0] : undefined;
    if (near?.hasModrm && this.#modrm < 0xc0) this.#effectiveAddress();
    // Immediates behind a VEX prefix have one byte.
    if (near && vexImmediate.test(near.row.operands)) this.#byte();
    return this.#faulting(vectorUndefined);
  }

  #matches(candidate: Candidate): boolean {
    if (candidate.prefix !== undefined && candidate.prefix !== this.#mandatoryPrefix()) return false;
    if (candidate.row.only === (this.#is64 ? 'legacy' : 'mode64')) return false;
    if (candidate.row.feature !== undefined && !keyHas(this.#mode, candidate.row.feature)) return false;
    if (candidate.vex && !this.#matchesVex(candidate.vex)) return false;
    if (candidate.row.withoutRepeat && this.#repeat !== undefined) return false;
    if (candidate.row.withoutRexB && this.#rex & 1) return false;
    if (!candidate.hasModrm) return true;
    if (candidate.modrm !== undefined) return candidate.modrm === this.#modrm;
    if (candidate.digit !== undefined && candidate.digit !== ((this.#modrm >> 3) & 7)) return false;
    return this.#modrm >= 0xc0 ? candidate.allowsRegister : candidate.allowsMemory;
  }

  #matchesVex({ length, isWide, usesRegister }: VexForm): boolean {
    if (length !== undefined && length !== this.#vexLength) return false;
    if (isWide !== undefined && isWide !== ((this.#rex & 8) !== 0)) return false;
    return usesRegister || this.#vexRegister === 0;
  }

  #mandatoryPrefix(): MandatoryPrefix {
    return this.#vexPrefix ?? this.#repeat ?? (this.#operandOverride ? '66' : 'NP');
  }

  #operandSize(candidate: Candidate): Width {
    // A mandatory 66 does not also select 16-bit operands.
    const override = this.#operandOverride && candidate.prefix !== '66';
    if (!this.#is64) {
      if (candidate.vex) return 32;
      const isCode32 = (this.#mode & modeKey.codeMask) === modeKey.code32;
      return isCode32 !== override ? 32 : 16;
    }
    if (candidate.row.sizes === 'branch') return 64;
    if (this.#rex & 8) return 64;
    if (override) return 16;
    return candidate.row.sizes === 'stack' ? 64 : 32;
  }

  #stackShape(): number {
    if (this.#is64) return 0;
    const isPlain = (this.#mode & (modeKey.flat | modeKey.stack16)) === modeKey.flat;
    return isPlain ? 1 : 2;
  }

  #addressBits(): 16 | 32 | 64 {
    if (this.#is64) return this.#addressOverride ? 32 : 64;
    const isCode32 = (this.#mode & modeKey.codeMask) === modeKey.code32;
    return isCode32 !== this.#addressOverride ? 32 : 16;
  }

  #complete(candidate: Candidate, opcode: number): Instruction {
    const isMemory = candidate.hasModrm && candidate.modrm === undefined && this.#modrm < 0xc0;
    if (isMemory) this.#memory = this.#effectiveAddress();
    if (candidate.row.hasVectorIndex && !this.#takeVectorIndex()) return this.#faulting(vectorUndefined);
    const operandSize = this.#operandSize(candidate);
    const { wideFeature } = candidate.row;
    if (wideFeature && operandSize === 64 && !keyHas(this.#mode, wideFeature)) return this.#faulting(vectorUndefined);
    const variant = candidate.variantAt(variantIndex(this.#stackShape(), operandSize, isMemory));
    if (!variant) return this.#faulting(vectorUndefined);
    const off = this.#unitFault(candidate.row.unit);
    const registers = {
      rm: (this.#modrm & 7) | (this.#rex & 1 ? 8 : 0),
      reg: ((this.#modrm >> 3) & 7) | (this.#rex & 4 ? 8 : 0),
      opcode: (opcode & 7) | (this.#rex & 1 ? 8 : 0),
      accumulator: 0 as const,
      vex: this.#vexRegister,
      immediate: 0,
    };
    const immediates: (number | bigint)[] = [];
    let relative = 0;
    for (const operand of variant.operands) {
      if (operand.kind === 'immediate') this.#immediate(operand.encoding, operandSize, immediates);
      else if (operand.kind === 'relative') relative = this.#relative(operand.encoding, operandSize);
      else if (operand.kind === 'vector' && operand.source === 'immediate')
        registers.immediate = this.#registerImmediate();
      else if (operand.kind === 'memory' && operand.isDirect) this.#memory = this.#directOffset();
    }
    if (!this.#lockIsLegal(candidate, isMemory)) return this.#faulting(vectorUndefined);
    if (off !== undefined) return this.#faulting(off);
    if (!registersExist(variant, registers)) return this.#faulting(vectorUndefined);
    return {
      variant,
      fault: undefined,
      length: this.#at - this.#start,
      registers,
      hasRex: this.#hasRex,
      memory: this.#memory,
      immediates,
      relative,
    };
  }

  #registerImmediate(): number {
    return (this.#byte() >> 4) & (this.#is64 ? 15 : 7);
  }

  #lockIsLegal(candidate: Candidate, isMemory: boolean): boolean {
    return !this.#hasLock || (candidate.row.lock === true && isMemory);
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
    const reg = ((this.#modrm >> 3) & 7) | (this.#rex & 4 ? 8 : 0);
    return new Set([this.#vectorIndex, reg, this.#vexRegister]).size === 3;
  }

  #effectiveAddress(): EffectiveAddress {
    const addressBits = this.#addressBits();
    return addressBits === 16 ? this.#address16() : this.#address32(addressBits);
  }

  #address16(): EffectiveAddress {
    const mod = this.#modrm >> 6;
    const rm = this.#modrm & 7;
    const [base, index] = pairs16[rm] ?? [noRegister, noRegister];
    if (mod === 0 && rm === 6) {
      const displacement = this.#word();
      return this.#address(noRegister, noRegister, 0, displacement, segment.ds, 16);
    }
    const displacement = mod === 1 ? (this.#byte() << 24) >> 24 : mod === 2 ? (this.#word() << 16) >> 16 : 0;
    return this.#address(base, index, 0, displacement, base === 5 ? segment.ss : segment.ds, 16);
  }

  #address32(addressBits: 32 | 64): EffectiveAddress {
    const mod = this.#modrm >> 6;
    const rm = this.#modrm & 7;
    let base = rm | (this.#rex & 1 ? 8 : 0);
    let index = noRegister;
    let scale = 0;
    let isBaseless = mod === 0 && rm === 5;
    const hasSib = rm === 4;
    if (hasSib) {
      const sib = this.#byte();
      scale = sib >> 6;
      index = ((sib >> 3) & 7) | (this.#rex & 2 ? 8 : 0);
      if (index === 4) index = noRegister;
      base = (sib & 7) | (this.#rex & 1 ? 8 : 0);
      isBaseless = mod === 0 && (sib & 7) === 5;
    }
    const isLong = mod === 2 || isBaseless;
    const displacement = isLong ? this.#doubleWord() : mod === 1 ? (this.#byte() << 24) >> 24 : 0;
    if (isBaseless) base = this.#is64 && !hasSib ? ripBase : noRegister;
    const byStack = base === 4 || base === 5;
    return this.#address(base, index, scale, displacement, byStack ? segment.ss : segment.ds, addressBits);
  }

  #directOffset(): EffectiveAddress {
    const bits = this.#addressBits();
    const offset = bits === 64 ? this.#quadWord() : bits === 32 ? this.#doubleWord() : this.#word();
    return this.#address(noRegister, noRegister, 0, offset, segment.ds, bits);
  }

  #address(
    base: number,
    index: number,
    scale: number,
    displacement: number | bigint,
    defaultSegment: number,
    addressBits: 16 | 32 | 64,
  ): EffectiveAddress {
    return { base, index, scale, displacement, segment: this.#segmentOverride ?? defaultSegment, addressBits };
  }

  #immediate(encoding: ImmediateEncoding, operandSize: Width, into: (number | bigint)[]): void {
    switch (encoding) {
      case 'b':
        into.push(this.#byte());
        return;
      case 'w':
        into.push(this.#word());
        return;
      case 's':
        into.push(narrow((this.#byte() << 24) >> 24, operandSize));
        return;
      case 'z':
        into.push(operandSize === 16 ? this.#word() : this.#doubleWord());
        return;
      case 'v':
        into.push(operandSize === 16 ? this.#word() : operandSize === 32 ? this.#doubleWord() : this.#quadWord());
        return;
      case 'far':
        into.push(operandSize === 16 ? this.#word() : this.#doubleWord(), this.#word());
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
    const repeat = this.#repeat === 'F3' ? 1 : this.#repeat === 'F2' ? 2 : 0;
    return (
      vector |
      (this.#addressBits() / 8) |
      (repeat << 8) |
      ((this.#segmentOverride ?? this.#memory?.segment ?? segment.ds) << 16)
    );
  }

  #relative(encoding: 'b' | 'z', operandSize: Width): number {
    if (encoding === 'b') return (this.#byte() << 24) >> 24;
    return operandSize === 16 ? (this.#word() << 16) >> 16 : this.#doubleWord();
  }

  #faulting(fault: number): Instruction {
    return {
      variant: undefined,
      fault,
      length: Math.min(this.#at - this.#start, maximumLength),
      registers: noRegisters,
      hasRex: false,
      memory: undefined,
      immediates: [],
      relative: 0,
    };
  }
}

const narrow = (value: number, width: Width): number => (width === 16 ? value & 0xffff : value);
