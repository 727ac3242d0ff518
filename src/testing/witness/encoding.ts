/** Instruction bytes (SDM 2A, chapter 2). */
import type { OpcodeMapName } from '../../cpu/isa/x86/index.ts';
import { type VexFields, vexPrefix } from '../vex-prefix.ts';

/** Everything after the opcode that addresses memory. */
export interface EncodedAddress {
  readonly mod: 0 | 1 | 2;
  readonly rm: number;
  readonly sib: number | undefined;
  /** REX.X and REX.B. */
  readonly x: boolean;
  readonly b: boolean;
  readonly displacementBytes: 0 | 1 | 2 | 4;
  readonly displacement: number;
  /** The displacement is relative to the next instruction: its target. */
  readonly ripTarget: number | undefined;
}

export interface EncodedInstruction {
  readonly prefixes: readonly number[];
  readonly map: OpcodeMapName;
  readonly opcode: number;
  readonly vex: Pick<VexFields, 'prefix' | 'length' | 'w' | 'register' | 'isLong'> | undefined;
  readonly rex: { readonly w: boolean; readonly isForced: boolean } | undefined;
  readonly modrm: { readonly reg: number; readonly rm: number | EncodedAddress } | undefined;
  /** High bit of a register in the opcode. */
  readonly opcodeHigh: boolean;
  readonly tail: readonly number[];
}

export function littleEndian(value: bigint | number, bytes: number): number[] {
  let rest = BigInt.asUintN(8 * bytes, BigInt(value));
  return Array.from({ length: bytes }, () => {
    const byte = Number(rest & 0xffn);
    rest >>= 8n;
    return byte;
  });
}

/** High bits of register numbers. */
function highBits({ modrm, opcodeHigh }: EncodedInstruction): Pick<VexFields, 'r' | 'x' | 'b'> {
  const rm = modrm?.rm;
  const isMemory = typeof rm === 'object';
  const b = isMemory ? rm.b : rm !== undefined ? rm > 7 : opcodeHigh;
  return { r: modrm !== undefined && modrm.reg > 7, x: isMemory && rm.x, b };
}

function rexByte(instruction: EncodedInstruction): number[] {
  const { rex } = instruction;
  if (!rex) return [];
  const { r, x, b } = highBits(instruction);
  const bits = (rex.w ? 8 : 0) | (r ? 4 : 0) | (x ? 2 : 0) | (b ? 1 : 0);
  return bits !== 0 || rex.isForced ? [0x40 | bits] : [];
}

const escapes: Readonly<Partial<Record<OpcodeMapName, readonly number[]>>> = {
  '0F': [0x0f],
  '0F38': [0x0f, 0x38],
  '0F3A': [0x0f, 0x3a],
};

/** The bytes of the instruction when it lies at `position`. */
export function encode(instruction: EncodedInstruction, position: number): number[] {
  const { map, vex, modrm, tail } = instruction;
  const front = vex
    ? vexPrefix({ map, ...vex, ...highBits(instruction) })
    : [...rexByte(instruction), ...(escapes[map] ?? [])];
  const bytes = [...instruction.prefixes, ...front, instruction.opcode];
  if (!modrm) return [...bytes, ...tail];
  const reg = (modrm.reg & 7) << 3;
  if (typeof modrm.rm === 'number') return [...bytes, 0xc0 | reg | (modrm.rm & 7), ...tail];
  const address = modrm.rm;
  bytes.push((address.mod << 6) | reg | address.rm);
  if (address.sib !== undefined) bytes.push(address.sib);
  const end = position + bytes.length + address.displacementBytes + tail.length;
  const displacement = address.ripTarget === undefined ? address.displacement : address.ripTarget - end;
  return [...bytes, ...littleEndian(displacement, address.displacementBytes), ...tail];
}
