/** FXSAVE and FXRSTOR (SDM 1, 10.5): x87, MMX and SSE state in 512 bytes. */
import { layout } from '../layout.ts';
import { modeKey } from '../mode.ts';
import { mxcsr, setMxcsr } from '../mxcsr.ts';
import { readRegisters, setPointer, writeRegisters } from './environment.ts';
import type { X87 } from './fpu.ts';
import { linearAddress } from './operand.ts';

const offset = {
  control: 0,
  status: 2,
  tags: 4,
  opcode: 6,
  instruction: 8,
  data: 16,
  mxcsr: 24,
  mxcsrMask: 28,
  registers: 32,
  xmm: 160,
} as const;

/** Bytes up to and including the last XMM register that the mode has: 8 of them, or 16 in 64-bit mode. */
function imageBytes(fpu: X87): number {
  const is64 = (fpu.words[layout.modeKey >> 2]! & modeKey.codeMask) === modeKey.code64;
  return offset.xmm + 16 * (is64 ? 16 : 8);
}

function alignedAddress(fpu: X87): bigint {
  const linear = linearAddress(fpu);
  if ((linear & 15n) !== 0n) fpu.host.raiseGeneralProtection();
  return linear;
}

/** `hasRexW` chooses 64-bit pointers; otherwise they have 32 bits and a selector, which reads as zero. */
export function fxsave(fpu: X87, hasRexW: number): void {
  const linear = alignedAddress(fpu);
  const image = new Uint8Array(imageBytes(fpu));
  const view = new DataView(image.buffer);
  const pointer = (at: number, from: number): void => {
    view.setUint32(at, fpu.words[from >> 2]!, true);
    if (hasRexW) view.setUint32(at + 4, fpu.words[(from >> 2) + 1]!, true);
  };
  view.setUint16(offset.control, fpu.control, true);
  view.setUint16(offset.status, fpu.status, true);
  view.setUint8(offset.tags, fpu.tags);
  view.setUint16(offset.opcode, fpu.opcode, true);
  pointer(offset.instruction, layout.x87InstructionPointer);
  pointer(offset.data, layout.x87DataPointer);
  view.setUint32(offset.mxcsr, fpu.words[layout.mxcsr >> 2]!, true);
  view.setUint32(offset.mxcsrMask, mxcsr.valid, true);
  writeRegisters(fpu, image, offset.registers, 16);
  image.set(fpu.bytes.subarray(layout.xmm, layout.xmm + image.length - offset.xmm), offset.xmm);
  fpu.linear.write(linear, image);
}

export function fxrstor(fpu: X87, hasRexW: number): void {
  const linear = alignedAddress(fpu);
  const image = fpu.linear.read(linear, imageBytes(fpu));
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const control = view.getUint32(offset.mxcsr, true);
  if ((control & ~mxcsr.valid) !== 0) fpu.host.raiseGeneralProtection();
  const pointer = (at: number, to: number): void => {
    setPointer(fpu, to, view.getInt32(at, true), hasRexW ? view.getInt32(at + 4, true) : 0);
  };
  fpu.status = view.getUint16(offset.status, true);
  fpu.tags = view.getUint8(offset.tags);
  fpu.opcode = view.getUint16(offset.opcode, true);
  pointer(offset.instruction, layout.x87InstructionPointer);
  pointer(offset.data, layout.x87DataPointer);
  fpu.setControl(view.getUint16(offset.control, true));
  setMxcsr(fpu.words, control);
  readRegisters(fpu, image, offset.registers, 16);
  fpu.bytes.set(image.subarray(offset.xmm), layout.xmm);
}
