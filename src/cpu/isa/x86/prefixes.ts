import type { CodeReader } from './code-reader.ts';
import { segment } from './layout.ts';
import type { MandatoryPrefix, OpcodeMapName } from './opcode-map.ts';

/** By the field of a VEX prefix. */
const vexMaps: readonly (OpcodeMapName | undefined)[] = [undefined, 'VEX.0F', 'VEX.0F38', 'VEX.0F3A'];
const vexPrefixes: readonly MandatoryPrefix[] = ['NP', '66', 'F3', 'F2'];

const nop = 0x90;

/** What stands before the opcode of one instruction: legacy prefixes, and REX or VEX (SDM 2A, 2.1.1, 2.2.1 and 2.3.5). */
export class Prefixes {
  hasOperandOverride = false;
  hasAddressOverride = false;
  repeat: 'F2' | 'F3' | undefined;
  hasLock = false;
  segmentOverride: number | undefined;
  /** R, X, B and W of a REX or a VEX prefix, as REX has them. */
  rex = 0;
  hasRex = false;
  /** The mandatory prefix that a VEX prefix stands for; undefined: there is none. */
  vex: MandatoryPrefix | undefined;
  vexRegister = 0;
  vexLength: 128 | 256 = 128;

  #clear(): void {
    this.hasOperandOverride = false;
    this.hasAddressOverride = false;
    this.repeat = undefined;
    this.hasLock = false;
    this.segmentOverride = undefined;
    this.rex = 0;
    this.hasRex = false;
    this.vex = undefined;
    this.vexRegister = 0;
  }

  /** Reads legacy prefixes and REX; the first opcode byte. */
  read(code: CodeReader, is64: boolean): number {
    this.#clear();
    for (;;) {
      const byte = code.byte();
      if (this.#takeLegacy(byte, is64)) {
        this.rex = 0; // REX counts only right before the opcode.
        this.hasRex = false;
      } else if (is64 && (byte & 0xf0) === 0x40) {
        this.rex = byte & 15;
        this.hasRex = true;
      } else return byte;
      if (code.isTooLong || code.isTruncated) return nop;
    }
  }

  #takeLegacy(byte: number, is64: boolean): boolean {
    switch (byte) {
      case 0x66:
        this.hasOperandOverride = true;
        return true;
      case 0x67:
        this.hasAddressOverride = true;
        return true;
      case 0xf2:
        this.repeat = 'F2';
        return true;
      case 0xf3:
        this.repeat = 'F3';
        return true;
      case 0xf0:
        this.hasLock = true;
        return true;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
        if (!is64) this.segmentOverride = (byte >> 3) & 3;
        return true;
      case 0x64:
      case 0x65:
        this.segmentOverride = byte & 1 ? segment.gs : segment.fs;
        return true;
      default:
        return false;
    }
  }

  /**
   * Reads what follows C4 (`isLong`) or C5; the opcode map, undefined where there is none. R, X, B and vvvv are inverted; their
   * bits that choose further registers mean nothing outside of 64-bit mode.
   */
  readVex(code: CodeReader, isLong: boolean, is64: boolean): OpcodeMapName | undefined {
    const first = code.byte() ^ 0xe0;
    const last = isLong ? code.byte() : first ^ 0x60;
    const [r, x, b] = [(first >> 5) & 4, isLong ? (first >> 5) & 2 : 0, isLong ? (first >> 5) & 1 : 0];
    const w = isLong ? (last >> 4) & 8 : 0;
    this.rex = is64 ? r | x | b | w : w;
    this.vexRegister = (~last >> 3) & (is64 ? 15 : 7);
    this.vexLength = last & 4 ? 256 : 128;
    this.vex = vexPrefixes[last & 3] ?? 'NP';
    return vexMaps[isLong ? first & 31 : 1];
  }

  /** Prefixes that an instruction with a VEX prefix must not have (SDM 2A, 2.3.2 to 2.3.4). */
  get excludeVex(): boolean {
    return this.hasRex || this.hasOperandOverride || this.repeat !== undefined || this.hasLock;
  }

  get mandatory(): MandatoryPrefix {
    return this.vex ?? this.repeat ?? (this.hasOperandOverride ? '66' : 'NP');
  }
}
