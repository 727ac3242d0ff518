/** The memory images of FNSTENV, FNSAVE and their loads (SDM 1, figures 8-9 to 8-12). */
import { layout } from '../layout.ts';
import type { X87 } from './fpu.ts';

/** An image's shape: operand size, and whether addresses are kept as in real and virtual-8086 mode. */
export interface EnvironmentFormat {
  readonly isWide: boolean;
  readonly isReal: boolean;
}

export const environmentBytes = (isWide: boolean): number => (isWide ? 28 : 14);
export const registerBytes = 80;

/** The two-bit tag of a physical register: 0 valid, 1 zero, 2 special, 3 empty (SDM 1, 8.1.7). */
function fullTag(fpu: X87, physical: number): number {
  if (((fpu.tags >> physical) & 1) === 0) return 3;
  const at = (layout.x87 >> 2) + (physical << 2);
  const hi = fpu.words[at + 1]!;
  const exponent = fpu.words[at + 2]! & 0x7fff;
  if (exponent === 0) return (hi | fpu.words[at]!) === 0 ? 1 : 2;
  return exponent === 0x7fff || hi >= 0 ? 2 : 0;
}

export function fullTagWord(fpu: X87): number {
  let word = 0;
  for (let i = 0; i < 8; i++) word |= fullTag(fpu, i) << (2 * i);
  return word;
}

export function setFullTagWord(fpu: X87, word: number): void {
  let tags = 0;
  for (let i = 0; i < 8; i++) if (((word >> (2 * i)) & 3) !== 3) tags |= 1 << i;
  fpu.tags = tags;
}

const low32 = (view: DataView, at: number): number => view.getUint32(at, true);

/** FCS and FDS read as zero (deprecated, CPUID.7.0:EBX bit 13). */
export function writeEnvironment(fpu: X87, image: DataView, { isWide, isReal }: EnvironmentFormat): void {
  const instruction = fpu.words[layout.x87InstructionPointer >> 2]! >>> 0;
  const data = fpu.words[layout.x87DataPointer >> 2]! >>> 0;
  const words = [fpu.control, fpu.status, fullTagWord(fpu)];
  if (isWide) {
    words.forEach((word, i) => {
      image.setUint32(4 * i, 0xffff0000 + word, true);
    });
    const upper = (address: number): number => (address >>> 16) << 12;
    image.setUint32(12, isReal ? 0xffff0000 + (instruction & 0xffff) : instruction, true);
    image.setUint32(16, isReal ? upper(instruction) | fpu.opcode : fpu.opcode << 16, true);
    image.setUint32(20, isReal ? 0xffff0000 + (data & 0xffff) : data, true);
    image.setUint32(24, isReal ? upper(data) : 0xffff0000, true);
    return;
  }
  words.push(instruction, isReal ? ((instruction >> 4) & 0xf000) | fpu.opcode : 0);
  words.push(data, isReal ? (data >> 4) & 0xf000 : 0);
  words.forEach((word, i) => {
    image.setUint16(2 * i, word & 0xffff, true);
  });
}

export function readEnvironment(fpu: X87, image: DataView, format: EnvironmentFormat): void {
  const at = (i: number): number => image.getUint16(format.isWide ? 4 * i : 2 * i, true);
  fpu.status = at(1);
  setFullTagWord(fpu, at(2));
  readPointers(fpu, image, format);
  fpu.setControl(at(0));
}

function readPointers(fpu: X87, image: DataView, { isWide, isReal }: EnvironmentFormat): void {
  let instruction: number;
  let data: number;
  if (isWide && isReal) {
    instruction = image.getUint16(12, true) | ((low32(image, 16) & 0x0ffff000) << 4);
    data = image.getUint16(20, true) | ((low32(image, 24) & 0x0ffff000) << 4);
    fpu.opcode = low32(image, 16);
  } else if (isWide) {
    instruction = low32(image, 12);
    data = low32(image, 20);
    fpu.opcode = low32(image, 16) >>> 16;
  } else {
    const upper = (offset: number): number => (isReal ? (image.getUint16(offset, true) & 0xf000) << 4 : 0);
    instruction = image.getUint16(6, true) | upper(8);
    data = image.getUint16(10, true) | upper(12);
    // The protected-mode image of 16 bits has no opcode.
    fpu.opcode = isReal ? image.getUint16(8, true) : 0;
  }
  setPointer(fpu, layout.x87InstructionPointer, instruction, 0);
  setPointer(fpu, layout.x87DataPointer, data, 0);
}

export function setPointer(fpu: X87, at: number, low: number, high: number): void {
  fpu.words[at >> 2] = low;
  fpu.words[(at >> 2) + 1] = high;
}

/** Copies ST(0) to ST(7), `stride` bytes apart, into an image. Views of single registers would cost more than their bytes. */
export function writeRegisters(fpu: X87, image: Uint8Array, offset: number, stride: number): void {
  for (let i = 0; i < 8; i++) {
    const from = layout.x87 + (((fpu.top + i) & 7) << 4);
    for (let j = 0; j < 10; j++) image[offset + i * stride + j] = fpu.bytes[from + j]!;
  }
}

/** The opposite; TOP must have been loaded. */
export function readRegisters(fpu: X87, image: Uint8Array, offset: number, stride: number): void {
  for (let i = 0; i < 8; i++) {
    const to = layout.x87 + (((fpu.top + i) & 7) << 4);
    for (let j = 0; j < 10; j++) fpu.bytes[to + j] = image[offset + i * stride + j]!;
  }
}
